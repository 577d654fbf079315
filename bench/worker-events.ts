import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { ENV } from '../functions/submit-build/environment.ts';
import { LOCAL_REGION } from '../local/aws/account.ts';
import { s3Event } from '../test/support/s3-event.ts';
import type { Bench } from './artifacts.ts';
import { E_TAG, type Endpoints, VERSION_ID } from './endpoints.ts';

/** A message of the builds queue, as a poller hands it over. */
export interface QueuedBuild {
  readonly id: string;
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** ms since the epoch. */
  readonly droppedAt: number;
  readonly receiveCount: number;
}

export function buildsEvent(builds: readonly QueuedBuild[]): SQSEvent {
  return {
    Records: builds.map(({ droppedAt, id, key, receiveCount, size }) => {
      const time = new Date(droppedAt).toISOString();
      return recordOf(id, s3Event({ key, size, time, eTag: E_TAG, versionId: VERSION_ID }), receiveCount, droppedAt);
    }),
  };
}

/** @param sentAt ms since the epoch */
export function recordOf(messageId: string, body: string, receiveCount: number, sentAt: number): SQSRecord {
  return {
    messageId,
    receiptHandle: `receipt-${messageId}`,
    body,
    attributes: {
      ApproximateReceiveCount: String(receiveCount),
      SentTimestamp: String(sentAt),
      SenderId: 'S3',
      ApproximateFirstReceiveTimestamp: String(sentAt),
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:builds',
    awsRegion: LOCAL_REGION,
  };
}

/** The worker's environment with `endpoints` behind it, for one user. */
export function environmentFor(bench: Bench, endpoints: Endpoints, userId: string): Record<string, string> {
  const routes: object[] = JSON.parse(bench.functions.ours.environment[ENV.routes] ?? '[]');
  return {
    [ENV.routes]: JSON.stringify(routes.map((route) => ({ ...route, prefix: '', userId }))),
    [ENV.streampixelBaseUrl]: endpoints.streampixelUrl,
  };
}
