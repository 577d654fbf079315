import { ENV, type EnvName } from '../functions/redrive-builds/environment.ts';
import type { Settings } from './config.ts';

/** What the function has to be told of the stack's resources. */
export interface RedriveBuildsResources {
  readonly buildsQueueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly ledgerTable: string;
  readonly alertTopicArn: string;
}

/**
 * The function's environment: a part of what submit-build gets, so it fits where that one does. The type has a key for each
 * variable that the function reads: one forgotten doesn't compile.
 */
export function redriveBuildsEnvironment(
  settings: Settings,
  resources: RedriveBuildsResources,
): Record<EnvName, string> {
  return {
    [ENV.routes]: JSON.stringify(settings.routes),
    [ENV.streampixelBaseUrl]: settings.streampixelBaseUrl,
    [ENV.buildsQueueUrl]: resources.buildsQueueUrl,
    [ENV.deadLetterQueueUrl]: resources.deadLetterQueueUrl,
    [ENV.ledgerTable]: resources.ledgerTable,
    [ENV.alertTopicArn]: resources.alertTopicArn,
    [ENV.alertFormat]: settings.alertFormat,
  };
}
