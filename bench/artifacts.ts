import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { OUTPUTS } from '../infra/outputs.ts';
import { LOCAL_REGION } from '../local/aws/account.ts';
import type { FunctionSpec } from '../local/aws/lambda-process.ts';
import { type Deployment, readDeployment } from '../local/aws/template.ts';
import { synthesize } from '../local/start/synthesize.ts';

const ROOT = join(import.meta.dirname, '..');

/** A function's code as it is shipped. */
export interface Artifact {
  readonly codeDirectory: string;
  /** `file.export` */
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
}

export const DESIGNS = ['empty', 'ours', 'plain'] as const;
export type Design = (typeof DESIGNS)[number];

/** Everything that is measured, on disk. */
export interface Bench {
  readonly artifacts: Readonly<Record<Design, Artifact>>;
  /** What follows a build to its end. */
  readonly followers: { readonly receiveWebhook: FunctionSpec; readonly followBuilds: FunctionSpec };
  readonly deployment: Deployment;
  readonly template: Template;
  /** A client of the Lambda Runtime API, as plain JavaScript: stripping its types is no part of a cold start. */
  readonly bootstrap: string;
  /** To be imported before the bootstrap; see `probe.ts`. */
  readonly probe: string;
  readonly timeoutS: number;
  readonly memoryMb: number;
}

/** What of the template the costs depend on. */
export interface Template {
  readonly Resources: Readonly<
    Record<string, { readonly Type: string; readonly Properties?: Readonly<Record<string, unknown>> }>
  >;
}

/** @param directory empty; it takes all that is made */
export async function prepare(directory: string): Promise<Bench> {
  const assembly = join(directory, 'assembly');
  await synthesize({}, assembly);
  // The URLs that the deployment is resolved to are overwritten for each run.
  const deployment = readDeployment(assembly, { region: LOCAL_REGION, endpoint: 'http://127.0.0.1' });
  const behind = (output: string) =>
    deployment.eventSources.find(({ queueUrl }) => queueUrl === deployment.output(output))?.function;
  const [spec, followBuilds] = [behind(OUTPUTS.buildsQueueUrl), behind(OUTPUTS.followQueueUrl)];
  const receiveWebhook = deployment.httpApis[0]?.routes[0]?.function;
  if (spec === undefined || followBuilds === undefined || receiveWebhook === undefined) {
    throw new Error('The stack has no function behind a queue or its public address.');
  }
  const templateFile = (await readdir(assembly)).find((file) => file.endsWith('.template.json')) ?? '';
  const template = JSON.parse(await readFile(join(assembly, templateFile), 'utf8')) as Template;

  const [empty, plain] = [join(directory, 'empty'), join(directory, 'plain')];
  await mkdir(empty);
  await writeFile(join(empty, 'index.mjs'), 'export const handler=async()=>({batchItemFailures:[]});');
  // What NodejsFunction does where nothing is said, but for two things in favour of the plain design: it is minified, and the
  // SDK is bundled rather than read file by file from the runtime's node_modules.
  await build({
    entryPoints: [join(import.meta.dirname, 'plain', 'handler.ts')],
    outfile: join(plain, 'index.js'),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    logLevel: 'error',
  });
  const script = async (source: string) => {
    const outfile = join(directory, `${source.replace(/.*\//, '').replace(/\.ts$/, '')}.mjs`);
    await build({ entryPoints: [join(ROOT, source)], outfile, format: 'esm', target: 'node24' });
    return outfile;
  };
  const { environment, handler } = spec;
  return {
    artifacts: {
      empty: { codeDirectory: empty, handler: 'index.handler', environment: {} },
      ours: { codeDirectory: spec.codeDirectory, handler, environment },
      plain: { codeDirectory: plain, handler: 'index.handler', environment },
    },
    followers: { receiveWebhook, followBuilds },
    deployment,
    template,
    bootstrap: await script('local/aws/lambda-runtime.ts'),
    probe: await script('bench/probe.ts'),
    timeoutS: spec.timeoutS,
    memoryMb: spec.memoryMb,
  };
}
