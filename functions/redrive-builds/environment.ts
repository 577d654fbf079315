import * as v from 'valibot';
import { routesSchema, ENV as SUBMIT_BUILD } from '../submit-build/environment.ts';

/** Names of the function's environment variables, by the names submit-build has for the same things. */
export const ENV = {
  routes: SUBMIT_BUILD.routes,
  streampixelBaseUrl: SUBMIT_BUILD.streampixelBaseUrl,
  buildsQueueUrl: SUBMIT_BUILD.buildsQueueUrl,
  deadLetterQueueUrl: SUBMIT_BUILD.deadLetterQueueUrl,
  ledgerTable: SUBMIT_BUILD.ledgerTable,
  alertTopicArn: SUBMIT_BUILD.alertTopicArn,
  alertFormat: SUBMIT_BUILD.alertFormat,
} as const;
export type EnvName = (typeof ENV)[keyof typeof ENV];

const text = v.pipe(v.string(), v.nonEmpty());
const schema = v.object({
  [ENV.routes]: routesSchema,
  [ENV.streampixelBaseUrl]: text,
  [ENV.buildsQueueUrl]: text,
  [ENV.deadLetterQueueUrl]: text,
  [ENV.ledgerTable]: text,
  [ENV.alertTopicArn]: text,
  [ENV.alertFormat]: v.picklist(['email', 'chat']),
});

/** @throws ValiError where the function's environment is not what the stack sets */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>) {
  const values = v.parse(schema, env);
  return {
    routes: values[ENV.routes],
    streampixelBaseUrl: values[ENV.streampixelBaseUrl],
    buildsQueueUrl: values[ENV.buildsQueueUrl],
    deadLetterQueueUrl: values[ENV.deadLetterQueueUrl],
    ledgerTable: values[ENV.ledgerTable],
    alertTopicArn: values[ENV.alertTopicArn],
    alertFormat: values[ENV.alertFormat],
  };
}
