import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

/**
 * The operations of a service that uses AWS's JSON protocol, such as SQS, by their names. Each takes the request's body and
 * a signal that the client no longer waits, returns the answer's body and throws {@link JsonServiceError}.
 */
export type JsonOperations = Readonly<Record<string, (input: never, signal: AbortSignal) => unknown>>;

/** An error for the client. SDKs use the code as the error's name. */
export class JsonServiceError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** @param target value of the `X-Amz-Target` header, such as `AmazonSSM.GetParameter` */
export async function serveJson(
  target: string,
  operations: JsonOperations,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  const send = (status: number, body: unknown) =>
    response.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
  try {
    const operation = operations[target.split('.')[1] ?? ''];
    if (operation === undefined) {
      throw new JsonServiceError('UnknownOperationException', `The local stack does not emulate ${target}.`);
    }
    send(200, (await operation((await json(request)) as never, closed.signal)) ?? {});
  } catch (error) {
    const { code, message } =
      error instanceof JsonServiceError ? error : new JsonServiceError('SerializationException', `${error}`);
    send(400, { __type: code, message });
  }
}
