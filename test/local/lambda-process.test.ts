import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type LambdaFunction, type LogLine, startFunction } from '../../local/aws/lambda-process.ts';
import { eventually } from './eventually.ts';

const directories: string[] = [];
const functions: LambdaFunction[] = [];
const lines: LogLine[] = [];

afterEach(async () => {
  await Promise.all(functions.splice(0).map((each) => each.stop()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
  lines.length = 0;
  vi.unstubAllEnvs();
});

const SPEC = {
  name: 'submit-build',
  arn: 'arn:aws:lambda:us-east-1:000000000000:function:submit-build',
  handler: 'index.handler',
  timeoutS: 10,
  memoryMb: 128,
  environment: { OWN: 'its own' },
  logGroup: '/log/group',
};

/** A function whose bundle is this source. */
function given(source: string, spec: { timeoutS?: number; file?: string } = {}): LambdaFunction {
  const codeDirectory = mkdtempSync(join(tmpdir(), 'lambda-process-'));
  directories.push(codeDirectory);
  writeFileSync(join(codeDirectory, spec.file ?? 'index.mjs'), source);
  const lambda = startFunction(
    { ...SPEC, codeDirectory, timeoutS: spec.timeoutS ?? SPEC.timeoutS },
    { platformEnvironment: { AWS_REGION: 'us-east-1' }, onLog: (line) => void lines.push(line) },
  );
  functions.push(lambda);
  return lambda;
}

describe('a function in its own process', () => {
  it('answers an event, one after the other in one process', async () => {
    const lambda = given(
      'let n = 0; export const handler = async (event) => ({ ...event, pid: process.pid, n: ++n });',
    );
    const first = await lambda.invoke({ a: 1 });
    const second = await lambda.invoke({ a: 2 });
    expect([first, second]).toMatchObject([
      { kind: 'answered', payload: { a: 1, n: 1 } },
      { kind: 'answered', payload: { a: 2, n: 2 } },
    ]);
    expect(lambda.processCount()).toBe(1);
  });

  it('takes a CommonJS bundle, too', async () => {
    const lambda = given('exports.handler = async () => "from CommonJS";', { file: 'index.cjs' });
    expect(await lambda.invoke({})).toEqual({ kind: 'answered', payload: 'from CommonJS' });
  });

  it('runs invocations that come at once in processes of their own', async () => {
    const lambda = given(
      'export const handler = async () => { await new Promise((r) => setTimeout(r, 200)); return process.pid; };',
    );
    const results = await Promise.all([lambda.invoke({}), lambda.invoke({})]);
    expect(new Set(results.map((result) => result.kind === 'answered' && result.payload)).size).toBe(2);
  });

  it('gives the handler the context that Lambda gives', async () => {
    const lambda = given(`export const handler = async (_, context) => ({
      ...context, remaining: context.getRemainingTimeInMillis() });`);
    const result = await lambda.invoke({});
    expect(result).toMatchObject({
      payload: {
        functionName: 'submit-build',
        functionVersion: '$LATEST',
        memoryLimitInMB: '128',
        logGroupName: '/log/group',
        logStreamName: expect.stringMatching(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/),
        invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:submit-build',
        awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      },
    });
    const { remaining } = (result as { payload: { remaining: number } }).payload;
    expect(remaining).toBeGreaterThan(0);
    expect(remaining).toBeLessThanOrEqual(10_000);
  });

  it("sees its own environment and Lambda's, and nothing of the user's", async () => {
    vi.stubEnv('STREAMPIXEL_API_KEY', 'from the shell');
    vi.stubEnv('AWS_PROFILE', 'production');
    const lambda = given('export const handler = async () => process.env;');
    const result = await lambda.invoke({});
    const { payload } = result as unknown as { payload: Record<string, string> };
    expect(payload).toMatchObject({ OWN: 'its own', AWS_REGION: 'us-east-1', TZ: ':UTC' });
    expect(payload.HOME).toBe(payload.LAMBDA_TASK_ROOT);
    expect(payload).not.toHaveProperty('STREAMPIXEL_API_KEY');
    expect(payload).not.toHaveProperty('AWS_PROFILE');
  });

  it('reports what the handler threw, and continues in the same process', async () => {
    const lambda = given(`let n = 0; export const handler = async () => {
      if (++n === 1) throw new RangeError('too much');
      return n; };`);
    expect(await lambda.invoke({})).toEqual({ kind: 'failed', errorType: 'RangeError', errorMessage: 'too much' });
    expect(await lambda.invoke({})).toEqual({ kind: 'answered', payload: 2 });
  });

  it('is killed at its timeout, and the next event gets a new process', async () => {
    const lambda = given(
      'export const handler = async (event) => event.hang ? new Promise(() => setInterval(() => {}, 1000)) : process.pid;',
      { timeoutS: 3 },
    );
    const first = await lambda.invoke({});
    expect(await lambda.invoke({ hang: true })).toEqual({
      kind: 'failed',
      errorType: 'Sandbox.Timedout',
      errorMessage: expect.stringMatching(/Task timed out after 3\.00 seconds$/),
    });
    const third = await lambda.invoke({});
    expect(third.kind).toBe('answered');
    expect(third).not.toEqual(first);
  });

  it('fails the event if the process exits, and recovers', async () => {
    const lambda = given('export const handler = async (event) => event.exit ? process.exit(3) : "fine";');
    expect(await lambda.invoke({ exit: true })).toEqual({
      kind: 'failed',
      errorType: 'Runtime.ExitError',
      errorMessage: 'Runtime exited with exit status 3',
    });
    expect(await lambda.invoke({})).toEqual({ kind: 'answered', payload: 'fine' });
  });

  it('fails the event with an uncaught error', async () => {
    const lambda = given(`export const handler = () => new Promise(() => {
      setTimeout(() => { throw new Error('loose'); }, 1); });`);
    expect(await lambda.invoke({})).toMatchObject({ errorType: 'Runtime.UncaughtException', errorMessage: 'loose' });
  });

  it('fails the event if the bundle does not load', async () => {
    const lambda = given("import 'not-bundled'; export const handler = async () => {};");
    const result = await lambda.invoke({});
    expect(result).toMatchObject({ kind: 'failed', errorMessage: expect.stringContaining('not-bundled') });
  });

  it('reads what it writes, line by line', async () => {
    const lambda = given(`export const handler = async () => {
      process.stdout.write('{"event":"one"}\\n{"event":"two"}\\n'); console.error('trouble'); };`);
    await lambda.invoke({});
    await eventually(() => expect(lines).toHaveLength(3));
    expect(lines.filter(({ stream }) => stream === 'stdout').map(({ text }) => text)).toEqual([
      '{"event":"one"}',
      '{"event":"two"}',
    ]);
    expect(lines).toContainEqual({ functionName: 'submit-build', stream: 'stderr', text: 'trouble' });
  });

  it('runs another version from the next event on, and lets the running one finish', async () => {
    const source = (version: number) =>
      `export const handler = async (ms) => { await new Promise((r) => setTimeout(r, ms)); return ${version}; };`;
    const lambda = given(source(1));
    await lambda.invoke(0);
    const underWay = lambda.invoke(300);
    const codeDirectory = mkdtempSync(join(tmpdir(), 'lambda-process-'));
    directories.push(codeDirectory);
    writeFileSync(join(codeDirectory, 'index.mjs'), source(2));
    lambda.update({ ...SPEC, codeDirectory });
    expect(await lambda.invoke(0)).toEqual({ kind: 'answered', payload: 2 });
    expect(await underWay).toEqual({ kind: 'answered', payload: 1 });
    await eventually(() => expect(lambda.processCount()).toBe(1));
  });

  it('fails what is running when it is stopped, and takes nothing more', async () => {
    const lambda = given('export const handler = () => new Promise(() => setInterval(() => {}, 1000));');
    const result = lambda.invoke({});
    await lambda.stop();
    expect(await result).toMatchObject({ kind: 'failed', errorType: expect.stringMatching(/^Runtime\./) });
    expect(await lambda.invoke({})).toMatchObject({ kind: 'failed', errorType: 'Runtime.Stopped' });
    expect(lambda.processCount()).toBe(0);
  });
});
