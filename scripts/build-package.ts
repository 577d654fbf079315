// Builds what the published package has beside its documents, in dist/. `npm pack` and `npm publish` run it first (prepack).
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Metafile } from 'esbuild';
import { boardFiles } from '../cli/board/files.ts';
import { BUNDLING } from '../infra/lambda/bundling.ts';
import { writeBundles } from '../infra/lambda/function-code.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const TYPES = join(DIST, 'types');

/** Of the oldest Node that `engines` in package.json allows. Files are found from the same depth below dist/ as below the root. */
const MODULE = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  mainFields: BUNDLING.mainFields,
  // For the zip reader, which is CommonJS. The construct imports `createRequire` itself.
  banner: {
    js: "import { createRequire as requireIn } from 'node:module'; const require = requireIn(import.meta.url);",
  },
  logLevel: 'warning',
  metafile: true,
} satisfies BuildOptions;

rmSync(DIST, { recursive: true, force: true });
writeBundles(join(DIST, 'bundles'));
const built = [
  await build({ ...MODULE, entryPoints: ['cli/main.ts'], outfile: 'dist/cli/main.js', minify: true }),
  await build({
    ...MODULE,
    entryPoints: ['infra/index.ts'],
    outfile: 'dist/infra/index.js',
    // Else CDK's messages speak of a `_StreampixelDrop`.
    keepNames: true,
    // esbuild is for the clone only, which has no prebuilt functions.
    external: ['aws-cdk-lib', 'constructs', 'esbuild'],
  }),
  await build({
    ...BUNDLING,
    absWorkingDir: ROOT,
    entryPoints: handlers(),
    outdir: 'dist',
    write: false,
    metafile: true,
  }),
];
for (const [path, { content }] of boardFiles()) {
  // `/` is index.html.
  if (path === '/') continue;
  const file = join(DIST, 'cli', 'board-page', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
writeDeclarations('infra/index.d.ts');
writeFileSync(join(DIST, 'THIRD-PARTY-LICENSES.txt'), licenses(built.map(({ metafile }) => metafile)));

function handlers(): string[] {
  const folders = readdirSync(join(DIST, 'bundles'));
  return folders.map((name) => `functions/${name}/handler.ts`);
}

/** Checks the package's code against the library of the oldest Node, and copies the declarations that an entry leads to. */
function writeDeclarations(entry: string): void {
  const all = mkdtempSync(join(tmpdir(), 'streampixel-drop-types-'));
  try {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.package.json', '--outDir', all], {
      cwd: ROOT,
      // Stdout is that of `npm pack --json`.
      stdio: ['ignore', 2, 2],
    });
    if (status !== 0) throw new Error('tsc has failed, see above.');
    const files = new Set([entry]);
    for (const file of files) {
      const text = readFileSync(join(all, file), 'utf8');
      for (const [, path = ''] of text.matchAll(/(?:from |import\()["'](\.{1,2}\/[^"']+)\.ts["']/g)) {
        files.add(`${join(dirname(file), path)}.d.ts`);
      }
      mkdirSync(dirname(join(TYPES, file)), { recursive: true });
      cpSync(join(all, file), join(TYPES, file));
    }
    // As those of CommonJS they are for both: TypeScript refuses to `require` a module, which Node has done since 20.19.
    writeFileSync(join(TYPES, 'package.json'), JSON.stringify({ type: 'commonjs' }));
  } finally {
    rmSync(all, { recursive: true });
  }
}

/** The licenses of the packages whose code is in the bundles: they ask for it. */
function licenses(metafiles: readonly Metafile[]): string {
  const files = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  // The page's libraries are no inputs of esbuild.
  const page = ['node_modules/preact', 'node_modules/htm'];
  const folders = new Set([
    ...page,
    ...files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  ]);
  const packagesOf = new Map<string, string[]>();
  for (const folder of [...folders].sort()) {
    const { license, name, version } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(ROOT, folder)).find((each) => /^licen[cs]e/i.test(each));
    const text = file === undefined ? `License: ${license}` : readFileSync(join(ROOT, folder, file), 'utf8').trim();
    packagesOf.set(text, [...(packagesOf.get(text) ?? []), `${name} ${version}`]);
  }
  const sections = [...packagesOf].map(([text, packages]) => `${packages.join('\n')}\n\n${text}\n`);
  return ['Code of these packages is in the bundles.\n', ...sections].join(`\n${'-'.repeat(80)}\n\n`);
}
