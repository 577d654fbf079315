import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { listenOnLoopback } from '../loopback-server.ts';

/** A Lambda function as the template describes it. */
export interface FunctionSpec {
  readonly name: string;
  readonly arn: string;
  /** Directory with the bundle, as CDK would zip and ship it. */
  readonly codeDirectory: string;
  /** `file.export` */
  readonly handler: string;
  readonly timeoutS: number;
  readonly memoryMb: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly logGroup: string;
}

/** One line of a function's log. */
export interface LogLine {
  readonly functionName: string;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

export type InvocationResult =
  | { readonly kind: 'answered'; readonly payload: unknown }
  | { readonly kind: 'failed'; readonly errorType: string; readonly errorMessage: string };

export interface FunctionOptions {
  /** What the platform adds to the function's own environment: region, credentials, endpoint. */
  readonly platformEnvironment: Readonly<Record<string, string>>;
  readonly onLog: (line: LogLine) => void;
}

export type LambdaFunction = ReturnType<typeof startFunction>;

const STOPPED = failure('Runtime.Stopped', 'The local stack is stopping.');

/** Runs a function as Lambda does: one invocation per process at a time, processes reused, killed at the timeout. */
export function startFunction(initialSpec: FunctionSpec, options: FunctionOptions) {
  let spec = initialSpec;
  let isStopped = false;
  const processes = new Set<FunctionProcess>();
  return {
    /** Runs the handler in an idle process, or in a new one if none is idle. Never rejects. */
    async invoke(event: unknown): Promise<InvocationResult> {
      if (isStopped) return STOPPED;
      const idle = [...processes].find((each) => each.isIdle);
      if (idle !== undefined) return idle.invoke(event);
      const created = new FunctionProcess(spec, options);
      processes.add(created);
      created.exited.then(() => processes.delete(created));
      return created.invoke(event);
    },
    /** Runs this version from the next invocation on; running invocations finish with the old one. */
    update(next: FunctionSpec): void {
      spec = next;
      for (const each of processes) each.retire();
    },
    processCount: (): number => processes.size,
    /** Kills every process; running invocations fail. */
    async stop(): Promise<void> {
      isStopped = true;
      await Promise.all([...processes].map((each) => each.kill()));
    },
  };
}

const alive = new Set<ChildProcess>();
// However this process ends, those end with it.
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

interface Invocation {
  readonly requestId: string;
  readonly event: unknown;
  readonly settle: (result: InvocationResult) => void;
  timer?: NodeJS.Timeout;
}

/** A process, and the Lambda Runtime API from which it gets its events. */
class FunctionProcess {
  /** It runs and has no event. It may still be starting. */
  isIdle = true;
  readonly exited: Promise<void>;
  readonly #spec: FunctionSpec;
  #child: ChildProcess | undefined;
  #isKilled = false;
  #isRetired = false;
  #current: Invocation | undefined;
  /** The request for the next event, while the process waits. */
  #waiting: ServerResponse | undefined;

  constructor(spec: FunctionSpec, options: FunctionOptions) {
    this.#spec = spec;
    this.exited = this.#run(options);
  }

  invoke(event: unknown): Promise<InvocationResult> {
    this.isIdle = false;
    return new Promise((settle) => {
      this.#current = { requestId: randomUUID(), event, settle };
      this.#deliver();
    });
  }

  /** Takes no further event, and ends after the one that it has. */
  retire(): void {
    this.#isRetired = true;
    if (this.isIdle) this.#becomeIdle();
  }

  kill(): Promise<void> {
    this.#isKilled = true;
    this.#child?.kill('SIGKILL');
    return this.exited;
  }

  #becomeIdle(): void {
    this.isIdle = !this.#isRetired;
    if (this.#isRetired) this.kill();
  }

