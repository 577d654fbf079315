import { readFileSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { DEFAULT_STACK_NAME, OUTPUTS } from '../infra/outputs/outputs.ts';
import { LOCAL_REGION } from '../local/aws/account.ts';
import { createQueryServices } from '../local/aws/query-services.ts';
import { sendS3Xml } from '../local/aws/s3-request.ts';

/**
 * A process of its own, so that its work is not in what is measured: a stack whose bucket takes uploads and keeps nothing of them.
 * Its arguments are the files of a TLS key and its certificate, for plain HTTP none. It sends its port to its parent.
 */
const [key, certificate] = process.argv.slice(2);

const stacks = createQueryServices(LOCAL_REGION, () => {});
stacks.describeStack(DEFAULT_STACK_NAME, {
  ...Object.fromEntries(Object.values(OUTPUTS).map((id) => [id, id])),
  [OUTPUTS.dropBucketName]: 'bench',
  [OUTPUTS.settings]: JSON.stringify({ routes: [{ prefix: '' }], prefix: '' }),
});

function serve(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '', 'http://sink');
  if (url.pathname === '/') return void stacks.serve(request, response);
  request.resume().on('end', () => {
    const name = `${request.method} ${['partNumber', 'uploads', 'uploadId'].find((each) => url.searchParams.has(each)) ?? ''}`;
    response.setHeader('ETag', '"00000000000000000000000000000000"');
    if (name === 'PUT partNumber') response.end();
    else if (name === 'GET uploads') sendS3Xml(response, 'ListMultipartUploadsResult', {});
    else if (name === 'POST uploads') sendS3Xml(response, 'InitiateMultipartUploadResult', { UploadId: 'sink' });
    else if (name === 'POST uploadId') sendS3Xml(response, 'CompleteMultipartUploadResult', { ETag: '"sink-1"' });
    else response.writeHead(404).end();
  });
}

const server =
  key === undefined || certificate === undefined
    ? http.createServer(serve)
    : https.createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, serve);
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
