import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createDynamoDbLedger } from '../adapters/dynamodb-ledger.ts';
import { createDynamoDbPacer } from '../adapters/dynamodb-pacer.ts';
import { createEmfMetrics } from '../adapters/emf-metrics.ts';
import { createEventBridgeEvents } from '../adapters/eventbridge-events.ts';
import { createJsonLog } from '../adapters/json-log.ts';
import { createS3ObjectTags } from '../adapters/s3-object-tags.ts';
import { createSnsAlerts } from '../adapters/sns-alerts.ts';
import { createSqsFollowQueue } from '../adapters/sqs-follow-queue.ts';
import { createSqsMessageVisibility } from '../adapters/sqs-message-visibility.ts';
import { createSsmApiKeys } from '../adapters/ssm-api-keys.ts';
import { createGetParameter } from '../adapters/ssm-parameters.ts';
import { createStreampixelProjectFiles, createStreampixelReleases } from '../adapters/streampixel-api.ts';
import { systemClock as clock } from '../adapters/system-clock.ts';
import { handleFollowMessage } from '../domain/follow/handle-follow-message.ts';
import { failureLog } from '../failure-log.ts';
import { handleBatch, invocationDeadline, receiveCountOf } from '../message-batch.ts';
import { readEnvironment } from './environment.ts';

const environment = readEnvironment(process.env);
const write = (line: string) => process.stdout.write(line);
const log = createJsonLog(clock, write);

// A hanging AWS call must fail well inside the function's time, so that what it stood in the way of can be written down.
const requestHandler = { connectionTimeout: 2_000, requestTimeout: 5_000 };
const dynamoDb = new DynamoDBClient({ requestHandler });
const sqs = new SQSClient({ requestHandler, useQueueUrlAsEndpoint: false });
const endpoint = process.env.AWS_ENDPOINT_URL;
// Emulators have no wildcard DNS for buckets.
const s3 = new S3Client({
  requestHandler,
  forcePathStyle: (process.env.AWS_ENDPOINT_URL_S3 ?? endpoint) !== undefined,
});
const signedCalls = {
  credentials: sqs.config.credentials,
  region: process.env.AWS_REGION ?? 'us-east-1',
  clock,
  endpoint,
};
const ports = {
  clock,
  random: Math.random,
  log,
  apiKeys: createSsmApiKeys(createGetParameter(signedCalls), clock, log),
  releases: createStreampixelReleases(environment.streampixelBaseUrl, clock),
  projectFiles: createStreampixelProjectFiles(environment.streampixelBaseUrl, clock),
  ledger: createDynamoDbLedger(dynamoDb, environment.ledgerTable),
  pacer: createDynamoDbPacer(dynamoDb, environment.ledgerTable, environment),
  alerts: createSnsAlerts(environment.alertTopicArn, environment.alertFormat, signedCalls),
  events: createEventBridgeEvents(signedCalls),
  metrics: createEmfMetrics(environment.stackName, clock, write),
  followQueue: createSqsFollowQueue(sqs, environment.followQueueUrl),
  tags: createS3ObjectTags(s3),
  visibility: createSqsMessageVisibility(sqs, environment.followQueueUrl),
};

/** Follows builds at Streampixel to their end: takes a batch of the follow queue. middy's early timeout is off, as in submit-build. */
export const handler = middy<SQSEvent, SQSBatchResponse>({ timeoutEarlyInMillis: 0 })
  .use(
    failureLog(
      log,
      'invocation-failed',
      'The invocation failed; its log has the cause. Every message of the batch stays in the queue.',
    ),
  )
  .handler(async ({ Records }: SQSEvent, context: Context) => {
    const invocation = invocationDeadline(clock.now(), context.getRemainingTimeInMillis());
    const { deadline, leaseUntil } = invocation;
    return handleBatch(
      Records,
      invocation,
      (record) => {
        const delivery = { body: record.body, receiveCount: receiveCountOf(record), deadline, leaseUntil };
        return handleFollowMessage(delivery, environment, ports);
      },
      ports,
    );
  });
