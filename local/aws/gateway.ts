import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, text } from 'node:stream/consumers';
import dynalite from 'dynalite';
import { buildApp } from 'fauxqs';
// Not exported by the package, whose version is pinned: queue URLs, peeking and objects on disk need the stores in hand.
import { S3Error } from '../../node_modules/fauxqs/dist/common/errors.js';
import { S3Store } from '../../node_modules/fauxqs/dist/s3/s3Store.js';
import { SnsStore } from '../../node_modules/fauxqs/dist/sns/snsStore.js';
import { SqsStore } from '../../node_modules/fauxqs/dist/sqs/sqsStore.js';
import { INVALID_MESSAGE_BODY_CHAR } from '../../node_modules/fauxqs/dist/sqs/sqsTypes.js';
import { type BusEvent, createEventBus } from './event-bus.ts';
import { createHttpApis, type HttpApis } from './http-api.ts';
import { JsonProtocolError, type JsonService } from './json-service.ts';
import { createParameterStore } from './parameter-store.ts';
import { authorize, type Credentials } from './presigned-url.ts';
import { createdEvent, isNotified, type NotificationSpec, testEvent } from './s3-notifications.ts';
import { type CreatedObject, createS3Objects } from './s3-objects.ts';
import { describeStacks, type StackDescription } from './stack-description.ts';

/** What SQS takes in no message. */
const INVALID_CHARACTER = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;
// The emulator goes by halves of characters, and so refuses an event or a message with an emoji of an object's key in it.
INVALID_MESSAGE_BODY_CHAR.test = (text) => INVALID_CHARACTER.test(text);

/** The account that everything local belongs to, as in other emulators. */
export const LOCAL_ACCOUNT_ID = '000000000000';

export interface GatewayOptions {
  /** 0 for one that the system chooses. */
  readonly port: number;
  readonly region: string;
  /** Existing, empty directory for the objects' bytes. */
  readonly objectsDirectory: string;
  /** Whose presigned URLs are good. */
  readonly credentials: readonly Credentials[];
  /** Every object that arrives, whether or not anybody is notified of it. */
  readonly onObjectCreated: (created: CreatedObject, notified: boolean) => void;
  /** Every message published to an SNS topic. */
  readonly onPublished: (published: Published) => void;
  /** Every event on EventBridge's default bus, changes of SSM's parameters among them. */
  readonly onBusEvent: (event: BusEvent) => void;
  /**
   * How long a client may take to send the head of a request, and the whole of one to an HTTP API, in ms. Default: half a
   * minute.
   */
  readonly patienceMs?: number;
}

export interface Published {
  readonly topicArn: string;
  readonly subject: string | undefined;
  readonly message: string;
}

export interface BucketSpec {
  readonly name: string;
  readonly versioned: boolean;
  readonly notifications: readonly NotificationSpec[];
}

/** A message in a queue, seen without receiving it. */
export interface PeekedMessage {
  readonly messageId: string;
  readonly body: string;
  /** The string values of its attributes. */
  readonly attributes: Readonly<Record<string, string | undefined>>;
}

export interface Gateway {
  /** `AWS_ENDPOINT_URL` of every client. */
  readonly endpoint: string;
  readonly port: number;
  /** Creates a bucket that notifies its queues, which must exist; each is sent S3's test event. */
  createBucket(spec: BucketSpec): void;
  createTopic(name: string): void;
  /** What CloudFormation tells from now on. */
  describeStack(name: string, outputs: Readonly<Record<string, string>>): void;
  /** The HTTP APIs there are from now on, and how their functions are invoked. */
  readonly serveHttpApis: HttpApis['deploy'];
  /** Messages that wait to be received. */
  peek(queueName: string): readonly PeekedMessage[];
  close(): Promise<void>;
}

/** In ms: many times what a client needs that means well. */
const PATIENCE_MS = 30_000;

