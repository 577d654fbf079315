import { environmentOf } from '../environment.ts';

export const { ENV, readEnvironment } = environmentOf([
  'streampixelBaseUrl',
  'buildsQueueUrl',
  'deadLetterQueueUrl',
  'ledgerTable',
  'alertTopicArn',
  'alertFormat',
  'commandTarget',
]);
export type EnvName = (typeof ENV)[keyof typeof ENV];
