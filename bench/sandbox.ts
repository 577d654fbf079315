import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../local/aws/account.ts';
import { environmentOf, type FunctionSpec } from '../local/aws/lambda-process.ts';
import { listenOnLoopback } from '../local/loopback-server.ts';
import type { Bench } from './artifacts.ts';
import { type Calls, callsOf, type Endpoints } from './endpoints.ts';
import type { Reading, Setting } from './probe.ts';

/** What a function has taken, all invocations together. */
export interface Usage {
  readonly invocations: number;
  /** User and system time of the process. */
  readonly cpuMs: number;
  readonly awsCalls: Calls;
  /** Bytes of log, as CloudWatch counts them. */
  readonly logBytes: number;
  /** Distinct metrics (name and dimensions) that the log carried. */
  readonly metrics: number;
}

export type Sandbox = Awaited<ReturnType<typeof startSandbox>>;

export interface Invocation {
  readonly answer: unknown;
  readonly at: number;
  readonly awsCalls: Calls;
  readonly cpuMs: number;
}

/** What CloudWatch counts for a line beside its text, in bytes. */
const LINE_OVERHEAD_BYTES = 26;

/**
 * Starts a process that runs a function under the contract of the Lambda Runtime API, counts what it takes, and waits until it
 * requests its first event.
 *
 * @param environment what differs from the function's own
 */
export async function startSandbox(
  bench: Bench,
  spec: FunctionSpec,
  endpoints: Endpoints,
  environment: Readonly<Record<string, string>>,
) {
  let request = unhandled<ServerResponse>();
  let answer = unhandled<{ answer: unknown; at: number }>();
  const fail = (error: Error) => {
    request.reject(error);
    answer.reject(error);
  };
  let readyMs = 0;
  const server = await listenOnLoopback(async (incoming, response) => {
    const at = performance.now() - spawnedAt;
    if (incoming.url?.endsWith('/invocation/next')) {
      readyMs ||= at;
      return request.resolve(response);
    }
    const body = await text(incoming);
    response.writeHead(202).end();
    if (incoming.url?.endsWith('/response')) answer.resolve({ answer: JSON.parse(body), at });
    else fail(new Error(`The function failed: ${body}`));
  });

  const platformEnvironment = {
    AWS_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    AWS_SESSION_TOKEN: 'token',
    AWS_ENDPOINT_URL: endpoints.url,
  };
  const args = [
    // As the managed runtime sets them.
    `--max-old-space-size=${Math.floor(spec.memoryMb * 0.9)}`,
    `--max-semi-space-size=${Math.max(1, Math.floor(spec.memoryMb * 0.05))}`,
    '--import',
    bench.probe,
    bench.bootstrap,
  ];
  const spawnedAt = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: spec.codeDirectory,
    env: {
      ...environmentOf(spec, server.port),
      ...platformEnvironment,
      ...spec.environment,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const exited = once(child, 'close');
  child.once('exit', (code, signal) => fail(new Error(`The function's process ended (${signal ?? code}).`)));
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    if (input !== null) createInterface({ input }).on('line', (line) => lines.push(line));
  }

  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    await server.close();
  };
  await request.promise.catch(async (error) => {
    await stop();
    throw error;
  });

  async function probe(setting: Setting): Promise<Reading> {
    const [[reading]] = await Promise.all([once(child, 'message'), child.send(setting)]);
    return reading as Reading;
  }

  let [invocations, cpuMs, peakRss] = [0, 0, 0];
  let awsCalls = callsOf(() => 0);
  return {
    /** From the spawn to the first request for work, in ms. */
    readyMs,
    /**
     * @param offsetMs how far the function's clock is ahead of the machine's
     * @returns the handler's answer, when it came, in ms since the spawn, and what the invocation took
     * @throws Error with what the function reported, or where its process ended
     */
    async invoke(event: unknown, offsetMs = 0): Promise<Invocation> {
      const response = await request.promise;
      const before = await probe({ offsetMs });
      const callsBefore = endpoints.calls();
      request = unhandled();
      answer = unhandled();
      const now = Date.now() + offsetMs;
      const headers = {
        'Content-Type': 'application/json',
        'Lambda-Runtime-Aws-Request-Id': `request-${invocations}`,
        'Lambda-Runtime-Deadline-Ms': String(now + spec.timeoutS * 1000),
        'Lambda-Runtime-Invoked-Function-Arn': spec.arn,
      };
      response.writeHead(200, headers).end(JSON.stringify(event));
      const answered = await answer.promise;
      const after = await probe({ offsetMs });
      const calls = endpoints.calls();
      const taken = { awsCalls: callsOf((s) => calls[s] - callsBefore[s]), cpuMs: after.cpuMs - before.cpuMs };
      awsCalls = callsOf((service) => awsCalls[service] + taken.awsCalls[service]);
      cpuMs += taken.cpuMs;
      peakRss = after.peakRss;
      invocations++;
      return { ...answered, ...taken };
    },
    usage(): Usage {
      const logBytes = lines.reduce((bytes, line) => bytes + Buffer.byteLength(line) + LINE_OVERHEAD_BYTES, 0);
      return { invocations, cpuMs, awsCalls, logBytes, metrics: new Set(lines.flatMap(metricsOf)).size };
    },
    /** Every line so far. */
    log: (): readonly string[] => lines,
    /** The most memory that was ever resident, in bytes. */
    peakRss: () => peakRss,
    stop,
  };
}

/** A promise whose rejection may come before anything waits for it. */
function unhandled<Value>(): PromiseWithResolvers<Value> {
  const resolvers = Promise.withResolvers<Value>();
  resolvers.promise.catch(() => {});
  return resolvers;
}

/** The metrics in a line of CloudWatch's embedded metric format. */
function metricsOf(line: string): string[] {
  if (!line.includes('"_aws"')) return [];
  const record = JSON.parse(line);
  return record._aws.CloudWatchMetrics.flatMap(
    ({ Namespace, Dimensions, Metrics }: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }) =>
      Dimensions.flatMap((names) =>
        Metrics.map(({ Name }) => JSON.stringify([Namespace, Name, ...names.map((name) => [name, record[name]])])),
      ),
  );
}
