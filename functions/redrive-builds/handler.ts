import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { EventBridgeEvent } from 'aws-lambda';
import { createDynamoDbLedger } from '../adapters/dynamodb-ledger.ts';
import { openTable } from '../adapters/dynamodb-table.ts';
import { createSqsBuildsQueue } from '../adapters/sqs-builds-queue.ts';
import { createSqsDeadLetterStore } from '../adapters/sqs-dead-letter-store.ts';
import { createStreampixelKeyChecks } from '../adapters/streampixel-lookups.ts';
import { systemClock as clock } from '../adapters/system-clock.ts';
import * as compose from '../composition.ts';
import { type KeyChangeOutcome, redriveForKey } from '../domain/redrive/redrive-for-key.ts';
import { lambdaHandler } from '../lambda-handler.ts';
import { readRoutes } from '../routes-file.ts';
import { readEnvironment } from './environment.ts';

/** EventBridge's event for a parameter that was created, changed or deleted. */
type ParameterStoreChange = EventBridgeEvent<
  'Parameter Store Change',
  { readonly name: string; readonly operation: string }
>;

const environment = { ...readEnvironment(process.env), routes: readRoutes() };
const settings = compose.clientSettings({ requestTimeout: 10_000 });
const sqs = compose.createSqsClient(settings);
const log = compose.log;
const ports = {
  clock,
  log,
  ledger: createDynamoDbLedger(openTable(new DynamoDBClient(settings), environment.ledgerTable)),
  apiKeys: compose.createApiKeys(settings),
  alerts: compose.createAlerts(settings, environment),
  events: compose.createEvents(settings),
  keyChecks: createStreampixelKeyChecks(environment.streampixelBaseUrl, clock),
  deadLetters: createSqsDeadLetterStore(sqs, environment.deadLetterQueueUrl),
  buildsQueue: createSqsBuildsQueue(sqs, environment.buildsQueueUrl),
};

// Lambda tries twice more.
const FAILURE = {
  event: 'redrive-failed',
  message: 'The redrive failed; its log has the cause. No build is lost: it is in one of the two queues.',
};

/** Once a new API key is in its parameter: sends the builds that the rejected key stopped back to the builds queue. */
export const handler = lambdaHandler<ParameterStoreChange, KeyChangeOutcome>(
  log,
  FAILURE,
  async ({ detail }, context) => {
    const deadline = clock.now() + context.getRemainingTimeInMillis();
    const outcome = await redriveForKey(detail.name, environment.routes, deadline, ports);
    const { kind, ...facts } = outcome;
    log.info(kind, { parameter: detail.name, operation: detail.operation, ...facts });
    return outcome;
  },
);
