import * as v from 'valibot';
import type { Route } from '../domain/route.ts';

/** Names of the function's environment variables: the stack sets exactly these, the handler reads exactly these. */
export const ENV = {
  routes: 'ROUTES',
  streampixelBaseUrl: 'STREAMPIXEL_BASE_URL',
  intervalMs: 'SUBMISSION_INTERVAL_MS',
  fileUrlLifetimeS: 'FILE_URL_LIFETIME_S',
  maxAttempts: 'MAX_ATTEMPTS',
  onLostAnswer: 'ON_LOST_ANSWER',
  buildsQueueUrl: 'BUILDS_QUEUE_URL',
  messageRetentionS: 'MESSAGE_RETENTION_S',
  deadLetterQueueUrl: 'DEAD_LETTER_QUEUE_URL',
  ledgerTable: 'LEDGER_TABLE',
  alertTopicArn: 'ALERT_TOPIC_ARN',
  alertFormat: 'ALERT_FORMAT',
  stackName: 'STACK_NAME',
} as const;
export type EnvName = (typeof ENV)[keyof typeof ENV];

/** What the environment says, typed. Durations carry their unit in the name. */
export interface Environment {
  readonly routes: readonly Route[];
  readonly streampixelBaseUrl: string;
  readonly intervalMs: number;
  readonly fileUrlLifetimeS: number;
  readonly maxAttempts: number;
  readonly onLostAnswer: 'retry' | 'dead-letter';
  readonly buildsQueueUrl: string;
  readonly messageRetentionS: number;
  readonly deadLetterQueueUrl: string;
  readonly ledgerTable: string;
  readonly alertTopicArn: string;
  readonly alertFormat: 'email' | 'chat';
  /** Dimension of the metrics. */
  readonly stackName: string;
}

const wholeNumber = v.pipe(
  v.string(),
  v.regex(/^[1-9]\d{0,14}$/, 'must be a whole number above 0'),
  v.transform(Number),
);
const text = v.pipe(v.string(), v.nonEmpty('must not be empty'));
const route = v.object({
  prefix: v.string(),
  userId: text,
  projectId: text,
  autoRelease: v.boolean(),
  apiKeyParameter: text,
  onlyLatest: v.exactOptional(v.boolean()),
  everyVersion: v.exactOptional(v.boolean()),
});
/** The routes as the stack hands them to every function. */
export const routesSchema = v.pipe(v.string(), v.parseJson(), v.array(route));
const schema = v.object({
  [ENV.routes]: routesSchema,
  [ENV.streampixelBaseUrl]: v.pipe(v.string(), v.url()),
  [ENV.intervalMs]: wholeNumber,
  [ENV.fileUrlLifetimeS]: wholeNumber,
  [ENV.maxAttempts]: wholeNumber,
  [ENV.onLostAnswer]: v.picklist(['retry', 'dead-letter']),
  [ENV.buildsQueueUrl]: text,
  [ENV.messageRetentionS]: wholeNumber,
  [ENV.deadLetterQueueUrl]: text,
  [ENV.ledgerTable]: text,
  [ENV.alertTopicArn]: text,
  [ENV.alertFormat]: v.picklist(['email', 'chat']),
  [ENV.stackName]: text,
});

/**
 * Reads the environment; the stack has validated the settings behind it, so a problem here means a hand-edited function.
 *
 * @throws Error that names every variable at fault, without its value
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  const parsed = v.safeParse(schema, env);
  if (!parsed.success) {
    const problems = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? '?'}: ${issue.message}`);
    // valibot's own messages quote what they received; no variable holds a secret, but nothing is gained by printing them.
    const names = problems.map((problem) => problem.replace(/ but received .*$/s, ''));
    throw new Error(`The function's environment is not what the stack sets. ${names.join('; ')}`);
  }
  const values = parsed.output;
  return {
    routes: values[ENV.routes],
    streampixelBaseUrl: values[ENV.streampixelBaseUrl],
    intervalMs: values[ENV.intervalMs],
    fileUrlLifetimeS: values[ENV.fileUrlLifetimeS],
    maxAttempts: values[ENV.maxAttempts],
    onLostAnswer: values[ENV.onLostAnswer],
    buildsQueueUrl: values[ENV.buildsQueueUrl],
    messageRetentionS: values[ENV.messageRetentionS],
    deadLetterQueueUrl: values[ENV.deadLetterQueueUrl],
    ledgerTable: values[ENV.ledgerTable],
    alertTopicArn: values[ENV.alertTopicArn],
    alertFormat: values[ENV.alertFormat],
    stackName: values[ENV.stackName],
  };
}
