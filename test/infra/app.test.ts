import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readEnvironment as readFollowEnvironment } from '../../functions/follow-builds/environment.ts';
import { readEnvironment as readWebhookEnvironment } from '../../functions/receive-webhook/environment.ts';
import { readEnvironment as readRedriveEnvironment } from '../../functions/redrive-builds/environment.ts';
import { readEnvironment as readReminderEnvironment } from '../../functions/remind-of-dead-letters/environment.ts';
import { readEnvironment } from '../../functions/submit-build/environment.ts';
import { cdkFlags } from '../../infra/cdk-flags.ts';
import { createApp } from '../../infra/synthesize.ts';
import { STUDIO } from './synthesized.ts';

const ROOT = join(import.meta.dirname, '..', '..');
let outdir: string;
/** Without a file of settings. */
let directory: string;

beforeAll(() => {
  outdir = mkdtempSync(join(tmpdir(), 'streampixel-drop-app-'));
  directory = mkdtempSync(join(tmpdir(), 'streampixel-drop-app-'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  for (const each of [outdir, directory]) rmSync(each, { recursive: true });
});

/** Runs the app as the CDK CLI does, on a machine that knows no AWS credentials. */
function runApp(context: Record<string, unknown>, cwd = directory) {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'infra/app.ts')], {
    cwd,
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      AWS_EC2_METADATA_DISABLED: 'true',
      CDK_OUTDIR: outdir,
      CDK_CONTEXT_JSON: JSON.stringify({ ...cdkFlags(), ...context }),
    },
  });
  return { status, stderr };
}

describe('the CDK app', () => {
  it('prints what is wrong with the settings, one line each, and fails', () => {
    const { status, stderr } = runApp({ maxConcurrency: '1', prefixes: 'a/' });

    expect(status).toBe(1);
    expect(stderr.trimEnd().split('\n')).toEqual([
      '2 problems with the settings:',
      expect.stringMatching(/^ {2}- -c maxConcurrency: /),
      '  - -c prefixes: is not a setting. Did you mean prefix?',
    ]);
  });

  it('takes the settings of the current directory, and names them in what it prints', () => {
    const [home, project] = [join(directory, 'home'), join(directory, 'project')];
    for (const each of [home, project]) mkdirSync(each);
    writeFileSync(join(project, 'streampixel-drop.json'), JSON.stringify({ ...STUDIO, maxAttempts: 0 }));
    const { stderr } = runApp({}, project);
    expect(stderr).toMatch(/^A problem with the settings:\n {2}- streampixel-drop\.json: maxAttempts: must be/);

    writeFileSync(join(project, 'staging.json'), JSON.stringify(STUDIO));
    writeFileSync(join(home, '.cdk.json'), JSON.stringify({ context: { maxAttempts: 1 } }));
    vi.stubEnv('HOME', home);
    vi.stubEnv('USERPROFILE', home);
    const context = { ...cdkFlags(), settings: 'staging.json', maxAttempts: 1, stackName: 'Staging' };
    const app = createApp({ context, directory: project, outdir: join(directory, 'out'), bundle: false });
    const [stack] = app.synth().stacks;
    expect(stack?.stackName).toBe('Staging');
    expect(stack?.messages.map(({ entry }) => String(entry.data))).toEqual([
      expect.stringContaining('maxAttempts in ~/.cdk.json is not used'),
    ]);
  });

  it.each([
    ['submit-build', 'SubmitBuild', readEnvironment, ['index.mjs', 'routes.json']],
    ['follow-builds', 'FollowBuilds', readFollowEnvironment, ['index.mjs', 'routes.json']],
    ['redrive-builds', 'RedriveBuilds', readRedriveEnvironment, ['index.mjs', 'routes.json']],
    ['receive-webhook', 'ReceiveWebhook', readWebhookEnvironment, ['index.mjs']],
    ['remind-of-dead-letters', 'RemindOfDeadLetters', readReminderEnvironment, ['index.mjs']],
  ])('ships a bundle of %s that stands alone and exports the handler', (_, construct, read, files) => {
    const { status, stderr } = runApp(STUDIO);
    expect(stderr).not.toContain('ERROR');
    expect(status).toBe(0);

    const template = JSON.parse(readFileSync(join(outdir, 'StreampixelDrop.template.json'), 'utf8'));
    const { Code, Handler, Environment } = functionOf(template, construct);
    const environment = filledIn(Environment.Variables);
    read(environment);
    const directory = join(outdir, `asset.${Code.S3Key.replace('.zip', '')}`);

    expect(readdirSync(directory).sort()).toEqual(files);
    if (files.includes('routes.json')) {
      expect(JSON.parse(readFileSync(join(directory, 'routes.json'), 'utf8'))).toEqual(STUDIO.routes);
    }
    expect(Handler).toBe('index.handler');
    // From the temporary directory no node_modules is in reach: whatever the bundle left out would be missing.
    const imported = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', `console.log(typeof (await import('./index.mjs')).handler)`],
      { cwd: directory, encoding: 'utf8', env: { AWS_REGION: 'eu-central-1', ...environment } },
    );
    expect(imported).toMatchObject({ stderr: '', stdout: 'function\n', status: 0 });
  });
});

// biome-ignore lint/suspicious/noExplicitAny: a template has as many shapes as there are resources.
type Json = any;

function functionOf(template: Json, construct: string): Json {
  const functions = Object.entries<Json>(template.Resources).filter(
    ([id, { Type }]) => Type === 'AWS::Lambda::Function' && id.startsWith(construct),
  );
  expect(functions).toHaveLength(1);
  return functions[0]?.[1].Properties;
}

/** A function's variables, with something in the place of what CloudFormation fills in. */
function textOf(value: Json): string {
  if (typeof value === 'string') return value;
  return value.Ref ?? value['Fn::Join'][1].map(textOf).join('');
}

function filledIn(variables: Json): Record<string, string> {
  return Object.fromEntries(Object.entries<Json>(variables).map(([name, value]) => [name, textOf(value)]));
}
