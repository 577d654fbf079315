import { namesOf, readVariables } from '../environment.ts';

const KEYS = [
  'routes',
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
  'stackName',
] as const;

export const ENV = namesOf(KEYS);
export type EnvName = (typeof ENV)[keyof typeof ENV];

/** @throws Error that names every variable at fault, without its value */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>) {
  return readVariables(KEYS, env);
}
