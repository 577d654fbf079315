import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import type { Route } from '../functions/domain/model/route.ts';
import { ROUTES_FILE } from '../functions/routes-file.ts';
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

/**
 * Gives the functions a route for one user, to the project {@link PROJECT_ID}.
 *
 * @returns their environment with `endpoints` behind it
 */
export async function environmentFor(
  { functions: { followBuilds, ours } }: Bench,
  endpoints: Endpoints,
  userId: string,
): Promise<Record<string, string>> {
  const route: Route = {
    prefix: '',
    userId,
    projectId: PROJECT_ID,
    autoRelease: false,
    release: 'on-approval',
    apiKeyParameter: '/key',
  };
  const routes = JSON.stringify([route]);
  for (const { codeDirectory } of [ours, followBuilds]) await writeFile(join(codeDirectory, ROUTES_FILE), routes);
  return { [PLAIN_ROUTES]: routes, [ENV.streampixelBaseUrl]: endpoints.streampixelUrl };
}

export const PROJECT_ID = '0123456789abcdef01234567';
/** Where the plain design has its routes. */
const PLAIN_ROUTES = 'ROUTES';
