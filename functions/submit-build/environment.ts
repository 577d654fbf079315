import { environmentOf } from '../environment.ts';

export const { ENV, readEnvironment } = environmentOf([
  'routes',
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
export type Environment = ReturnType<typeof readEnvironment>;
