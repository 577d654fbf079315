import * as v from 'valibot';
import { ENV as SUBMIT_BUILD } from '../submit-build/environment.ts';

/** Names of the function's environment variables, by the names submit-build has for the same things. */
export const ENV = {
  deadLetterQueueUrl: SUBMIT_BUILD.deadLetterQueueUrl,
  alertTopicArn: SUBMIT_BUILD.alertTopicArn,
  alertFormat: SUBMIT_BUILD.alertFormat,
} as const;
export type EnvName = (typeof ENV)[keyof typeof ENV];

const text = v.pipe(v.string(), v.nonEmpty());
const schema = v.object({
  [ENV.deadLetterQueueUrl]: text,
  [ENV.alertTopicArn]: text,
  [ENV.alertFormat]: v.picklist(['email', 'chat']),
});

/** @throws ValiError where the function's environment is not what the stack sets */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>) {
  const values = v.parse(schema, env);
  return {
    deadLetterQueueUrl: values[ENV.deadLetterQueueUrl],
    alertTopicArn: values[ENV.alertTopicArn],
    alertFormat: values[ENV.alertFormat],
  };
}
