import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { createEmfMetrics } from './adapters/emf-metrics.ts';
import { createEventBridgeEvents } from './adapters/eventbridge-events.ts';
import { createJsonLog } from './adapters/json-log.ts';
import { type AlertFormat, createSnsAlerts } from './adapters/sns-alerts.ts';
import { createSsmApiKeys } from './adapters/ssm-api-keys.ts';
import { createGetParameter } from './adapters/ssm-parameters.ts';
import { systemClock as clock } from './adapters/system-clock.ts';
import { type CommandTarget, operatorCommands } from './domain/notify/operator-commands.ts';

/**
 * What the handlers are put together from. A function for each part, because a bundle only contains what its handler calls; the
 * table is not among them, because esbuild never leaves `@aws-sdk/lib-dynamodb` out. The SDK itself reads region, credentials and
 * `AWS_ENDPOINT_URL`.
 */

const write = (line: string) => process.stdout.write(line);
export const log = createJsonLog(clock, write);

/**
 * How the clients of a function wait for AWS, in ms: a call that hangs has to fail well inside the function's time, so that what it
 * was needed for can be recorded.
 */
export function clientSettings({ connectionTimeout = 2_000, requestTimeout = 5_000, maxAttempts = 3 } = {}) {
  return {
    maxAttempts,
    // By itself `requestTimeout` only logs a warning, and it does not cover an answer that stops halfway: `socketTimeout` does.
    requestHandler: { connectionTimeout, requestTimeout, throwOnRequestTimeout: true, socketTimeout: requestTimeout },
  };
}
type ClientSettings = ReturnType<typeof clientSettings>;

/** By default the client would prefer the host of the queue's URL to `AWS_ENDPOINT_URL`. */
export function createSqsClient(settings: ClientSettings): SQSClient {
  return new SQSClient({ ...settings, useQueueUrlAsEndpoint: false });
}

/** Another S3 than AWS's, if any. */
export const S3_ENDPOINT = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;

/** Emulators have no wildcard DNS for buckets. */
export function createS3Client(settings: ClientSettings): S3Client {
  return new S3Client({ ...settings, forcePathStyle: S3_ENDPOINT !== undefined });
}

export function createParameters(settings: ClientSettings) {
  return createGetParameter(new SSMClient(settings));
}

export function createApiKeys(settings: ClientSettings) {
  return createSsmApiKeys(createParameters(settings), clock, log);
}

interface AlertEnvironment {
  readonly alertFormat: AlertFormat;
  readonly alertTopicArn: string;
  readonly commandTarget: CommandTarget;
}

export function createAlerts(
  settings: ClientSettings,
  { alertFormat, alertTopicArn, commandTarget }: AlertEnvironment,
) {
  return createSnsAlerts(new SNSClient(settings), alertTopicArn, alertFormat, operatorCommands(commandTarget));
}

export function createEvents(settings: ClientSettings) {
  return createEventBridgeEvents(new EventBridgeClient(settings));
}

export function createMetrics({ stackName }: { readonly stackName: string }) {
  return createEmfMetrics(stackName, clock, write);
}
