/**
 * The program of a process in which a bundled function runs: a client of the Lambda Runtime API, like the managed Node.js
 * runtime. It loads the handler once, then runs it for one event after the other.
 */
import { existsSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

type Handler = (event: unknown, context: object) => unknown;

const agent = new http.Agent({ keepAlive: true });
const [host, port] = required('AWS_LAMBDA_RUNTIME_API').split(':');
let currentRequestId: string | undefined;

/** Not `fetch`: it gives up after 300 s without an answer, and an idle function may wait longer for its next event. */
async function call(
  method: string,
  path: string,
  body?: string,
  headers: http.OutgoingHttpHeaders = {},
): Promise<{ headers: http.IncomingHttpHeaders; body: string }> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request({ agent, host, port, method, path: `/2018-06-01/runtime${path}`, headers });
    request.on('response', resolve).on('error', reject).end(body);
  });
  return { headers: response.headers, body: await text(response) };
}

async function postError(path: string, error: unknown, type?: string): Promise<void> {
  const { name, message, stack } = error instanceof Error ? error : { name: typeof error, message: String(error) };
  const errorType = type ?? name;
  const body = JSON.stringify({ errorType, errorMessage: message, trace: stack?.split('\n') ?? [] });
  await call('POST', path, body, { 'Lambda-Runtime-Function-Error-Type': errorType });
}

/** An uncaught error ends the process, as in Lambda; the current invocation fails with it. */
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
  if (value === undefined) throw new Error(`${name} is not set: the local stack starts this file, not a person.`);
  return value;
}

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

const handler = await loadHandler().catch(async (error) => {
  await postError('/init/error', error);
  process.exit(1);
});
for (;;) {
  currentRequestId = undefined;
  const next = await call('GET', '/invocation/next');
  currentRequestId = String(next.headers['lambda-runtime-aws-request-id']);
  try {
    const result = await handler(JSON.parse(next.body), contextOf(next.headers));
    // `undefined` has no JSON; Lambda answers null for it.
    await call('POST', `/invocation/${currentRequestId}/response`, JSON.stringify(result) ?? 'null');
  } catch (error) {
    await postError(`/invocation/${currentRequestId}/error`, error);
  }
}