  async #run({ platformEnvironment, onLog }: FunctionOptions): Promise<void> {
    const spec = this.#spec;
    const server = await listenOnLoopback((request, response) => this.#serve(request, response));
    if (!this.#isKilled) {
      // Flags as the managed runtime sets them: a handler that needs more memory than it has fails here, too.
      const flags = [`--max-old-space-size=${Math.floor(spec.memoryMb * 0.9)}`];
      const child = spawn(process.execPath, [...flags, fileURLToPath(new URL('lambda-runtime.ts', import.meta.url))], {
        cwd: spec.codeDirectory,
        env: { ...environmentOf(spec, server.port), ...platformEnvironment, ...spec.environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      this.#child = child;
      alive.add(child);
      for (const stream of ['stdout', 'stderr'] as const) {
        const lines = createInterface({ input: child[stream] });
        lines.on('line', (line) => onLog({ functionName: spec.name, stream, text: line }));
      }
      // Not `exit`: at `close` its last lines have been read.
      const [code, signal] = await once(child, 'close').catch((error: Error) => [error.message, null]);
      alive.delete(child);
      const how = signal === null ? `exit status ${code}` : `signal ${signal}`;
      this.#settle(failure('Runtime.ExitError', `Runtime exited with ${how}`));
    }
    this.isIdle = false;
    this.#settle(STOPPED);
    await server.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.replace('/2018-06-01/runtime', '');
    if (path === '/invocation/next') {
      this.#waiting = response;
      return this.#deliver();
    }
    const body = JSON.parse(await text(request));
    response.writeHead(202).end();
    if (path === `/invocation/${this.#current?.requestId}/response`) {
      this.#becomeIdle();
      this.#settle({ kind: 'answered', payload: body });
    } else if (path === '/init/error' || path === `/invocation/${this.#current?.requestId}/error`) {
      // After an error of the runtime itself, such as an uncaught one, the process is about to exit.
      const isOfHandler = !String(request.headers['lambda-runtime-function-error-type']).startsWith('Runtime.');
      if (isOfHandler && path !== '/init/error') this.#becomeIdle();
      this.#settle(failure(body.errorType, body.errorMessage));
    }
  }

  /** Sends the event once there is one and the process waits for it. */
  #deliver(): void {
    const invocation = this.#current;
    const response = this.#waiting;
    if (invocation === undefined || response === undefined) return;
    this.#waiting = undefined;
    const { timeoutS, arn } = this.#spec;
    invocation.timer = setTimeout(() => {
      const message = `${invocation.requestId} Task timed out after ${timeoutS.toFixed(2)} seconds`;
      this.#settle(failure('Sandbox.Timedout', message));
      // Without a warning, as in Lambda.
      this.kill();
    }, timeoutS * 1000);
    response
      .writeHead(200, {
        'Content-Type': 'application/json',
        'Lambda-Runtime-Aws-Request-Id': invocation.requestId,
        'Lambda-Runtime-Deadline-Ms': String(Date.now() + timeoutS * 1000),
        'Lambda-Runtime-Invoked-Function-Arn': arn,
      })
      .end(JSON.stringify(invocation.event));
  }

  #settle(result: InvocationResult): void {
    clearTimeout(this.#current?.timer);
    this.#current?.settle(result);
    this.#current = undefined;
  }
}

function failure(errorType: string, errorMessage: string): InvocationResult {
  return { kind: 'failed', errorType, errorMessage };
}

/** What Lambda itself sets. Nothing comes from the user's environment, or a function would work here and not in AWS. */
export function environmentOf(spec: FunctionSpec, runtimeApiPort: number): Record<string, string> {
  return {
    // Sockets need it on Windows.
    ...present({ SystemRoot: process.env.SystemRoot }),
    PATH: '/usr/local/bin:/usr/bin:/bin',
    // Else the SDK asks the system: it would read the user's own ~/.aws, and fail as a user that a container does not know.
    HOME: spec.codeDirectory,
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: spec.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: spec.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: `${new Date().toISOString().slice(0, 10).replaceAll('-', '/')}/[$LATEST]${randomUUID().replaceAll('-', '')}`,
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${runtimeApiPort}`,
    LAMBDA_TASK_ROOT: spec.codeDirectory,
    _HANDLER: spec.handler,
  };
}