/** One port that speaks several services: a client is configured with one endpoint, and each request says whom it is for. */
interface Service {
  takes(request: IncomingMessage): boolean;
  serve(request: IncomingMessage, response: ServerResponse): void | Promise<void>;
}

/**
 * Starts the AWS endpoint on the loopback interface: S3, SQS, SNS and STS by fauxqs, DynamoDB by dynalite, SSM and
 * EventBridge and API Gateway by services of our own. What the emulator leaves out is added in front of it: checked
 * signatures, event notifications, versions, and objects of any size.
 *
 * @throws Error with code `EADDRINUSE` where the port is taken
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { region, patienceMs = PATIENCE_MS } = options;
  const sqsStore = new SqsStore();
  // Without a host of its own it names queues by the host it is asked at. Its default, `sqs.<region>.localhost`, resolves
  // on some machines only.
  sqsStore.host = '';
  const s3Store = new S3Store();
  const snsStore = new SnsStore();
  const emulator = buildApp({
    logger: false,
    defaultRegion: region,
    stores: { sqsStore, snsStore, s3Store },
  });
  emulator.addHook('onResponse', async ({ body }, reply) => {
    const { Action, TopicArn, Subject, Message } = (body ?? {}) as Record<string, string>;
    if (Action !== 'Publish' || TopicArn === undefined || Message === undefined || reply.statusCode !== 200) return;
    options.onPublished({ topicArn: TopicArn, subject: Subject, message: Message });
  });
  await emulator.ready();
  const dynamodb = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });

  let stack: StackDescription | undefined;
  const buckets = new Map<string, BucketSpec>();
  const objects = createS3Objects({
    store: s3Store,
    directory: options.objectsDirectory,
    isVersioned: (bucket) => buckets.get(bucket)?.versioned === true,
    onCreated(created) {
      const notified = (buckets.get(created.bucket)?.notifications ?? []).filter((spec) => isNotified(spec, created));
      for (const spec of notified) enqueue(spec.queueArn, createdEvent(spec, created, region, new Date()));
      options.onObjectCreated(created, notified.length > 0);
    },
  });

  function enqueue(queueArn: string, body: string): void {
    const queue = sqsStore.getQueueByArn(queueArn);
    if (queue === undefined) throw new Error(`A bucket is to notify ${queueArn}, and there is no such queue.`);
    queue.enqueue(SqsStore.createMessage(body));
  }

  async function serveS3(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { bucket, key, query } = addressed(request);
      authorize(request, options.credentials, new Date());
      // Of a bucket's own operations only this one is about uploads, which the emulator knows nothing of.
      if (key === '' && !query.has('uploads')) emulator.routing(request, response);
      else await objects.serve({ bucket, key, query, request, response });
    } catch (error) {
      // A client that hung up, or bytes that could not be read: too late for an answer.
      if (response.headersSent) return void response.destroy();
      const refusal = error instanceof S3Error ? error : new S3Error('InternalError', `${error}`, 500);
      response.writeHead(refusal.statusCode, {
        'Content-Type': 'application/xml',
        // What of the body has not been read is not going to be.
        ...(request.complete ? {} : { Connection: 'close' }),
      });
      response.end(request.method === 'HEAD' ? undefined : refusal.toXml());
    }
  }

  const bus = createEventBus(region, LOCAL_ACCOUNT_ID, options.onBusEvent);
  const httpApis = createHttpApis({ accountId: LOCAL_ACCOUNT_ID, patienceMs });
  const services: readonly Service[] = [
    // By its path alone and before all others: its clients are anybody, and what headers they send is up to them.
    httpApis,
    jsonService('AmazonSSM', createParameterStore(region, LOCAL_ACCOUNT_ID, bus.put)),
    jsonService('AWSEvents', bus),
    {
      takes: (request) => targetOf(request).startsWith('DynamoDB_'),
      serve: (request, response) => void dynamodb.emit('request', request, response),
    },
    {
      // A form like those of SNS and STS; the signature says for whom.
      takes: (request) => request.headers.authorization?.includes('/cloudformation/aws4_request') === true,
      async serve(request, response) {
        const { status, body } = describeStacks(new URLSearchParams(await text(request)), stack);
        response.writeHead(status, { 'Content-Type': 'text/xml' }).end(body);
      },
    },
    {
      // SQS by its target, SNS and STS by their forms; the emulator tells them apart, and shows queues under /_fauxqs.
      takes: (request) =>
        targetOf(request).startsWith('AmazonSQS.') ||
        request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true ||
        request.url?.startsWith('/_fauxqs/') === true,
      serve: (request, response) => emulator.routing(request, response),
    },
    { takes: () => true, serve: serveS3 },
  ];

  const server = createServer(
    {
      // A large build may take longer to arrive than Node gives a request by default.
      requestTimeout: 0,
      // By default as long as a request's: for ever.
      headersTimeout: patienceMs,
      connectionsCheckingInterval: patienceMs,
    },
    (request, response) => {
      services.find((service) => service.takes(request))?.serve(request, response);
    },
  );
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    createBucket(spec) {
      s3Store.createBucket(spec.name);
      buckets.set(spec.name, spec);
      for (const { queueArn } of spec.notifications) enqueue(queueArn, testEvent(spec.name, new Date()));
    },
    describeStack(name, outputs) {
      stack = { name, region, accountId: LOCAL_ACCOUNT_ID, outputs };
    },
    serveHttpApis: httpApis.deploy,
    createTopic: (name) => void snsStore.createTopic(name, undefined, undefined, region),
    peek(queueName) {
      const queue = sqsStore.getQueueByName(queueName);
      if (queue === undefined) throw new Error(`There is no queue ${queueName}.`);
      // Messages whose visibility timeout has ended are waiting, too, though nobody has asked for them yet.
      queue.processTimers();
      return queue.inspectMessages().ready.map((message) => ({
        messageId: message.messageId,
        body: message.body,
        attributes: Object.fromEntries(
          Object.entries(message.messageAttributes).map(([name, value]) => [name, value.StringValue]),
        ),
      }));
    },
    async close() {
      // Ends the long polls first; the connections they came over go next.
      await emulator.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** @param target what comes before the operation in the `X-Amz-Target` header */
