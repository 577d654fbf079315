import { type IncomingHttpHeaders, request as send } from 'node:http';
import type { TestContext } from 'vitest';
import { listenOnLoopback } from '../../local/loopback-server.ts';

interface Request {
  readonly method: string;
  readonly path: string;
  /** Operation of a JSON service, such as `AmazonSQS.SendMessageBatch`. */
  readonly target: string;
}

interface Answer {
  readonly status: number;
  /** JSON. */
  readonly body?: string;
}

/**
 * A stack behind a server that answers some requests itself.
 *
 * @param answerTo runs before each request; what it returns is the answer
 * @param change of the headers of the stack's own answers
 * @returns the server's port
 */
export async function openFaulty(
  onTestFinished: TestContext['onTestFinished'],
  { port }: { readonly port: number },
  answerTo: (request: Request) => Answer | undefined | Promise<undefined>,
  change: (headers: IncomingHttpHeaders) => IncomingHttpHeaders = (headers) => headers,
): Promise<number> {
  const server = await listenOnLoopback(async (request, response) => {
    const { headers, method = '', url: path = '' } = request;
    const answer = await answerTo({ method, path, target: String(headers['x-amz-target'] ?? '') });
    if (answer !== undefined) {
      response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' }).end(answer.body);
      return;
    }
    const passed = send({ port, host: '127.0.0.1', method, path, headers }, (own) => {
      response.writeHead(own.statusCode ?? 500, change(own.headers));
      own.pipe(response);
    });
    // The tool may end at any moment, and the stack with the test.
    passed.on('error', () => response.destroy());
    request.pipe(passed);
  });
  onTestFinished(() => server.close());
  return server.port;
}
