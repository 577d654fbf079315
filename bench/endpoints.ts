import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { CreateTableCommand, type CreateTableCommandInput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../local/aws/account.ts';
import { listenOnLoopback } from '../local/loopback-server.ts';
import { createSparseZip } from './sparse-zip.ts';

export const AWS_SERVICES = ['dynamodb', 's3', 'sqs', 'ssm', 'sns', 'eventbridge'] as const;
export type AwsService = (typeof AWS_SERVICES)[number];
export type Calls = Readonly<Record<AwsService | 'total', number>>;

export function callsOf(count: (service: AwsService | 'total') => number): Calls {
  return Object.fromEntries([...AWS_SERVICES, 'total' as const].map((key) => [key, count(key)])) as Calls;
}

/** What DynamoDB would bill, in request units. */
export interface TableUnits {
  readonly read: number;
  readonly write: number;
}

export type Endpoints = Awaited<ReturnType<typeof startEndpoints>>;

const API_PATH = '/pixelStripeApi';
/** The API key, and the token of the webhooks, whose shape it has. */
export const SECRET = 'key-of-the-benchmark-and-token-of-its-webhooks';
export const VERSION_ID = 'version-1';
export const E_TAG = 'd41d8cd98f00b204e9800998ecf8427e-3841';

/**
 * Loopback endpoints of everything that a worker calls. They count, and answer at once.
 *
 * @param objectSize size of every object, in bytes: a zip, of which only the ends exist
 */
export async function startEndpoints(table: CreateTableCommandInput, objectSize: number) {
  const dynamodb = dynalite({ createTableMs: 0 });
  const zip = createSparseZip(objectSize);
  const calls = { ...callsOf(() => 0) } as Record<AwsService | 'total', number>;
  const count = (service: AwsService) => {
    calls[service]++;
    calls.total++;
  };
  const units = { read: 0, write: 0 };
  const hiddenFor = new Map<string, number>();
  const sent: string[] = [];
  const emitted: string[] = [];
  let accepted = 0;
  let bytesRead = 0;

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [service = '', operation = ''] = String(request.headers['x-amz-target'] ?? '').split('.');
    const json = (body: unknown, status = 200) =>
      response.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
    if (service.startsWith('DynamoDB_')) {
      count('dynamodb');
      // dynalite reads the body too.
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
      request.on('end', () => bill(operation, JSON.parse(Buffer.concat(chunks).toString('utf8')).Item));
      dynamodb.emit('request', request, response);
      return;
    }
    if (request.method === 'GET') return serveObject(request, response);
    const body = await text(request);
    if (request.url === `${API_PATH}/projects/upload-file`) {
      accepted++;
      return void json({ message: 'Build queued for processing', uploadId: `upload-${accepted}` });
    }
    if (request.url === `${API_PATH}/projects/distribute-file`) return void json({ message: 'Distribution triggered' });
    switch (service) {
      case 'AmazonSSM':
        count('ssm');
        return void json({ Parameter: { Type: 'SecureString', Value: SECRET, Version: 1 } });
      case 'AWSEvents':
        count('eventbridge');
        for (const { Detail, DetailType, Source } of JSON.parse(body).Entries) {
          emitted.push(JSON.stringify({ source: Source, 'detail-type': DetailType, detail: JSON.parse(Detail) }));
        }
        return void json({ FailedEntryCount: 0, Entries: [{ EventId: 'event' }] });
      case 'AmazonSQS': {
        count('sqs');
        const input = JSON.parse(body);
        for (const { ReceiptHandle, VisibilityTimeout } of input.Entries ?? []) {
          hiddenFor.set(ReceiptHandle, VisibilityTimeout);
        }
        if (input.MessageBody !== undefined) sent.push(input.MessageBody);
        return void json({ MessageId: 'message', MD5OfMessageBody: hash('md5', input.MessageBody ?? '') });
      }
      default:
        count('sns');
        response
          .writeHead(200, { 'Content-Type': 'text/xml' })
          .end('<PublishResponse><PublishResult><MessageId>alert</MessageId></PublishResult></PublishResponse>');
    }
  }

  function serveObject(request: IncomingMessage, response: ServerResponse): void {
    count('s3');
    const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    // No worker may ask for the whole of it: a build has up to 30 GB.
    if (first === '' && last === '') return void response.writeHead(500).end();
    const from = first === '' ? Math.max(0, zip.size - Number(last)) : Number(first);
    const to = first === '' || last === '' ? zip.size - 1 : Math.min(zip.size - 1, Number(last));
    const bytes = zip.read(from, to);
    bytesRead += bytes.length;
    response
      .writeHead(206, {
        'Content-Type': 'application/zip',
        'Content-Length': bytes.length,
        'Content-Range': `bytes ${from}-${to}/${zip.size}`,
        ETag: `"${E_TAG}"`,
        'x-amz-version-id': VERSION_ID,
      })
      .end(bytes);
  }

  /** By the rules of on-demand capacity; a condition that does not hold costs the same. */
  function bill(operation: string, item: Readonly<Record<string, unknown>> = {}): void {
    if (operation === 'CreateTable') return;
    if (operation === 'GetItem' || operation === 'Query') {
      // A query reads an index, which is never consistent: half a unit for up to 4 KB.
      units.read += operation === 'GetItem' ? 1 : 0.5;
      return;
    }
    // Larger than what is billed, which has no type names and no quotes: up to a whole KB it makes no difference.
    const perCopy = Math.max(1, Math.ceil(Buffer.byteLength(JSON.stringify(item)) / 1024));
    // An entry's sort key in an index changes with each write: the old place is cleared and the new one filled.
    const copies = (table.GlobalSecondaryIndexes ?? [])
      .map(({ KeySchema = [] }) => KeySchema.map(({ AttributeName = '' }) => item[AttributeName]))
      .map((keys) => (keys.includes(undefined) ? 0 : keys.length));
    units.write += perCopy * copies.reduce((all, more) => all + more, 1);
  }

  const { close, url } = await listenOnLoopback(route);
  const client = new DynamoDBClient({ endpoint: url, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS });
  await client.send(new CreateTableCommand(table));
  client.destroy();

  return {
    /** `AWS_ENDPOINT_URL`. */
    url,
    streampixelUrl: url + API_PATH,
    /** Since the start. */
    calls: (): Calls => ({ ...calls }),
    tableUnits: (): TableUnits => ({ ...units }),
    /** Calls of `upload-file` so far; each was accepted. */
    accepted: () => accepted,
    /** Bytes of objects that were given out. */
    bytesRead: () => bytesRead,
    /** Bodies of messages that were sent to queues, oldest first; to be removed by the reader. */
    sent,
    /** Events that were put on the bus, as a rule would put them into a queue; to be removed by the reader. */
    emitted,
    /** For how long a message was hidden last, in s, by receipt handle. */
    hiddenFor: hiddenFor as ReadonlyMap<string, number>,
    close,
  };
}
