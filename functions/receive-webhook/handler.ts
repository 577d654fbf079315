import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { createJsonLog } from '../adapters/json-log.ts';
import { createSqsFollowQueue } from '../adapters/sqs-follow-queue.ts';
import { createGetParameter } from '../adapters/ssm-parameters.ts';
import { createSsmWebhookTokens } from '../adapters/ssm-webhook-tokens.ts';
import { systemClock as clock } from '../adapters/system-clock.ts';
import { failureLog } from '../failure-log.ts';
import { readEnvironment } from './environment.ts';
import { type Answer, bodyOf, receiveWebhook } from './receive-webhook.ts';

const environment = readEnvironment(process.env);
const log = createJsonLog(clock, (line) => process.stdout.write(line));
const sqs = new SQSClient({
  // Two tries fit into the 10 s that the vendor waits.
  requestHandler: { connectionTimeout: 1_500, requestTimeout: 3_000 },
  maxAttempts: 2,
  useQueueUrlAsEndpoint: false,
});
const getParameter = createGetParameter({
  credentials: sqs.config.credentials,
  region: process.env.AWS_REGION ?? 'us-east-1',
  clock,
  endpoint: process.env.AWS_ENDPOINT_URL,
});
const projectIds = new Set(environment.routes.map(({ projectId }) => projectId));
const ports = {
  clock,
  log,
  tokens: createSsmWebhookTokens(getParameter, environment.webhookTokenParameter, clock, log),
  followQueue: createSqsFollowQueue(sqs, environment.followQueueUrl),
};

/** Takes Streampixel's webhooks from the public address. What they mean for builds is follow-builds' matter. */
export const handler = middy<APIGatewayProxyEventV2, Answer>({ timeoutEarlyInMillis: 0 })
  // API Gateway answers 500, and the webhook is gone.
  .use(failureLog(log, 'webhook-not-stored', 'The webhook was not stored; its log has the cause.'))
  .handler(async ({ body = '', headers, isBase64Encoded, pathParameters, requestContext }: APIGatewayProxyEventV2) =>
    receiveWebhook(
      {
        method: requestContext.http.method,
        contentType: headers['content-type'] ?? '',
        projectId: pathParameters?.projectId ?? '',
        token: pathParameters?.token ?? '',
        body: bodyOf(body, isBase64Encoded),
      },
      projectIds,
      ports,
    ),
  );
