import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { AwsError } from './aws-error.ts';

/**
 * The operations of a service that uses AWS's JSON protocol, such as SQS, by their names. Each takes the request's body and
 * a signal that the client no longer waits, returns the answer's body and throws {@link AwsError}.
 */
export type JsonOperations = Readonly<Record<string, (input: never, signal: AbortSignal) => unknown>>;

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
      throw new AwsError(400, 'UnknownOperationException', `The local stack does not emulate ${target}.`);
    }
    send(200, (await operation((await json(request)) as never, closed.signal)) ?? {});
  } catch (error) {
    const { code, message } =
      error instanceof AwsError ? error : new AwsError(400, 'SerializationException', `${error}`);
    send(400, { __type: code, message });
  }
}
