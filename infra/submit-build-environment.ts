import { ENV, type EnvName } from '../functions/submit-build/environment.ts';
import type { Settings } from './config.ts';

/** What the function has to be told of the stack's resources. */
export interface SubmitBuildResources {
  readonly buildsQueueUrl: string;
  /** In seconds. */
  readonly messageRetentionS: number;
  readonly deadLetterQueueUrl: string;
  readonly ledgerTable: string;
  readonly alertTopicArn: string;
}

/** The function's environment. The type has a key for each variable that the function reads: one forgotten doesn't compile. */
export function submitBuildEnvironment(settings: Settings, resources: SubmitBuildResources): Record<EnvName, string> {
  return {
    [ENV.routes]: JSON.stringify(settings.routes),
    [ENV.streampixelBaseUrl]: settings.streampixelBaseUrl,
    [ENV.intervalMs]: String(Math.round(settings.intervalSeconds * 1000)),
    [ENV.fileUrlLifetimeS]: String(settings.fileUrlLifetimeSeconds),
    [ENV.maxAttempts]: String(settings.maxAttempts),
    [ENV.onLostAnswer]: settings.onLostAnswer,
    [ENV.buildsQueueUrl]: resources.buildsQueueUrl,
    [ENV.messageRetentionS]: String(resources.messageRetentionS),
    [ENV.deadLetterQueueUrl]: resources.deadLetterQueueUrl,
    [ENV.ledgerTable]: resources.ledgerTable,
    [ENV.alertTopicArn]: resources.alertTopicArn,
    [ENV.alertFormat]: settings.alertFormat,
    [ENV.stackName]: settings.stackName,
  };
}

export const ENVIRONMENT_LIMIT_BYTES = 4096;

/** Longer than any queue URL or table name of a stack whose name is within bounds. */
const LONGEST_RESOURCE = 'x'.repeat(160);

/** What Lambda will measure at most: the variables as one JSON text, so that quotes within ROUTES count twice. */
export function environmentBytes(settings: Settings): number {
  const environment = submitBuildEnvironment(settings, {
    buildsQueueUrl: LONGEST_RESOURCE,
    messageRetentionS: 14 * 24 * 3600,
    deadLetterQueueUrl: LONGEST_RESOURCE,
    ledgerTable: LONGEST_RESOURCE,
    alertTopicArn: LONGEST_RESOURCE,
  });
  return Buffer.byteLength(JSON.stringify(environment));
}
