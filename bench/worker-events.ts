import type { SQSEvent } from 'aws-lambda';
import type { Route } from '../functions/domain/model/route.ts';
import { ENV } from '../functions/submit-build/environment.ts';
import { LOCAL_REGION } from '../local/aws/account.ts';
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
}

export function sqsEvent(builds: readonly (QueuedBuild & { readonly receiveCount: number })[]): SQSEvent {
  return {
    Records: builds.map(({ id, key, size, droppedAt, receiveCount }) => ({
      messageId: id,
      receiptHandle: `receipt-${id}`,
      body: JSON.stringify({
        Records: [
          {
            eventVersion: '2.1',
            eventSource: 'aws:s3',
            awsRegion: LOCAL_REGION,
            eventTime: new Date(droppedAt).toISOString(),
            eventName: 'ObjectCreated:CompleteMultipartUpload',
            s3: {
              s3SchemaVersion: '1.0',
              bucket: { name: 'drop-bucket', arn: 'arn:aws:s3:::drop-bucket' },
              object: { key, size, eTag: E_TAG, versionId: VERSION_ID, sequencer: '0055AED6DCD90281E5' },
            },
          },
        ],
      }),
      attributes: {
        ApproximateReceiveCount: String(receiveCount),
        SentTimestamp: String(droppedAt),
        SenderId: 'S3',
        ApproximateFirstReceiveTimestamp: String(droppedAt),
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:builds',
      awsRegion: LOCAL_REGION,
    })),
  };
}

/** The worker's environment where `endpoints` are all there is, for one user of the vendor. */
export function environmentFor(bench: Bench, endpoints: Endpoints, userId: string): Record<string, string> {
  const routes = JSON.parse(bench.artifacts.ours.environment[ENV.routes] ?? '[]') as Route[];
  return {
    [ENV.routes]: JSON.stringify(routes.map((route) => ({ ...route, prefix: '', userId }))),
    [ENV.streampixelBaseUrl]: endpoints.vendorUrl,
  };
}
