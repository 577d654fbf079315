import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb';
import { build } from 'esbuild';
import { OUTPUTS } from '../infra/outputs/outputs.ts';
import { LOCAL_REGION } from '../local/aws/account.ts';
import type { Template } from '../local/aws/intrinsics.ts';
import type { FunctionSpec } from '../local/aws/lambda-process.ts';
import { readDeployment } from '../local/aws/template.ts';
import { synthesize } from '../local/start/synthesize.ts';

export const DESIGNS = ['empty', 'ours', 'plain'] as const;
export type Design = (typeof DESIGNS)[number];

/** Everything that is measured, on disk. */
export interface Bench {
  /** Our worker, two others in its place, and what follows a build after its submission. */
  readonly functions: Readonly<Record<Design | 'receiveWebhook' | 'followBuilds', FunctionSpec>>;
  readonly table: CreateTableCommandInput;
  readonly template: Template;
  /** A client of the Lambda Runtime API, as plain JavaScript: stripping its types is no part of a cold start. */
  readonly bootstrap: string;
  /** To be imported before the bootstrap; see `probe.ts`. */
  readonly probe: string;
}

/** @param directory empty; everything that is made goes there */
export async function prepare(directory: string): Promise<Bench> {
  const assembly = join(directory, 'assembly');
  await synthesize({}, assembly);
  // The URLs that the deployment is resolved to are overwritten for each run.
  const deployment = readDeployment(assembly, { region: LOCAL_REGION, endpoint: 'http://127.0.0.1' });
  const behind = (output: string) =>
    deployment.eventSources.find(({ queueUrl }) => queueUrl === deployment.output(output))?.function;
  const [ours, followBuilds] = [behind(OUTPUTS.buildsQueueUrl), behind(OUTPUTS.followQueueUrl)];
  const receiveWebhook = deployment.httpApis[0]?.routes[0]?.function;
  const [table] = deployment.tables;
  if (ours === undefined || followBuilds === undefined || receiveWebhook === undefined || table === undefined) {
    throw new Error('The stack has no table, or no function behind a queue or its public address.');
  }

  const [empty, plain] = [join(directory, 'empty'), join(directory, 'plain')];
  await mkdir(empty);
  await writeFile(join(empty, 'index.mjs'), 'export const handler=async()=>({batchItemFailures:[]});');
  // As NodejsFunction bundles by default, but for two things in favour of the plain design: it is minified, and the SDK is in the
  // bundle rather than read file by file from the runtime's node_modules.
  await build({
    entryPoints: [join(import.meta.dirname, 'plain', 'handler.ts')],
    outfile: join(plain, 'index.cjs'),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    logLevel: 'error',
  });
  const script = async (source: string) => {
    const outfile = join(directory, `${basename(source, '.ts')}.mjs`);
    await build({ entryPoints: [join(import.meta.dirname, source)], outfile, format: 'esm', target: 'node24' });
    return outfile;
  };
  return {
    functions: {
      empty: { ...ours, codeDirectory: empty, handler: 'index.handler' },
      ours,
      plain: { ...ours, codeDirectory: plain, handler: 'index.handler' },
      receiveWebhook,
      followBuilds,
    },
    table,
    template: deployment.template,
    bootstrap: await script('../local/aws/lambda-runtime.ts'),
    probe: await script('probe.ts'),
  };
}
