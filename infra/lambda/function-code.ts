import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { AssetHashType, DockerImage, Token } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { Route } from '../../functions/domain/model/route.ts';
import { ROUTES_FILE } from '../../functions/routes-file.ts';
import { PROJECT_ROOT } from '../project-root.ts';
import { BUNDLING } from './bundling.ts';

const SOURCES = join(PROJECT_ROOT, 'functions');
/** In the published package only: a clone has the sources. */
const PREBUILT = join(PROJECT_ROOT, 'bundles');
const FILE = 'index.mjs';

/**
 * The code of a function: `index.mjs` with all that it needs and, beside it, the routes for the functions that need them. A file has
 * no limit of 4 KB as the environment has, and takes no call at run time. The asset's hash depends on what is in the files and on
 * nothing else, so that a change of routes is deployed.
 *
 * @param name its folder under functions/
 * @throws Error that names the field of a route that is known at deployment only
 */
export function functionCode(name: string, routes?: readonly Route[]): Code {
  const files = routes === undefined ? {} : { [ROUTES_FILE]: routesFile(routes) };
  const prebuilt = join(PREBUILT, name);
  const isPrebuilt = existsSync(prebuilt);
  const write = (directory: string) => {
    if (isPrebuilt) cpSync(prebuilt, directory, { recursive: true });
    else writeFileSync(join(directory, FILE), bundleOf(name));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
    return true;
  };
  return Code.fromAsset(isPrebuilt ? prebuilt : join(SOURCES, name), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      local: { tryBundle: write },
      // No container is ever started: `write` always succeeds.
      image: DockerImage.fromRegistry('unused'),
      // CDK makes one asset of those that have the same folder and bundling, whatever `write` does: two drops may have other routes.
      environment: files,
    },
  });
}

/** CDK replaces tokens in the template only: in a file the function would read `${Token[...]}`. */
function routesFile(routes: readonly Route[]): string {
  for (const [index, route] of routes.entries()) {
    for (const [field, value] of Object.entries(route)) {
      if (Token.isUnresolved(value)) {
        throw new Error(
          `routes[${index}].${field}: is known at deployment only (a CDK token). The functions read the routes from a file beside ` +
            'their code, which is written before: give the text itself',
        );
      }
    }
  }
  return JSON.stringify(routes);
}

let bundles: ReadonlyMap<string, Uint8Array> | undefined;

function bundleOf(name: string): Uint8Array {
  bundles ??= buildBundles();
  const bundle = bundles.get(name);
  if (bundle === undefined) throw new Error(`functions/${name} has no handler.ts`);
  return bundle;
}

/** All of them at once: to start esbuild takes longer than to bundle. */
function buildBundles(): ReadonlyMap<string, Uint8Array> {
  // Loaded only here: those who install the package have no esbuild, and need none.
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  const names = readdirSync(SOURCES).filter((name) => existsSync(join(SOURCES, name, 'handler.ts')));
  const { outputFiles } = buildSync({
    ...BUNDLING,
    absWorkingDir: PROJECT_ROOT,
    entryPoints: names.map((name) => ({ in: join(SOURCES, name, 'handler.ts'), out: name })),
    outdir: PREBUILT,
    write: false,
  });
  return new Map(names.map((name) => [name, contentsOf(outputFiles, join(PREBUILT, `${name}.mjs`))]));
}

function contentsOf(files: readonly { readonly path: string; readonly contents: Uint8Array }[], path: string) {
  const file = files.find((each) => each.path === path);
  if (file === undefined) throw new Error(`esbuild has not written ${path}`);
  return file.contents;
}

/** Writes `<function>/index.mjs` of every function into the directory: what the published package has as `bundles`. */
export function writeBundles(directory: string): void {
  bundles ??= buildBundles();
  for (const [name, bundle] of bundles) {
    mkdirSync(join(directory, name), { recursive: true });
    writeFileSync(join(directory, name, FILE), bundle);
  }
}
