/**
 * The process in which a bundled function runs locally: a client of the Lambda Runtime API, as the managed Node.js runtime
 * is one. It loads the handler once, then takes one invocation after the other.
 *
 * It knows nothing of this project; what the function may see is what is in the environment.
 */
import { existsSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

const agent = new http.Agent({ keepAlive: true });
const [host, port] = required('AWS_LAMBDA_RUNTIME_API').split(':');
let currentRequestId: string | undefined;

/** Not `fetch`: it gives up on an answer after 300 s, and an idle function waits longer than that for its next event. */
function call(method: string, path: string, body?: string, headers: http.OutgoingHttpHeaders = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ agent, host, port, method, path: `/2018-06-01/runtime${path}`, headers });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    request.end(body);
  });
}

function describeError(error: unknown): { errorType: string; errorMessage: string; trace: string[] } {
  return error instanceof Error
    ? { errorType: error.name, errorMessage: error.message, trace: error.stack?.split('\n') ?? [] }
    : { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function postError(path: string, error: unknown, errorType?: string): Promise<Answer> {
  const described = describeError(error);
  const body = JSON.stringify(errorType === undefined ? described : { ...described, errorType });
  return call('POST', path, body, { 'Lambda-Runtime-Function-Error-Type': errorType ?? described.errorType });
}

/** What nobody caught ends the process, as in Lambda; the invocation under way fails with it. */
function exitAfter(errorType: string): (error: unknown) => void {
  return (error) => {
    const path = currentRequestId === undefined ? '/init/error' : `/invocation/${currentRequestId}/error`;
    postError(path, error, errorType).finally(() => process.exit(1));
  };
}
process.on('uncaughtException', exitAfter('Runtime.UncaughtException'));
process.on('unhandledRejection', exitAfter('Runtime.UnhandledPromiseRejection'));

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: this file is started by the local stack, not by hand.`);
  return value;
}

type Handler = (event: unknown, context: object) => unknown;

/** `index.handler` is the export `handler` of `index.mjs` (or `.js`, `.cjs`) in the task root. */
async function loadHandler(): Promise<Handler> {
  const [file, name] = required('_HANDLER').split('.') as [string, string];
  const base = join(required('LAMBDA_TASK_ROOT'), file);
  const path = ['.js', '.mjs', '.cjs'].map((extension) => base + extension).find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`Cannot find module '${file}'`);
  const module = await import(pathToFileURL(path).href);
  // What a CommonJS bundle exports under a computed name is on its default export only.
  const handler: unknown = module[name] ?? module.default?.[name];
  if (typeof handler !== 'function') throw new Error(`${file}.${name} is undefined or not exported`);
  return handler as Handler;
}

function contextOf(headers: http.IncomingHttpHeaders): object {
  const deadlineMs = Number(headers['lambda-runtime-deadline-ms']);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: required('AWS_LAMBDA_FUNCTION_NAME'),
    functionVersion: required('AWS_LAMBDA_FUNCTION_VERSION'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    memoryLimitInMB: required('AWS_LAMBDA_FUNCTION_MEMORY_SIZE'),
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    logGroupName: required('AWS_LAMBDA_LOG_GROUP_NAME'),
    logStreamName: required('AWS_LAMBDA_LOG_STREAM_NAME'),
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
  };
}

async function run(): Promise<void> {
  let handler: Handler;
  try {
    handler = await loadHandler();
  } catch (error) {
    await postError('/init/error', error);
    process.exit(1);
  }
  for (;;) {
    currentRequestId = undefined;
    const next = await call('GET', '/invocation/next');
    currentRequestId = String(next.headers['lambda-runtime-aws-request-id']);
    const traceId = next.headers['lambda-runtime-trace-id'];
    if (typeof traceId === 'string') process.env._X_AMZN_TRACE_ID = traceId;
    try {
      const result = await handler(JSON.parse(next.body), contextOf(next.headers));
      // `undefined` has no JSON; Lambda answers null for it.
      await call('POST', `/invocation/${currentRequestId}/response`, JSON.stringify(result) ?? 'null');
    } catch (error) {
      await postError(`/invocation/${currentRequestId}/error`, error);
    }
  }
}

await run();
