import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { createSqsFollowQueue } from '../adapters/sqs-follow-queue.ts';
import { createSsmWebhookTokens } from '../adapters/ssm-webhook-tokens.ts';
import { systemClock as clock } from '../adapters/system-clock.ts';
import * as compose from '../composition.ts';
import { lambdaHandler } from '../lambda-handler.ts';
import { readEnvironment } from './environment.ts';
import { type Answer, receiveWebhook } from './receive-webhook.ts';

const environment = readEnvironment(process.env);
// Two tries fit into the 10 s that Streampixel waits.
const settings = compose.clientSettings({ connectionTimeout: 1_500, requestTimeout: 3_000, maxAttempts: 2 });
const log = compose.log;
const ports = {
  clock,
  log,
  tokens: createSsmWebhookTokens(compose.createParameters(settings), environment.webhookTokenParameter, clock, log),
  followQueue: createSqsFollowQueue(compose.createSqsClient(settings), environment.followQueueUrl),
};

// API Gateway answers 500, and Streampixel never sends the webhook again.
const FAILURE = { event: 'webhook-not-stored', message: 'The webhook was not stored; its log has the cause.' };

/** Takes Streampixel's webhooks from the public address; follow-builds finds out what they mean for a build. */
export const handler = lambdaHandler<APIGatewayProxyEventV2, Answer>(log, FAILURE, async (event) => {
  const { body = '', headers, isBase64Encoded, pathParameters, requestContext } = event;
  const request = {
    method: requestContext.http.method,
    contentEncoding: headers['content-encoding'],
    projectId: pathParameters?.projectId ?? '',
    token: pathParameters?.token ?? '',
    body,
    isBase64Encoded,
  };
  return receiveWebhook(request, ports);
});
