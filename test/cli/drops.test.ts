import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { chosenDrop } from '../../cli/stack/stack.ts';
import type { CommandTarget } from '../../functions/domain/notify/operator-commands.ts';
import { dropsIn, OUTPUTS } from '../../infra/outputs/outputs.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { createLedgerTable } from '../support/ledger-table.ts';
import { anEntry } from './entries.ts';
import { openQuietStack } from './quiet-stack.ts';
import { PATIENCE, startTool } from './tool.ts';

vi.setConfig(PATIENCE);
const TOOL = 'npx --no streampixel-drop ';

/** The stack `Studio` with the drops `Builds`, in whose ledger a build waits, and `Nightly`, which has none. */
async function openStudio() {
  const stack = await openQuietStack(onTestFinished);
  const client = {
    endpoint: stack.gateway.endpoint,
    region: LOCAL_REGION,
    credentials: LOCAL_CREDENTIALS,
  };
  const dynamoDb = new DynamoDBClient(client);
  await createLedgerTable(dynamoDb, 'nightly-ledger');
  dynamoDb.destroy();
  await stack.put(anEntry({ droppedAt: Date.now() }));
  stack.deployDrops('Studio', { Builds: {}, Nightly: { [OUTPUTS.ledgerTableName]: 'nightly-ledger' } });
  /** Runs the tool as on AWS. */
  const run = async (line: string, env: NodeJS.ProcessEnv = {}) => {
    const onAws = {
      ...process.env,
      AWS_ENDPOINT_URL: stack.gateway.endpoint,
      AWS_REGION: LOCAL_REGION,
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
      NO_COLOR: '1',
    };
    return startTool(undefined, line.split(' '), '', { ...onAws, ...env }).ended;
  };
  return { run, port: stack.port };
}

describe('a stack with two drops', () => {
  it('is refused without --drop, with the command for each', async () => {
    const { run } = await openStudio();
    const { code, stderr } = await run('status --stack Studio');
    expect(code).toBe(1);
    expect(stderr.trimEnd().split('\n')).toEqual([
      'The stack has 2 drops: Builds, Nightly.',
      'Choose one with --drop:',
      `Builds: ${TOOL}status --stack Studio --region ${LOCAL_REGION} --drop Builds`,
      `Nightly: ${TOOL}status --stack Studio --region ${LOCAL_REGION} --drop Nightly`,
    ]);
  });

  it('is operated drop by drop, and each prints commands for itself only', async () => {
    const { run } = await openStudio();
    const builds = await run('status --stack Studio --drop Builds');
    const nightly = await run('status --stack Studio --drop Nightly');
    expect(builds.stdout).toContain('game.zip');
    expect(nightly.stdout).not.toContain('game.zip');
    const doctor = await run('doctor --stack Studio --drop Nightly');
    const commands = doctor.stdout.split('\n').filter((line) => line.includes(TOOL));
    expect(commands).not.toEqual([]);
    for (const line of commands) expect(line).toMatch(/ --stack Studio --region \S+ --drop Nightly\b/);
    // Of an app of the studio's own, which is elsewhere.
    const key = await run('delivery-key create --stack Studio --drop Nightly');
    expect(key.stderr).toContain('Deploy it again with this version: npx cdk deploy in your own CDK app');
  });

  it('can be named by the environment, over which flags go, and which is not about the embedded stack', async () => {
    const { port, run } = await openStudio();
    const env = { STREAMPIXEL_DROP_STACK: 'Studio', STREAMPIXEL_DROP_DROP: 'Builds' };
    expect((await run('status', env)).stdout).toContain('game.zip');
    expect((await run('status --drop Nightly', env)).stdout).not.toContain('game.zip');
    const elsewhere = { STREAMPIXEL_DROP_STACK: 'Elsewhere', STREAMPIXEL_DROP_DROP: 'Weekly' };
    expect((await run(`status --local ${port}`, elsewhere)).code).toBe(0);
  });

  it('is named by no variable that is empty, and by one with a space at its end', async () => {
    const { run } = await openStudio();
    const region = { AWS_REGION: '', AWS_DEFAULT_REGION: LOCAL_REGION };
    const env = { STREAMPIXEL_DROP_STACK: 'Studio ', STREAMPIXEL_DROP_DROP: 'Builds ', ...region };
    expect((await run('status', env)).stdout).toContain('game.zip');
    const empty = { STREAMPIXEL_DROP_STACK: '', STREAMPIXEL_DROP_DROP: '', ...region };
    expect((await run('status', empty)).stdout).toMatch(/^StreampixelDrop /);
    expect((await run('status --stack Studio', empty)).stderr).toContain('The stack has 2 drops');
  });

  it('has no other one', async () => {
    const { run } = await openStudio();
    const { code, stderr } = await run('status --stack Studio --drop Weekly --json');
    expect(code).toBe(1);
    expect(stderr).toContain('The stack has no drop Weekly.');
    expect(stderr).toContain('--drop Builds');
  });
});

describe('the drop that is meant', () => {
  const target = (drop: string): CommandTarget => ({ stack: 'Studio', region: 'eu-central-1', drop });
  const choose = (drops: readonly string[], wanted?: string) => chosenDrop(drops, wanted, target);

  it('is the only one there is', () => {
    expect(choose(['Builds'])).toBe('Builds');
    expect(choose([''])).toBe('');
    // A stack of an older version, whose outputs are not all there.
    expect(choose([])).toBe('');
  });

  it('is, without a word, the one with no name beside others: it was there when its commands were printed', () => {
    expect(choose(['', 'Nightly'])).toBe('');
    expect(choose(['', 'Nightly'], 'Default')).toBe('');
    expect(choose(['', 'Nightly'], 'Nightly')).toBe('Nightly');
  });

  it('can be named as CDK shows its path', () => {
    expect(choose(['TeamABuilds', 'TeamBBuilds'], 'Team-A/Builds')).toBe('TeamABuilds');
  });

  it('is never another one than was asked for', () => {
    expect(() => choose(['Builds'], 'Build')).toThrow('no drop Build.');
    expect(() => choose(['Builds'], 'Default')).toThrow('no drop Default.');
    expect(() => choose([], 'Builds')).toThrow('no drop Builds.');
  });
});

it("a drop is known by its ledger and its settings, whatever other outputs the studio's stack has", () => {
  const outputs = { BuildsLedgerTableName: '', BuildsSettings: '', MyLedgerTableName: '', OtherSettings: '' };
  expect(dropsIn(new Map(Object.entries(outputs)))).toEqual(['Builds']);
});
