import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

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

/** One line the function wrote. */
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

export interface LambdaFunction {
  /** Runs the handler in an idle process, or in a new one if none is idle. Never rejects. */
  invoke(event: unknown): Promise<InvocationResult>;
  /** Runs this version from the next invocation on; those under way end with the one they began with. */
  update(spec: FunctionSpec): void;
  /** Processes alive now. */
  processCount(): number;
  /** Kills every process; an invocation under way fails. */
  stop(): Promise<void>;
}

const STOPPED = 'The local stack is stopping.';

/** Lambda gives the init phase 10 s; loading a bundle takes a fraction of one. */
const INIT_TIMEOUT_MS = 10_000;

/** Runs a function as Lambda does: one invocation per process at a time, processes reused, killed at the timeout. */
export function startFunction(initialSpec: FunctionSpec, options: FunctionOptions): LambdaFunction {
  let spec = initialSpec;
  const environments = new Set<ExecutionEnvironment>();
  let stopped = false;
  return {
    async invoke(event) {
      if (stopped) return { kind: 'failed', errorType: 'Runtime.Stopped', errorMessage: STOPPED };
      let environment = [...environments].find((candidate) => candidate.idle);
      if (environment === undefined) {
        const created = new ExecutionEnvironment(spec, options, () => environments.delete(created));
        environments.add(created);
        environment = created;
      }
      return environment.invoke(event);
    },
    update(next) {
      spec = next;
      for (const environment of environments) environment.retire();
    },
    processCount: () => environments.size,
    async stop() {
      stopped = true;
      await Promise.all([...environments].map((environment) => environment.end()));
    },
  };
}

const alive = new Set<ChildProcess>();
// Whatever way this process ends, those go with it.
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

interface Invocation {
  readonly requestId: string;
  readonly event: unknown;
  readonly settle: (result: InvocationResult) => void;
  timer?: NodeJS.Timeout;
}

/** One process and the Runtime API it talks to. */
class ExecutionEnvironment {
  /** Alive and without an event. It may not have asked for the next one yet. */
  idle = true;
  readonly #spec: FunctionSpec;
  readonly #server: Server;
  readonly #exited: Promise<void>;
  #child: ChildProcess | undefined;
  #ending = false;
  #retired = false;
  #current: Invocation | undefined;
  #waitingForNext: ServerResponse | undefined;
  #initTimer: NodeJS.Timeout | undefined;