function jsonService(target: string, service: JsonService): Service {
  return {
    takes: (request) => targetOf(request).startsWith(`${target}.`),
    async serve(request, response) {
      const send = (status: number, body: unknown) =>
        response.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
      try {
        const input = (await json(request)) as Record<string, unknown>;
        send(200, service.serve(targetOf(request).slice(target.length + 1), input));
      } catch (error) {
        const { code, message } = error instanceof JsonProtocolError ? error : NO_JSON;
        send(400, { __type: code, message });
      }
    },
  };
}

const NO_JSON = new JsonProtocolError('SerializationException', '');

function targetOf(request: IncomingMessage): string {
  return String(request.headers['x-amz-target'] ?? '');
}

/** Bucket and key of an S3 request, whether the bucket is in the path or in front of the host. */
function addressed(request: IncomingMessage): { bucket: string; key: string; query: URLSearchParams } {
  const [path = '', query] = (request.url ?? '/').split('?');
  const host = (request.headers.host ?? '').split(':')[0] ?? '';
  const virtual = host.includes('.') && !/^[\d.]+$/.test(host);
  const [bucket = '', ...key] = [...(virtual ? [host.slice(0, host.indexOf('.'))] : []), ...path.slice(1).split('/')];
  try {
    return {
      bucket: decodeURIComponent(bucket),
      key: decodeURIComponent(key.join('/')),
      query: new URLSearchParams(query),
    };
  } catch {
    throw new S3Error('InvalidURI', "Couldn't parse the specified URI.", 400);
  }
}
