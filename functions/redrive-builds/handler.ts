import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { Context, EventBridgeEvent } from 'aws-lambda';
import { createDynamoDbLedger } from '../adapters/dynamodb-ledger.ts';
import { createEventBridgeEvents } from '../adapters/eventbridge-events.ts';
import { createJsonLog } from '../adapters/json-log.ts';
import { createSnsAlerts } from '../adapters/sns-alerts.ts';
import { createSqsBuildsQueue } from '../adapters/sqs-builds-queue.ts';
import { createSqsDeadLetterStore } from '../adapters/sqs-dead-letter-store.ts';
import { createSsmApiKeys } from '../adapters/ssm-api-keys.ts';
import { createGetParameter } from '../adapters/ssm-parameters.ts';
import { createStreampixelKeyChecks } from '../adapters/streampixel-api.ts';
import { systemClock as clock } from '../adapters/system-clock.ts';
import { type KeyChangeOutcome, redriveForKey } from '../domain/redrive/redrive-for-key.ts';
import { failureLog } from '../failure-log.ts';
import { readEnvironment } from './environment.ts';

/** What EventBridge says when a parameter was created, changed or deleted. */
type ParameterStoreChange = EventBridgeEvent<
  'Parameter Store Change',
  { readonly name: string; readonly operation: string }
>;

const environment = readEnvironment(process.env);
const log = createJsonLog(clock, (line) => process.stdout.write(line));
const requestHandler = { connectionTimeout: 2_000, requestTimeout: 10_000 };
const dynamoDb = new DynamoDBClient({ requestHandler });
const sqs = new SQSClient({ requestHandler, useQueueUrlAsEndpoint: false });
const signedCalls = {
  credentials: sqs.config.credentials,
  region: process.env.AWS_REGION ?? 'us-east-1',
  clock,
  endpoint: process.env.AWS_ENDPOINT_URL,
};
const ports = {
  clock,
  log,
  apiKeys: createSsmApiKeys(createGetParameter(signedCalls), clock, log),
  keyChecks: createStreampixelKeyChecks(environment.streampixelBaseUrl, clock),
  ledger: createDynamoDbLedger(dynamoDb, environment.ledgerTable),
  deadLetters: createSqsDeadLetterStore(sqs, environment.deadLetterQueueUrl),
  buildsQueue: createSqsBuildsQueue(sqs, environment.buildsQueueUrl),
  alerts: createSnsAlerts(environment.alertTopicArn, environment.alertFormat, signedCalls),
  events: createEventBridgeEvents(signedCalls),
};

/** Sends the builds that an API key has stranded back in line once a new key is in its parameter. */
export const handler = middy<ParameterStoreChange, KeyChangeOutcome>({ timeoutEarlyInMillis: 0 })
  // Lambda tries twice more.
  .use(
    failureLog(
      log,
      'redrive-failed',
      'The redrive failed; its log has the cause. No build is lost: it is in one of the two queues.',
    ),
  )
  .handler(async ({ detail }: ParameterStoreChange, context: Context) => {
    const deadline = clock.now() + context.getRemainingTimeInMillis();
    const outcome = await redriveForKey(detail.name, environment.routes, deadline, ports);
    const { kind, ...facts } = outcome;
    log.info(kind, { parameter: detail.name, operation: detail.operation, ...facts });
    return outcome;
  });
