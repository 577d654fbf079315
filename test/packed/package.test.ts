import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, globSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { App, Stack } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { StreampixelDrop } from '../../infra/index.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { openQuietStack } from '../cli/quiet-stack.ts';
import { addPackages, filesIn, installedIn, NODES, pack, ROOT, temporaryDirectory } from './packed.ts';

// npm, tsc and CDK are processes of their own, many times as slow on a busy machine.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const MB = 1_000_000;
const directory = temporaryDirectory();
afterAll(() => rmSync(directory, { recursive: true }));

let tarball: string;
let app: string;
/** Of the installed package. */
let files: ReadonlyMap<string, Buffer>;
beforeAll(() => {
  tarball = pack(join(directory, 'tarball'));
  app = installedIn(join(directory, 'app'), tarball, APP);
  files = filesIn(join(app, 'node_modules', 'streampixel-drop'));
  addPackages(app, ['aws-cdk-lib', 'constructs', '@types/node']);
});

const ROUTE = {
  prefix: '',
  userId: '5f0000000000000000000001',
  projectId: '5f0000000000000000000002',
  autoRelease: false,
  apiKeyParameter: '/studio/api-key',
};
const PROPS = `{ routes: [${JSON.stringify(ROUTE)}] }`;
const USE = `const app = new App({ outdir: process.argv[2] });
new StreampixelDrop(new Stack(app, 'Studio'), 'Builds', ${PROPS});
app.synth();
`;
const TYPED = `import { App, Stack } from 'aws-cdk-lib';
import { StreampixelDrop, type StreampixelDropProps } from 'streampixel-drop';
const props: StreampixelDropProps = ${PROPS};
const drop = new StreampixelDrop(new Stack(new App(), 'Studio'), 'Builds', props);
drop.bucket.bucketName.toUpperCase();
// @ts-expect-error: no such prop, so the types are there.
new StreampixelDrop(drop, 'Other', { ...props, route: [] });
`;
/** What an app of a studio is made of. */
const APP = {
  'app.mjs': `import { App, Stack } from 'aws-cdk-lib';\nimport { StreampixelDrop } from 'streampixel-drop';\n${USE}`,
  'app.cjs': `const { App, Stack } = require('aws-cdk-lib');\nconst { StreampixelDrop } = require('streampixel-drop');\n${USE}`,
  'app.ts': TYPED,
  // CommonJS, as `cdk init` makes it.
  'app.cts': TYPED,
};

function run(node: string, cwd: string, ...args: string[]) {
  const env = {
    ...process.env,
    PATH: [dirname(node), process.env.PATH].join(delimiter),
    NO_COLOR: '1',
    CDK_DISABLE_CLI_TELEMETRY: 'true',
  };
  const { status, stderr, stdout } = spawnSync(node, args, { cwd, encoding: 'utf8', env });
  return { status, stdout, stderr };
}

const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

