import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createDynamoDbLedger } from '../adapters/dynamodb-ledger.ts';
import { createDynamoDbPacer } from '../adapters/dynamodb-pacer.ts';
import { openTable } from '../adapters/dynamodb-table.ts';
import { createS3ObjectTags } from '../adapters/s3-object-tags.ts';
import { createSqsFollowQueue } from '../adapters/sqs-follow-queue.ts';
import { createSqsMessageVisibility } from '../adapters/sqs-message-visibility.ts';
import { createStreampixelReleases } from '../adapters/streampixel-api.ts';
import { createStreampixelProjectFiles } from '../adapters/streampixel-lookups.ts';
import { systemClock as clock } from '../adapters/system-clock.ts';
import * as compose from '../composition.ts';
import { handleFollowMessage } from '../domain/follow/handle-follow-message.ts';
import { BATCH_FAILED, lambdaHandler } from '../lambda-handler.ts';
import { handleBatch, invocationDeadline, type QueueRecord, receiveCountOf } from '../message-batch.ts';
import { readRoutes } from '../routes-file.ts';
import { readEnvironment } from './environment.ts';

const environment = { ...readEnvironment(process.env), routes: readRoutes() };
const settings = compose.clientSettings();
const sqs = compose.createSqsClient(settings);
const table = openTable(new DynamoDBClient(settings), environment.ledgerTable);
const log = compose.log;
const ports = {
  clock,
  random: Math.random,
  log,
  metrics: compose.createMetrics(environment),
  ledger: createDynamoDbLedger(table),
  pacer: createDynamoDbPacer(table, environment),
  apiKeys: compose.createApiKeys(settings),
  alerts: compose.createAlerts(settings, environment),
  events: compose.createEvents(settings),
  releases: createStreampixelReleases(environment.streampixelBaseUrl, clock),
  projectFiles: createStreampixelProjectFiles(environment.streampixelBaseUrl, clock),
  followQueue: createSqsFollowQueue(sqs, environment.followQueueUrl),
  tags: createS3ObjectTags(compose.createS3Client(settings)),
  visibility: createSqsMessageVisibility(sqs, environment.followQueueUrl),
};

/** Takes a batch of the follow queue: follows builds at Streampixel until they are finished. */
export const handler = lambdaHandler<SQSEvent, SQSBatchResponse>(log, BATCH_FAILED, async ({ Records }, context) => {
  const invocation = invocationDeadline(clock.now(), context.getRemainingTimeInMillis());
  const { deadline, leaseUntil } = invocation;
  const handle = (record: QueueRecord) => {
    const delivery = { body: record.body, receiveCount: receiveCountOf(record), deadline, leaseUntil };
    return handleFollowMessage(delivery, environment, ports);
  };
  return handleBatch(Records, invocation, handle, ports);
});
