import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createDynamoDbLedger } from '../adapters/dynamodb-ledger.ts';
import { createDynamoDbPacer } from '../adapters/dynamodb-pacer.ts';
import { createEmfMetrics } from '../adapters/emf-metrics.ts';
import { createEventBridgeEvents } from '../adapters/eventbridge-events.ts';
import { createJsonLog } from '../adapters/json-log.ts';
import { createS3BuildStore } from '../adapters/s3-build-store.ts';
import { createSnsAlerts } from '../adapters/sns-alerts.ts';
import { createSqsDeadLetterQueue } from '../adapters/sqs-dead-letter-queue.ts';
import { createSqsMessageVisibility } from '../adapters/sqs-message-visibility.ts';
import { createSsmApiKeys } from '../adapters/ssm-api-keys.ts';
import { createGetParameter } from '../adapters/ssm-parameters.ts';
import { createStreampixelApi } from '../adapters/streampixel-api.ts';
import { systemClock as clock } from '../adapters/system-clock.ts';
import { failureLog } from '../failure-log.ts';
import { invocationDeadline } from '../message-batch.ts';
import { readEnvironment } from './environment.ts';
import { processBatch } from './process-batch.ts';

// What lives here is 8 MB. V8 would let the space for new objects grow with the function's memory instead of emptying it, and its
// optimizing compiler works for loops that this code does not have: half as much memory again, for nothing (docs/performance.md).
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--no-opt');

const environment = readEnvironment(process.env);
const write = (line: string) => process.stdout.write(line);
const log = createJsonLog(clock, write);
const metrics = createEmfMetrics(environment.stackName, clock, write);

// A hanging AWS call must fail well inside the function's time, so that what it stood in the way of can be written down.
const requestHandler = { connectionTimeout: 2_000, requestTimeout: 5_000 };
// Nobody adds middleware later, so a command's is put together once and not for every call.
const clientSettings = { requestHandler, cacheMiddleware: true };
const dynamoDb = new DynamoDBClient(clientSettings);
// The client prefers the queue URL's host to AWS_ENDPOINT_URL unless told otherwise.
const sqs = new SQSClient({ ...clientSettings, useQueueUrlAsEndpoint: false });

const { credentials } = sqs.config;
const endpoint = process.env.AWS_ENDPOINT_URL;
const signedCalls = { credentials, region: process.env.AWS_REGION ?? 'us-east-1', clock, endpoint };

const ports = {
  clock,
  random: Math.random,
  newId: randomUUID,
  log,
  apiKeys: createSsmApiKeys(createGetParameter(signedCalls), clock, log),
  builds: createS3BuildStore({
    credentials,
    clock,
    lifetimeS: environment.fileUrlLifetimeS,
    endpoint: process.env.AWS_ENDPOINT_URL_S3 ?? endpoint,
  }),
  streampixel: createStreampixelApi(environment.streampixelBaseUrl, clock),
  deadLetters: createSqsDeadLetterQueue(sqs, environment.deadLetterQueueUrl),
  ledger: createDynamoDbLedger(dynamoDb, environment.ledgerTable),
  pacer: createDynamoDbPacer(dynamoDb, environment.ledgerTable, environment),
  alerts: createSnsAlerts(environment.alertTopicArn, environment.alertFormat, signedCalls),
  events: createEventBridgeEvents(signedCalls),
  metrics,
  visibility: createSqsMessageVisibility(sqs, environment.buildsQueueUrl),
};

/** Takes a batch of the builds queue. middy's early timeout is off: it would report finished messages as failed. */
export const handler = middy<SQSEvent, SQSBatchResponse>({ timeoutEarlyInMillis: 0 })
  .use(
    failureLog(
      log,
      'invocation-failed',
      'The invocation failed; its log has the cause. Every message of the batch stays in the queue.',
    ),
  )
  .handler(async (event: SQSEvent, context: Context) => {
    const startedAt = clock.now();
    metrics.put('SessionAge', process.uptime());
    const invocation = invocationDeadline(startedAt, context.getRemainingTimeInMillis());
    const logPointer = `${context.logGroupName} ${context.logStreamName} ${context.awsRequestId}`;
    return processBatch(event.Records, invocation, logPointer, environment, ports);
  });
