import type { IncomingMessage, ServerResponse } from 'node:http';
import dynalite from 'dynalite';
import { listenOnLoopback } from '../loopback-server.ts';
import { LOCAL_ACCOUNT_ID } from './account.ts';
import { startDistribution } from './cloudfront.ts';
import { type BusEvent, createEventBus } from './event-bus.ts';
import { matches } from './event-rules.ts';
import { createHttpApis } from './http-api.ts';
import { type JsonOperations, serveJson } from './json-service.ts';
import { createParameterStore } from './parameter-store.ts';
import type { Credentials } from './presigned-url.ts';
import { createQueryServices, type Published } from './query-services.ts';
import { createS3 } from './s3.ts';
import type { BucketSpec } from './s3-buckets.ts';
import { type CreatedObject, createdEvent, isNotified, objectCreated, testEvent } from './s3-notifications.ts';
import { createSqs } from './sqs.ts';

export interface GatewayOptions {
  /** 0 for one that the system chooses. */
  readonly port: number;
  readonly region: string;
  /** Existing, empty directory for the objects' bytes. */
  readonly objectsDirectory: string;
  /** Whose presigned URLs are valid. */
  readonly credentials: readonly Credentials[];
  /** Every new object, and whether a queue is notified of it. */
  readonly onObjectCreated: (created: CreatedObject, isNotified: boolean) => void;
  /** Every message published to an SNS topic. */
  readonly onPublished: (published: Published) => void;
  /** Every event on EventBridge's default bus, changes of SSM's parameters among them. */
  readonly onBusEvent: (event: BusEvent) => void;
}

export type Gateway = Awaited<ReturnType<typeof startGateway>>;

/**
 * Starts the AWS endpoint on the loopback interface. All services share one port, because clients are configured with one
 * endpoint; each request names its service in a header, a form or its path.
 *
 * @throws Error with code `EADDRINUSE` where the port is taken
 */
export async function startGateway(options: GatewayOptions) {
  const { region } = options;
  let endpoint = '';
  const sqs = createSqs(
    (queueName) => `arn:aws:sqs:${region}:${LOCAL_ACCOUNT_ID}:${queueName}`,
    (queueName) => `${endpoint}/${LOCAL_ACCOUNT_ID}/${queueName}`,
  );
  const bus = createEventBus(region, options.onBusEvent);
  const jsonServices: Readonly<Record<string, JsonOperations>> = {
    AmazonSQS: sqs.operations,
    AmazonSSM: createParameterStore(region, bus.put),
    AWSEvents: bus.operations,
  };
  const dynamoDb = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  /** ARNs of the queues that get a topic's messages, by the topic's. */
  const subscribers = new Map<string, readonly string[]>();
  const queryServices = createQueryServices(region, (published) => {
    for (const queueArn of subscribers.get(published.topicArn) ?? []) sqs.enqueue(queueArn, notification(published));
    options.onPublished(published);
  });
  const httpApis = createHttpApis();
  const s3 = createS3({
    directory: options.objectsDirectory,
    credentials: options.credentials,
    onCreated(created, { notifications, eventPatterns }) {
      const notified = notifications.filter((spec) => isNotified(spec, created));
      for (const spec of notified) sqs.enqueue(spec.queueArn, createdEvent(created, region));
      const event = objectCreated(created);
      const isTaken = eventPatterns.some((pattern) => matches(pattern, { ...event, 'detail-type': event.detailType }));
      options.onObjectCreated(created, isTaken || notified.length > 0);
      if (eventPatterns.length > 0) bus.put(event);
    },
  });

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // By its path and before all others: what headers a client of an HTTP API sends is its own choice.
    if (httpApis.takes(request)) return httpApis.serve(request, response);
    const target = String(request.headers['x-amz-target'] ?? '');
    const operations = jsonServices[target.split('.')[0] ?? ''];
    if (operations !== undefined) return serveJson(target, operations, request, response);
    if (target.startsWith('DynamoDB_')) return void dynamoDb.emit('request', request, response);
    const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
    return isForm ? queryServices.serve(request, response) : s3.serve(request, response);
  }

  const server = await listenOnLoopback(route, options.port);
  endpoint = server.url;
  const distribution = await startDistribution(s3.serve);

  return {
    /** `AWS_ENDPOINT_URL` of every client. */
    endpoint,
    port: server.port,
    /** Creates a bucket that notifies its queues, which must exist; each is sent S3's test event. */
    createBucket(spec: BucketSpec): void {
      s3.createBucket(spec);
      for (const { queueArn } of spec.notifications) sqs.enqueue(queueArn, testEvent(spec.name));
    },
    /** @param queueArns of the queues that get its messages, which must exist */
    createTopic(arn: string, queueArns: readonly string[] = []): void {
      subscribers.set(arn, queueArns);
      queryServices.createTopic(arn);
    },
    describeStack: queryServices.describeStack,
    serveHttpApis: httpApis.deploy,
    peek: sqs.peek,
    distributionDomain: distribution.domain,
    deployDistribution: distribution.deploy,
    // Long polls end with their connections.
    async close(): Promise<void> {
      await Promise.all([server.close(), distribution.close()]);
    },
  };
}

/** A message as SNS puts it into a queue. */
function notification({ topicArn, subject, message }: Published): string {
  return JSON.stringify({ Type: 'Notification', TopicArn: topicArn, Subject: subject, Message: message });
}
