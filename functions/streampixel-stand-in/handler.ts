import { randomBytes } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type {
  APIGatewayProxyEventV2,
  APIGatewayProxyResultV2,
  SQSBatchResponse,
  SQSEvent,
  SQSRecord,
} from 'aws-lambda';
import { openTable } from '../adapters/dynamodb-table.ts';
import { systemClock as clock } from '../adapters/system-clock.ts';
import * as compose from '../composition.ts';
import { describeError } from '../domain/model/redaction.ts';
import { lambdaHandler } from '../lambda-handler.ts';
import { readRoutes } from '../routes-file.ts';
import { answerTo, endpointOf, type StandInUser, type Streampixel, windowOf } from './api.ts';
import { courseOf, type Dashboard, readDashboard } from './dashboard.ts';
import { downloadEnds } from './download.ts';
import { readEnvironment } from './environment.ts';
import { acceptedUpload } from './lifecycle.ts';
import { type StepMessage, type StepPorts, takeStep } from './take-step.ts';
import { openUploads } from './uploads-table.ts';
import { deliverWebhook } from './webhook-delivery.ts';

const environment = readEnvironment(process.env);
const settings = compose.clientSettings();
const sqs = compose.createSqsClient(settings);
const getParameter = compose.createParameters(settings);
const uploads = openUploads(openTable(new DynamoDBClient(settings), environment.standInTable));
const windowMs = windowOf(environment.intervalMs);
const users = readRoutes().map(({ projectId, userId }): StandInUser => ({ userId, projectIds: [projectId] }));

/** Longest that each of the two ends of a build may take, in ms. */
const DOWNLOAD_MS = 20_000;
/** Until an accepted build is under way, in s: the answer to the upload is there before the first webhook. */
const ACCEPTED_S = 1;

const ports: StepPorts = {
  clock,
  log: compose.log,
  uploads,
  dashboard,
  download: (fileUrl) => downloadEnds(fileUrl, DOWNLOAD_MS),
  deliver: deliverWebhook,
  sendStep,
};

/** Read each time: a key that is replaced is invalid at once. */
function dashboard(): Promise<Partial<Dashboard>> {
  return readDashboard(getParameter, environment.standInParameter);
}

async function sendStep(message: StepMessage, DelaySeconds: number): Promise<void> {
  const { standInQueueUrl: QueueUrl } = environment;
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message), DelaySeconds }));
}

function streampixelWith(present: Partial<Dashboard>): Streampixel {
  return {
    users,
    apiKey: present.apiKey,
    windowMs,
    acquire: (endpoint, userId) => uploads.acquire(endpoint, userId, clock.now(), windowMs),
    async accept(request) {
      const course = courseOf(present, request.fileUrl);
      const upload = acceptedUpload(request, randomBytes(12).toString('hex'), course, clock.now());
      await uploads.add(upload);
      await sendStep({ uploadId: upload.uploadId }, ACCEPTED_S);
      return upload;
    },
    distribute: ({ uploadId }) => sendStep({ uploadId, from: 'approved' }, ACCEPTED_S),
    uploadsOf: uploads.ofProject,
    webhookOf: (projectId) => present.webhooks?.[projectId],
  };
}

/** @returns the messages whose steps failed: they come again */
async function takeSteps(records: readonly SQSRecord[]): Promise<SQSBatchResponse> {
  const failed = await Promise.all(
    records.map(async ({ body, messageId }) => {
      try {
        await takeStep(JSON.parse(body), ports);
        return [];
      } catch (error) {
        compose.log.error('step-failed', { messageId, error: describeError(error) });
        return { itemIdentifier: messageId };
      }
    }),
  );
  return { batchItemFailures: failed.flat() };
}

const FAILURE = { event: 'stand-in-failed', message: 'The stand-in failed; its log has the cause.' };

/** Stands in for Streampixel in a rehearsal: answers its API, and takes what it has accepted through the stages. */
export const handler = lambdaHandler<APIGatewayProxyEventV2 | SQSEvent, APIGatewayProxyResultV2 | SQSBatchResponse>(
  compose.log,
  FAILURE,
  async (event) => {
    if ('Records' in event) return takeSteps(event.Records);
    const { body = '', headers, isBase64Encoded, rawPath, rawQueryString, requestContext } = event;
    const call = {
      contentType: headers['content-type'],
      query: new URLSearchParams(rawQueryString),
      body: isBase64Encoded ? Buffer.from(body, 'base64').toString() : body,
    };
    const streampixel = streampixelWith(await dashboard());
    const answer = await answerTo(requestContext.http.method, endpointOf(rawPath), call, streampixel);
    return {
      statusCode: answer.status,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(answer.body),
    };
  },
);
