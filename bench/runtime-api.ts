import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../local/aws/account.ts';
import type { Artifact } from './artifacts.ts';
import type { Reading, Setting } from './probe.ts';

export interface SandboxOptions {
  /** File of the Runtime API's client. */
  readonly bootstrap: string;
  readonly memoryMb: number;
  readonly timeoutS: number;
  /** `AWS_ENDPOINT_URL` of every client in the function. */
  readonly endpoint: string;
  /** On top of the artifact's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Module to import first, with a channel to it. */
  readonly probe?: string;
  /** Command in front of `node`, such as one that limits its CPU. */
  readonly wrapper?: readonly string[];
  /** Takes each line that the function writes. */
  readonly onLine?: (line: string) => void;
}

/** A process that runs a function under the contract of the Lambda Runtime API. */
export interface Sandbox {
  /** From the spawn to the first ask for work, in ms. */
  readonly readyMs: number;
  /**
   * @param now what the function takes for the time, in ms since the epoch
   * @returns the handler's answer, and when it came, in ms since the spawn
   * @throws Error with what the function reported, or where it ended without
   */
  invoke(event: unknown, now: number): Promise<{ readonly answer: unknown; readonly at: number }>;
  /** Sets the clock of a sandbox with a probe, and reads its usage. */
  probe(setting: Setting): Promise<Reading>;
  stop(): Promise<void>;
}

/** Starts a process and waits until it asks for its first event. */
export async function startSandbox(artifact: Artifact, options: SandboxOptions): Promise<Sandbox> {
  let asking: PromiseWithResolvers<ServerResponse> = Promise.withResolvers();
  let answer: PromiseWithResolvers<{ answer: unknown; at: number }> = Promise.withResolvers();
  let spawnedAt = 0;
  let readyMs = 0;
  const server = createServer({ requestTimeout: 0 }, async (request, response) => {
    const at = performance.now() - spawnedAt;
    if (request.url?.endsWith('/invocation/next')) {
      readyMs ||= at;
      asking.resolve(response);
      return;
    }
    const body = await text(request);
    response.writeHead(202).end();
    if (request.url?.endsWith('/response')) return answer.resolve({ answer: JSON.parse(body), at });
    const error = new Error(`The function failed: ${body}`);
    answer.reject(error);
    asking.reject(error);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const [command = process.execPath, ...args] = [
    ...(options.wrapper ?? []),
    process.execPath,
    // As the managed runtime sets them.
    `--max-old-space-size=${Math.floor(options.memoryMb * 0.9)}`,
    `--max-semi-space-size=${Math.max(1, Math.floor(options.memoryMb * 0.05))}`,
    ...(options.probe === undefined ? [] : ['--import', options.probe]),
    options.bootstrap,
  ];
  spawnedAt = performance.now();
  const child = spawn(command, args, {
    cwd: artifact.codeDirectory,
    env: environmentOf(artifact, options, port),
    stdio: ['ignore', 'pipe', 'pipe', ...(options.probe === undefined ? [] : ['ipc' as const])],
  });
  const exited = once(child, 'close');
  let written = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (written + chunk).split('\n');
      written = lines.pop() ?? '';
      for (const line of lines) options.onLine?.(line);
    });
  }
  child.once('exit', (code, signal) => {
    const error = new Error(`The function's process ended (${signal ?? code}).`);
    asking.reject(error);
    answer.reject(error);
  });
  // A failure between two invocations is told by the next one.
  asking.promise.catch(() => {});
  answer.promise.catch(() => {});

  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    server.closeAllConnections();
    server.close();
  };
  try {
    await asking.promise;
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    readyMs,
    async invoke(event, now) {
      const response = await asking.promise;
      asking = Promise.withResolvers();
      answer = Promise.withResolvers();
      for (const { promise } of [asking, answer]) promise.catch(() => {});
      response
        .writeHead(200, {
          'Content-Type': 'application/json',
          'Lambda-Runtime-Aws-Request-Id': `request-${now}`,
          'Lambda-Runtime-Deadline-Ms': String(now + options.timeoutS * 1000),
          'Lambda-Runtime-Invoked-Function-Arn': `arn:aws:lambda:${LOCAL_REGION}:000000000000:function:bench`,
        })
        .end(JSON.stringify(event));
      return answer.promise;
    },
    async probe(setting) {
      const [reading] = await Promise.all([once(child, 'message'), child.send(setting)]);
      return reading[0] as Reading;
    },
    stop,
  };
}

/** What Lambda gives, and the function's own. */
function environmentOf(
  { environment, codeDirectory, handler }: Artifact,
  options: SandboxOptions,
  port: number,
): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    AWS_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    AWS_SESSION_TOKEN: 'token',
    AWS_ENDPOINT_URL: options.endpoint,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: 'bench',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(options.memoryMb),
    AWS_LAMBDA_LOG_GROUP_NAME: 'bench',
    AWS_LAMBDA_LOG_STREAM_NAME: 'bench',
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
    LAMBDA_TASK_ROOT: codeDirectory,
    _HANDLER: handler,
    ...environment,
    ...options.environment,
  };
}
