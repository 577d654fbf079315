import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { deliverByCloudFront } from '../adapters/cloudfront-signer.ts';
import { createDeliveryKeys } from '../adapters/delivery-key.ts';
import { createDynamoDbLedger } from '../adapters/dynamodb-ledger.ts';
import { createDynamoDbPacer } from '../adapters/dynamodb-pacer.ts';
import { openTable } from '../adapters/dynamodb-table.ts';
import { createS3BuildStore } from '../adapters/s3-build-store.ts';
import { createSqsDeadLetterQueue } from '../adapters/sqs-dead-letter-queue.ts';
import { createSqsMessageVisibility } from '../adapters/sqs-message-visibility.ts';
import { createStreampixelApi } from '../adapters/streampixel-api.ts';
import { systemClock as clock } from '../adapters/system-clock.ts';
import type { UrlSigner } from '../adapters/url-signer.ts';
import * as compose from '../composition.ts';
import { BATCH_FAILED, lambdaHandler } from '../lambda-handler.ts';
import { invocationDeadline } from '../message-batch.ts';
import { readRoutes } from '../routes-file.ts';
import { processBatch } from './delivery.ts';
import { readEnvironment } from './environment.ts';

const environment = { ...readEnvironment(process.env), routes: readRoutes() };
const settings = compose.clientSettings();
const sqs = compose.createSqsClient(settings);
const table = openTable(new DynamoDBClient(settings), environment.ledgerTable);
const log = compose.log;
const metrics = compose.createMetrics(environment);
const apiKeys = compose.createApiKeys(settings);
const { fileUrls } = environment;
const createStore = (signer?: UrlSigner) =>
  createS3BuildStore({
    credentials: sqs.config.credentials,
    clock,
    lifetimeS: environment.fileUrlLifetimeS,
    endpoint: compose.S3_ENDPOINT,
    signer,
  });
const ports = {
  clock,
  random: Math.random,
  newId: randomUUID,
  log,
  metrics,
  ledger: createDynamoDbLedger(table),
  pacer: createDynamoDbPacer(table, environment),
  apiKeys,
  alerts: compose.createAlerts(settings, environment),
  events: compose.createEvents(settings),
  builds:
    fileUrls.delivery === 's3'
      ? createStore()
      : deliverByCloudFront(
          { domain: fileUrls.domain, keys: createDeliveryKeys(apiKeys, fileUrls.keyParameter, fileUrls.keyIds), clock },
          createStore,
        ),
  streampixel: createStreampixelApi(environment.streampixelBaseUrl, clock),
  deadLetters: createSqsDeadLetterQueue(sqs, environment.deadLetterQueueUrl),
  visibility: createSqsMessageVisibility(sqs, environment.buildsQueueUrl),
};

/** Takes a batch of the builds queue. */
export const handler = lambdaHandler<SQSEvent, SQSBatchResponse>(log, BATCH_FAILED, async ({ Records }, context) => {
  const startedAt = clock.now();
  metrics.put('SessionAge', process.uptime());
  const invocation = invocationDeadline(startedAt, context.getRemainingTimeInMillis());
  const logPointer = `${context.logGroupName} ${context.logStreamName} ${context.awsRequestId}`;
  return processBatch(Records, invocation, logPointer, environment, ports);
});