describe('the package', () => {
  it('has the code that runs, the documents, and nothing else', () => {
    const allowed =
      /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|API\.md|streampixel-drop\.schema\.json|cli\/streampixel-drop\.mjs|docs\/.+\.(md|json|svg|webp)|dist\/THIRD-PARTY-LICENSES\.txt|dist\/cli\/main\.js|dist\/cli\/board-page\/.+|dist\/infra\/index\.js|dist\/types\/package\.json|dist\/types\/.+\.d\.ts|dist\/bundles\/[a-z-]+\/index\.mjs)$/;
    expect([...files.keys()].filter((path) => !allowed.test(path))).toEqual([]);
    const functions = readdirSync(join(ROOT, 'functions')).filter((name) =>
      existsSync(join(ROOT, 'functions', name, 'handler.ts')),
    );
    expect([...files.keys()]).toEqual(
      expect.arrayContaining([
        'README.md',
        'LICENSE',
        'CHANGELOG.md',
        'docs/runbook.md',
        ...functions.map((name) => `dist/bundles/${name}/index.mjs`),
      ]),
    );
  });

  it('has every file that its package.json names', () => {
    const { bin, exports, main, types } = packageJson;
    // For TypeScript that knows no `exports`, as with module commonjs.
    expect({ default: main, types }).toEqual(exports['.']);
    const named = [
      ...Object.values(bin),
      ...Object.values(exports).flatMap((each) => (typeof each === 'string' ? [each] : Object.values(each))),
    ];
    expect(named.filter((path) => !files.has(path.replace('./', '')))).toEqual([]);
  });

  it('has no source map and no path of the machine that built it', () => {
    const paths = [directory, ...readdirSync(ROOT).map((name) => join(ROOT, name))];
    // From the root: a path that ends in /app/docs is not that of a clone in /app.
    const has = (text: string, path: string) =>
      text
        .split(path)
        .slice(0, -1)
        .some((before) => !/[\w.-]$/.test(before));
    const revealing = [...files].filter(([, content]) => {
      const text = content.toString();
      return text.includes('sourceMappingURL=data:') || paths.some((path) => has(text, path));
    });
    expect(revealing.map(([path]) => path)).toEqual([]);
  });

  it('is small, and brings nothing else: no CDK, no SDK, no Node', () => {
    expect(statSync(tarball).size).toBeLessThan(3 * MB);
    expect([...files.values()].reduce((sum, { length }) => sum + length, 0)).toBeLessThan(10 * MB);
    const { packages } = JSON.parse(readFileSync(join(app, 'node_modules', '.package-lock.json'), 'utf8'));
    expect(Object.keys(packages)).toEqual(['node_modules/streampixel-drop']);
    expect(packageJson).not.toHaveProperty('dependencies');
    expect(packageJson).not.toHaveProperty('optionalDependencies');
    expect(Object.keys(packageJson.peerDependenciesMeta)).toEqual(Object.keys(packageJson.peerDependencies));
  });

  it('has the construct under its name, which messages of CDK have in them', async () => {
    const construct = await import(pathToFileURL(join(app, 'node_modules', 'streampixel-drop', packageJson.main)).href);
    expect(construct.StreampixelDrop.name).toBe('StreampixelDrop');
  });

  it('is the same when it is packed again', () => {
    const again = installedIn(join(directory, 'again'), pack(join(directory, 'tarball-again')));
    const others = filesIn(join(again, 'node_modules', 'streampixel-drop'));
    expect([...others.keys()]).toEqual([...files.keys()]);
    expect([...others].filter(([path, content]) => files.get(path)?.equals(content) !== true)).toEqual([]);
  });

  it('runs no script where it is installed', () => {
    const atInstallation = ['preinstall', 'install', 'postinstall', 'prepare'];
    expect(Object.keys(packageJson.scripts).filter((name) => atInstallation.includes(name))).toEqual([]);
  });
});

