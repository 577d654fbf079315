import { environmentOf } from '../environment.ts';

export const { ENV, readEnvironment } = environmentOf(['followQueueUrl', 'webhookTokenParameter']);
export type EnvName = (typeof ENV)[keyof typeof ENV];
