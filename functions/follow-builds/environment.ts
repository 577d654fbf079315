import { environmentOf } from '../environment.ts';

export const { ENV, readEnvironment } = environmentOf([
  'streampixelBaseUrl',
  'intervalMs',
  'lateAfterMs',
  'stuckAfterMs',
  'reconcile',
  'tagObjects',
  'followQueueUrl',
  'ledgerTable',
  'alertTopicArn',
  'alertFormat',
  'commandTarget',
  'stackName',
]);
export type EnvName = (typeof ENV)[keyof typeof ENV];