describe.each(NODES)('on Node %s', (version, node) => {
  const tool = (...args: string[]) =>
    run(node, directory, join(app, 'node_modules', 'streampixel-drop', 'cli', 'streampixel-drop.mjs'), ...args);

  it('the tool runs', async () => {
    expect(tool('--version')).toEqual({ status: 0, stdout: `${packageJson.version}\n`, stderr: '' });
    expect(tool('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage: streampixel-drop') });
    // With npx a `--help` before any command is npm's own.
    expect(tool('help')).toEqual(tool('--help'));
    expect(tool('chekc')).toMatchObject({ status: 2, stderr: expect.stringContaining('streampixel-drop help') });
    writeFileSync(join(directory, 'good.zip'), await makeSampleBuild());
    const clone = run(node, directory, join(ROOT, 'cli', 'streampixel-drop.mjs'), 'check', 'good.zip', '--json');
    expect(clone).toMatchObject({ status: 0, stdout: expect.stringContaining('"ok":true') });
    expect(tool('check', 'good.zip', '--json')).toEqual(clone);
    // As the action starts it.
    const bundle = join(app, 'node_modules', 'streampixel-drop', 'dist', 'cli', 'main.js');
    expect(run(node, directory, bundle, 'status', '--json', '--region', 'eu-central-1', '--local', '1')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('"error"'),
      // On Node 20 the SDK warns of its later versions.
      stderr: expect.not.stringContaining('Warning'),
    });
  });

  it('the tool serves the board, and takes the address of a proxy', async ({ onTestFinished }) => {
    const { port } = await openQuietStack(onTestFinished);
    const bin = join(app, 'node_modules', 'streampixel-drop', 'cli', 'streampixel-drop.mjs');
    const env = { ...process.env, HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: '127.0.0.1' };
    const board = spawn(node, [bin, 'board', '--no-open', '--local', String(port)], { env });
    onTestFinished(() => void board.kill());
    const [line] = await once(createInterface(board.stdout), 'line');
    expect(line).toMatch(/^Board {2}http:\/\/127\.0\.0\.1:/);
    board.kill('SIGINT');
    expect(await once(board, 'exit')).toEqual([0, null]);
  });

  it.each(['app.mjs', 'app.cjs'])('%s has the same template as an app in the clone, functions included', (file) => {
    const outdir = join(app, `${file}.${version}.out`);
    expect(run(node, app, file, outdir)).toMatchObject({ status: 0 });
    expect(templateIn(outdir)).toEqual(templateOfClone());
  });
});

function templateIn(outdir: string): unknown {
  return JSON.parse(readFileSync(join(outdir, 'Studio.template.json'), 'utf8'));
}

let cloned: unknown;
function templateOfClone(): unknown {
  if (cloned !== undefined) return cloned;
  const outdir = join(directory, 'clone.out');
  const clone = new App({ outdir });
  new StreampixelDrop(new Stack(clone, 'Studio'), 'Builds', { routes: [ROUTE] });
  clone.synth();
  cloned = templateIn(outdir);
  return cloned;
}

it.each([
  ['nodenext', 'NodeNext'],
  ['bundler', 'ESNext'],
  // Refuses to `require` a module in app.cts.
  ['node16', 'Node16'],
])('TypeScript has its types with moduleResolution %s', (moduleResolution, module) => {
  const compilerOptions = {
    module,
    moduleResolution,
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: ['node'],
  };
  const config = join(app, `tsconfig.${moduleResolution}.json`);
  writeFileSync(
    config,
    JSON.stringify({ compilerOptions: { ...compilerOptions, target: 'ES2023' }, files: ['app.ts', 'app.cts'] }),
  );
  expect(run(process.execPath, app, TSC, '-p', config)).toEqual({ status: 0, stdout: '', stderr: '' });
});

it.each(globSync('*/', { cwd: join(ROOT, 'examples') }))(
  'examples/%s installs it and compiles, and cdk-nag finds nothing in what it synthesizes',
  (example) => {
    const folder = join(directory, example);
    cpSync(join(ROOT, 'examples', example), folder, { recursive: true });
    const { dependencies, devDependencies, ...rest } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const { 'streampixel-drop': _own, ...others } = dependencies;
    expect(Object.keys(dependencies)).toContain('streampixel-drop');
    // The others are this repository's: nothing is installed over the network.
    installedIn(folder, tarball, { 'package.json': JSON.stringify(rest) });
    addPackages(folder, Object.keys({ ...others, ...devDependencies }));
    if (existsSync(join(folder, 'tsconfig.json'))) {
      expect(run(process.execPath, folder, TSC, '-p', '.')).toEqual({ status: 0, stdout: '', stderr: '' });
    }
    const cdk = join(ROOT, 'node_modules', 'aws-cdk', 'bin', 'cdk');
    expect(run(process.execPath, folder, cdk, 'synth', '--quiet', '--no-notices')).toMatchObject({ status: 0 });
    expect(globSync('cdk.out/**/*.template.json', { cwd: folder })).not.toEqual([]);
  },
);
