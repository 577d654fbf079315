import type { Route } from '../functions/domain/route.ts';

/**
 * Logical ids of the stack's outputs. The local stack and the operator's tool find things by them: rename one only together
 * with a major version.
 */
export const OUTPUTS = {
  dropBucketName: 'DropBucketName',
  dropABuild: 'DropABuild',
  /** One output per distinct API key parameter: this id for the first, then `StoreApiKey2`, `StoreApiKey3`, ... */
  storeApiKey: 'StoreApiKey',
  buildsQueueUrl: 'BuildsQueueUrl',
  deadLetterQueueUrl: 'DeadLetterQueueUrl',
  submitBuildFunctionName: 'SubmitBuildFunctionName',
  ledgerTableName: 'LedgerTableName',
  alertTopicArn: 'AlertTopicArn',
  /** JSON of {@link DeployedSettings}. */
  settings: 'Settings',
} as const;

/** What the operator's tool needs of the settings that the stack was deployed with. */
export interface DeployedSettings {
  readonly routes: readonly Route[];
  /** Start of the keys that are taken. */
  readonly prefix: string;
  readonly streampixelBaseUrl: string;
  readonly intervalSeconds: number;
}

export const DEFAULT_STACK_NAME = 'StreampixelDrop';
