import { environmentOf } from '../environment.ts';

export const { ENV, readEnvironment } = environmentOf([
  'streampixelBaseUrl',
  'intervalMs',
  'fileUrls',
  'fileUrlLifetimeS',
  'maxAttempts',
  'onLostAnswer',
  'packageCheck',
  'buildsQueueUrl',
  'messageRetentionS',
  'deadLetterQueueUrl',
  'ledgerTable',
  'alertTopicArn',
  'alertFormat',
  'commandTarget',
  'stackName',
]);
export type EnvName = (typeof ENV)[keyof typeof ENV];