  constructor(spec: FunctionSpec, options: FunctionOptions, onExit: () => void) {
    this.#spec = spec;
    // A handler may think for as long as its timeout allows before it answers.
    this.#server = createServer({ requestTimeout: 0 }, (request, response) => {
      this.#route(request, response).catch((error) => response.destroy(error));
    });
    this.#exited = this.#run(options).finally(onExit);
  }

  async invoke(event: unknown): Promise<InvocationResult> {
    this.idle = false;
    return new Promise((settle) => {
      this.#current = { requestId: randomUUID(), event, settle };
      this.#deliver();
    });
  }

  /** Takes no further event, and ends with the one it has. */
  retire(): void {
    this.#retired = true;
    if (this.idle) this.#rest();
  }

  #rest(): void {
    this.idle = !this.#retired;
    if (this.#retired) void this.end();
  }

  async end(): Promise<void> {
    this.#ending = true;
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  async #run(options: FunctionOptions): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    if (this.#ending) {
      this.#server.close();
      return this.#fail('Runtime.Stopped', STOPPED);
    }
    const spec = this.#spec;
    const child = spawn(
      process.execPath,
      [
        // As the managed runtime sets them: a handler that reads a build into memory dies here too.
        `--max-old-space-size=${Math.floor(spec.memoryMb * 0.9)}`,
        `--max-semi-space-size=${Math.max(1, Math.floor(spec.memoryMb * 0.05))}`,
        fileURLToPath(new URL('lambda-runtime.ts', import.meta.url)),
      ],
      { cwd: spec.codeDirectory, env: environmentOf(spec, options, port), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    alive.add(child);
    this.#initTimer = setTimeout(() => child.kill('SIGKILL'), INIT_TIMEOUT_MS);
    for (const stream of ['stdout', 'stderr'] as const) {
      createInterface({ input: child[stream] }).on('line', (line) => {
        options.onLog({ functionName: spec.name, stream, text: line });
      });
    }
    // `close` rather than `exit`: by then its last lines have been read.
    const [code, signal] = await once(child, 'close').catch((error: Error) => [error.message, null]);
    alive.delete(child);
    clearTimeout(this.#initTimer);
    this.idle = false;
    this.#fail(
      'Runtime.ExitError',
      `Runtime exited with ${signal === null ? `exit status ${code}` : `signal ${signal}`}`,
    );
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.replace('/2018-06-01/runtime', '');
    if (path === '/invocation/next') {
      clearTimeout(this.#initTimer);
      this.#waitingForNext = response;
      this.#deliver();
      return;
    }
    const body = await text(request);
    response.writeHead(202).end();
    if (path === '/init/error') {
      this.#failWith(body);
    } else if (this.#current !== undefined && path === `/invocation/${this.#current.requestId}/response`) {
      this.#rest();
      this.#settle({ kind: 'answered', payload: JSON.parse(body) });
    } else if (this.#current !== undefined && path === `/invocation/${this.#current.requestId}/error`) {
      // After an error of the runtime's own, one that nobody caught, the process is about to exit.
      if (request.headers['lambda-runtime-function-error-type']?.toString().startsWith('Runtime.') !== true)
        this.#rest();
      this.#failWith(body);
    }
  }

  /** Hands the event over once there is one and the process waits for one. */
  #deliver(): void {
    const invocation = this.#current;
    const response = this.#waitingForNext;
    if (invocation === undefined || response === undefined) return;
    this.#waitingForNext = undefined;
    const timeoutMs = this.#spec.timeoutS * 1000;
    invocation.timer = setTimeout(() => {
      this.#fail(
        'Sandbox.Timedout',
        `${invocation.requestId} Task timed out after ${this.#spec.timeoutS.toFixed(2)} seconds`,
      );
      // Lambda gives no notice, and neither does this: what the handler had not finished is not finished.
      this.#child?.kill('SIGKILL');
    }, timeoutMs);
    response
      .writeHead(200, {
        'Content-Type': 'application/json',
        'Lambda-Runtime-Aws-Request-Id': invocation.requestId,
        'Lambda-Runtime-Deadline-Ms': String(Date.now() + timeoutMs),
        'Lambda-Runtime-Invoked-Function-Arn': this.#spec.arn,
      })
      .end(JSON.stringify(invocation.event));
  }

  #fail(errorType: string, errorMessage: string): void {
    this.#settle({ kind: 'failed', errorType, errorMessage });
  }

  #failWith(body: string): void {
    const { errorType, errorMessage } = JSON.parse(body) as { errorType: string; errorMessage: string };
    this.#fail(errorType, errorMessage);
  }

  #settle(result: InvocationResult): void {
    const invocation = this.#current;
    if (invocation === undefined) return;
    this.#current = undefined;
    clearTimeout(invocation.timer);
    invocation.settle(result);
  }
}

/** Just what Lambda gives, and the function's own: nothing of the user's environment leaks in and makes it work by chance. */
export function environmentOf(
  spec: FunctionSpec,
  options: Pick<FunctionOptions, 'platformEnvironment'>,
  runtimeApiPort: number,
): Record<string, string> {
  return {
    // Sockets need it on Windows.
    ...(process.env.SystemRoot === undefined ? {} : { SystemRoot: process.env.SystemRoot }),
    PATH: '/usr/local/bin:/usr/bin:/bin',
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
    ...options.platformEnvironment,
    ...spec.environment,
  };
}
