import { environmentOf } from '../environment.ts';

export const { ENV, readEnvironment } = environmentOf([
  'deadLetterQueueUrl',
  'alertTopicArn',
  'alertFormat',
  'commandTarget',
  'reminderHourUtc',
  'stackName',
]);
export type EnvName = (typeof ENV)[keyof typeof ENV];
