import * as v from 'valibot';
import { PACKAGE_CHECKS } from './domain/package/applied.ts';

const wholeNumber = v.pipe(
  v.string(),
  v.regex(/^[1-9]\d{0,14}$/, 'must be a whole number above 0'),
  v.transform(Number),
);
const text = v.pipe(v.string(), v.nonEmpty('must not be empty'));
const hourOfDay = v.pipe(v.string(), v.regex(/^(\d|1\d|2[0-3])$/, 'must be an hour from 0 to 23'), v.transform(Number));
const trueOrFalse = v.pipe(
  v.picklist(['true', 'false']),
  v.transform((value) => value === 'true'),
);

/** Every environment variable of every function: its name, and what it holds. Durations carry their unit in the name. */
const VARIABLES = {
  streampixelBaseUrl: { name: 'STREAMPIXEL_BASE_URL', holds: v.pipe(v.string(), v.url()) },
  intervalMs: { name: 'SUBMISSION_INTERVAL_MS', holds: wholeNumber },
  /** How download URLs are made. */
  fileUrls: {
    name: 'FILE_URLS',
    holds: v.pipe(
      v.string(),
      v.parseJson(),
      v.union([
        v.object({ delivery: v.literal('s3') }),
        v.object({
          delivery: v.literal('cloudfront'),
          /** The distribution's. */
          domain: text,
          /** Name of the SSM SecureString with the private key. */
          keyParameter: text,
          /** CloudFront's ids of the public keys, by their fingerprints. */
          keyIds: v.record(v.string(), text),
        }),
      ]),
    ),
  },
  fileUrlLifetimeS: { name: 'FILE_URL_LIFETIME_S', holds: wholeNumber },
  maxAttempts: { name: 'MAX_ATTEMPTS', holds: wholeNumber },
  onLostAnswer: { name: 'ON_LOST_ANSWER', holds: v.picklist(['retry', 'dead-letter']) },
  packageCheck: { name: 'PACKAGE_CHECK', holds: v.picklist(PACKAGE_CHECKS) },
  buildsQueueUrl: { name: 'BUILDS_QUEUE_URL', holds: text },
  messageRetentionS: { name: 'MESSAGE_RETENTION_S', holds: wholeNumber },
  deadLetterQueueUrl: { name: 'DEAD_LETTER_QUEUE_URL', holds: text },
  ledgerTable: { name: 'LEDGER_TABLE', holds: text },
  alertTopicArn: { name: 'ALERT_TOPIC_ARN', holds: text },
  alertFormat: { name: 'ALERT_FORMAT', holds: v.picklist(['email', 'chat']) },
  /** The stack that the commands in alerts act on. */
  commandTarget: {
    name: 'COMMAND_TARGET',
    holds: v.pipe(
      v.string(),
      v.parseJson(),
      v.union([v.object({ local: v.number() }), v.object({ stack: text, region: text, drop: v.optional(text) })]),
    ),
  },
  followQueueUrl: { name: 'FOLLOW_QUEUE_URL', holds: text },
  webhookTokenParameter: { name: 'WEBHOOK_TOKEN_PARAMETER', holds: text },
  lateAfterMs: { name: 'LATE_AFTER_MS', holds: wholeNumber },
  stuckAfterMs: { name: 'STUCK_AFTER_MS', holds: wholeNumber },
  reconcile: { name: 'RECONCILE', holds: trueOrFalse },
  tagObjects: { name: 'TAG_OBJECTS', holds: trueOrFalse },
  /** The next three are of the stand-in for Streampixel in a rehearsal: its table, its queue, and the parameter that rehearse writes. */
  standInTable: { name: 'STAND_IN_TABLE', holds: text },
  standInQueueUrl: { name: 'STAND_IN_QUEUE_URL', holds: text },
  standInParameter: { name: 'STAND_IN_PARAMETER', holds: text },
  reminderHourUtc: { name: 'REMINDER_HOUR_UTC', holds: hourOfDay },
  /** Dimension of the metrics. */
  stackName: { name: 'STACK_NAME', holds: text },
} as const;
type Key = keyof typeof VARIABLES;

/** What some of the variables say, typed. */
type Values<K extends Key> = { readonly [Each in K]: v.InferOutput<(typeof VARIABLES)[Each]['holds']> };

/** The environment of a function that has these variables: the stack sets exactly these, the handler reads exactly these. */
export function environmentOf<K extends Key>(keys: readonly K[]) {
  const names = Object.fromEntries(keys.map((key) => [key, VARIABLES[key].name]));
  return {
    /** The variables' names. */
    ENV: names as { readonly [Each in K]: (typeof VARIABLES)[Each]['name'] },
    /** @throws Error that names every variable at fault, without its value */
    readEnvironment: (env: Readonly<Record<string, string | undefined>>) => readVariables(keys, env),
  };
}

/** The stack has validated the settings behind the variables, so a problem here means a hand-edited function. */
function readVariables<K extends Key>(
  keys: readonly K[],
  env: Readonly<Record<string, string | undefined>>,
): Values<K> {
  const problems: string[] = [];
  const values = keys.map((key) => {
    const { name, holds } = VARIABLES[key];
    const parsed = v.safeParse(holds as v.GenericSchema, env[name]);
    // Without "but received ...": a value is never printed.
    if (!parsed.success) problems.push(`${name}: ${parsed.issues[0].message.replace(/ but received .*$/s, '')}`);
    return [key, parsed.output];
  });
  if (problems.length > 0) {
    throw new Error(`The function's environment is not what the stack sets. ${problems.join('; ')}`);
  }
  return Object.fromEntries(values) as Values<K>;
}
