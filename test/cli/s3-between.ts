import http, { type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'vitest';

/** A call on its way to the stack. */
export interface Call {
  /** Of S3, as far as an upload is concerned; `other` for everything else. */
  readonly operation: 'CreateMultipartUpload' | 'UploadPart' | 'CompleteMultipartUpload' | 'HeadObject' | 'other';
  readonly partNumber: number;
  readonly method: string;
  readonly url: string;
  /** As far as it has arrived. */
  readonly body: readonly Buffer[];
  readonly headers: IncomingHttpHeaders;
}

/** `lose-answer`: the stack gets the call, and its sender no answer. `hang`: neither. */
export type Step = 'pass' | 'lose-answer' | 'hang' | 'reset' | { readonly status: number; readonly code: string };

/** Between the tool and a stack: passes calls on, or does with them what the test says. */
export async function startBetween(
  onTestFinished: TestContext['onTestFinished'],
  targetPort: number,
  decide: (call: Call) => Step | Promise<Step>,
) {
  const calls: Call[] = [];
  let hanging = 0;
  const server = http.createServer(async (request, response) => {
    const { headers, method = '', url = '' } = request;
    const body: Buffer[] = [];
    const call = { ...operationOf(method, url), method, url, body, headers };
    calls.push(call);
    const step = await decide(call);
    if (step === 'hang') {
      hanging++;
      request.resume().socket.once('close', () => hanging--);
      return;
    }
    if (step === 'reset') return void request.socket.resetAndDestroy();
    if (typeof step === 'object') {
      request.resume();
      response.writeHead(step.status, { 'content-type': 'application/xml' });
      return void response.end(`<Error><Code>${step.code}</Code><Message>no</Message></Error>`);
    }
    // A client that takes this for its proxy sends a whole URL.
    const path = url.replace(/^http:\/\/[^/]+/, '');
    const onward = http.request({ host: '127.0.0.1', port: targetPort, method, path, headers, agent: false });
    onward.on('response', (answer) => {
      if (step === 'lose-answer') answer.resume().on('end', () => request.socket.destroy());
      else answer.pipe(response.writeHead(answer.statusCode ?? 0, answer.headers));
    });
    onward.on('error', () => request.socket.destroy());
    request.on('data', (chunk) => body.push(chunk));
    request.on('error', () => onward.destroy()).pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    calls,
    hanging: () => hanging,
    of: (name: Call['operation']) => calls.filter(({ operation }) => operation === name),
  };
}

function operationOf(method: string | undefined, url: string): Pick<Call, 'operation' | 'partNumber'> {
  const query = new URLSearchParams(url.split('?')[1]);
  const partNumber = Number(query.get('partNumber'));
  if (query.has('uploads') && method === 'POST') return { operation: 'CreateMultipartUpload', partNumber };
  if (query.has('partNumber')) return { operation: 'UploadPart', partNumber };
  if (query.has('uploadId') && method === 'POST') return { operation: 'CompleteMultipartUpload', partNumber };
  return { operation: method === 'HEAD' ? 'HeadObject' : 'other', partNumber };
}
