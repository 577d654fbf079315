import * as v from 'valibot';
import { isSafeForSecrets } from '../../functions/adapters/http-exchange.ts';
import { DELIVERIES } from '../../functions/domain/model/file-url.ts';
import { type Route, routeSchema } from '../../functions/domain/model/route.ts';
import { MARGIN_MS, STREAMPIXEL_WINDOW_MS } from '../../functions/domain/pacing/pacer.ts';
import { PACKAGE_CHECKS } from '../../functions/domain/package/applied.ts';
import { LONGEST_NAME, MAX_RECEIVE_COUNT, QUEUE_RETENTION_DAYS } from '../limits.ts';
import { BUCKET_EVENTS, DEFAULT_STACK_NAME } from '../outputs.ts';
import { publicKeyOf } from './public-key.ts';
import { unknownName } from './unknown-name.ts';

/** A longer interval is more likely ms taken for seconds than meant. */
const LONGEST_INTERVAL_S = 3600;
/** AWS Signature Version 4 signs for a week at most; a URL of CloudFront has no limit of its own. */
const LONGEST_LIFETIME_S = 7 * 24 * 3600;
/** Each try costs a few receives, for its slot and its delay: the ledger has to give up before SQS does. */
const MOST_ATTEMPTS = MAX_RECEIVE_COUNT / 4;
/** A watch is a message, which the queue keeps for a week: this leaves time for a few rounds. */
const LONGEST_PATIENCE_MIN = 2 * 24 * 60;
const LONGEST_WAIT_H = QUEUE_RETENTION_DAYS * 24;
/** In the clone: where the project is published is up to the studio. */
const RUNBOOK = 'docs/runbook.md';
/** An alarm's description has room for 1,024 characters, and the address is only a part of it. */
const LONGEST_RUNBOOK_URL = 150;
/** SSM takes 1,011 characters for a parameter's ARN, which ends in the name. */
const LONGEST_PARAMETER = 1011 - 'arn:aws-us-gov:ssm:ap-southeast-1:123456789012:parameter'.length;
/** S3's limit for a key, in bytes. */
const LONGEST_PREFIX = 1024;
/** CloudFront's quota for the keys of a key group. */
const MOST_PUBLIC_KEYS = 5;
/** The days that CloudWatch Logs takes. A test compares them with the CDK's. */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

/** Whatever is wrong with a value, this message says what it has to be and where to get it. */
const withMessage = <const S extends v.GenericSchema>(message: string, schema: S) => v.config(schema, { message });

const optional = <const S extends v.GenericSchema, const D extends v.InferInput<S>>(
  fallback: D,
  message: string,
  schema: S,
) => v.optional(withMessage(message, schema), fallback);

const pattern = (regex: RegExp) => v.pipe(v.string(), v.regex(regex));
/** cdk.json has numbers, `-c` has text: both are taken, here and below. */
const number = (text: RegExp) => v.union([v.number(), v.pipe(v.string(), v.regex(text), v.transform(Number))]);
const wholeNumber = (least: number, most: number) =>
  v.pipe(number(/^\d+$/), v.integer(), v.minValue(least), v.maxValue(most));
/** No other text than these two: `-c dashboard=false` must not count as true. */
const trueOrFalse = v.union([
  v.boolean(),
  v.pipe(
    v.picklist(['true', 'false']),
    v.transform((text) => text === 'true'),
  ),
]);
/** `-c name=` unsets for one run what cdk.json sets. */
const unset = v.pipe(
  v.literal(''),
  v.transform(() => undefined),
);

/** In one spelling: Streampixel's rate limit is per user, and two spellings would be two rate-limit lanes. */
const hexId = v.pipe(v.string(), v.toLowerCase(), v.regex(/^[0-9a-f]{24}$/));
const parameterName = v.pipe(
  v.string(),
  v.regex(/^(?!\/(?:aws|ssm))(?:\/[\w.-]+){1,15}$/i),
  v.maxLength(LONGEST_PARAMETER),
);

const ROUTE_MESSAGES: Readonly<Record<keyof Route, string>> = {
  prefix: "must be text, the start of the keys that the route takes; '' takes all. Keys do not start with '/'",
  userId: 'must be 24 hexadecimal digits: Streampixel dashboard > account menu > Copy User ID',
  projectId: "must be 24 hexadecimal digits: the last part of the address of the project's page on the dashboard",
  autoRelease:
    "must be true or false, without quotes. There is no default because Streampixel's is true: a forgotten field would " +
    'ship the build to live viewers. With false a build waits on the dashboard until a person releases it',
  apiKeyParameter:
    'must be the name of the SSM parameter that holds the API key, not the key: a path such as ' +
    `/streampixel-drop/api-key, of at most 15 parts of letters, digits, ".", "-" and "_" and ${LONGEST_PARAMETER} characters, ` +
    'not under /aws or /ssm',
  release:
    'must be manual (a person releases an approved build) or on-approval (the stack releases it), or left out for manual; ' +
    'with autoRelease true leave it out: Streampixel releases the build',
  onlyLatest: 'must be true or false, without quotes, or left out',
  everyVersion: 'must be true or false, without quotes, or left out',
};

const { entries } = routeSchema;
const route = v.strictObject(
  {
    ...entries,
    prefix: withMessage(ROUTE_MESSAGES.prefix, v.pipe(entries.prefix, v.regex(/^(?!\/)/))),
    userId: withMessage(ROUTE_MESSAGES.userId, hexId),
    projectId: withMessage(ROUTE_MESSAGES.projectId, hexId),
    autoRelease: withMessage(ROUTE_MESSAGES.autoRelease, entries.autoRelease),
    apiKeyParameter: withMessage(ROUTE_MESSAGES.apiKeyParameter, parameterName),
    release: withMessage(ROUTE_MESSAGES.release, entries.release),
    onlyLatest: withMessage(ROUTE_MESSAGES.onlyLatest, entries.onlyLatest),
    everyVersion: withMessage(ROUTE_MESSAGES.everyVersion, entries.everyVersion),
  },
  // That a field is missing or unknown is an issue of the object.
  ({ expected, path }) => {
    const field = String(path?.at(-1)?.key);
    if (expected === 'Object') return `must be an object with ${Object.keys(ROUTE_MESSAGES).join(', ')}`;
    if (expected === 'never') return unknownName(field, 'a field of a route', Object.keys(ROUTE_MESSAGES));
    return ROUTE_MESSAGES[field as keyof Route];
  },
);

const ROUTES_MESSAGE =
  'must be a list with at least one route, as in the cdk.json that comes with the project; with -c, as JSON: ' +
  `-c 'routes=[{"prefix": "", ...}]'`;
const PATIENCE_MESSAGE = `must be whole minutes from 1 to ${LONGEST_PATIENCE_MIN} (2 days); Streampixel calls 2 hours unusual`;
const TRUE_OR_FALSE = 'must be true or false';

/** What a studio decides, from the context in cdk.json or from `-c name=value`. The names are the context keys. */
export const settingsSchema = v.object(
  {
    /** Names the stack and, through it, the bucket, the queues and the alarms. */
    stackName: optional(
      DEFAULT_STACK_NAME,
      `must start with a letter and have at most ${LONGEST_NAME} letters, digits and "-": the bucket's name is made of it`,
      pattern(new RegExp(`^[A-Za-z][A-Za-z0-9-]{0,${LONGEST_NAME - 1}}$`)),
    ),
    /** At least one; the longest matching prefix wins. */
    routes: withMessage(
      ROUTES_MESSAGE,
      v.pipe(v.unknown(), v.transform(parsedIfText), v.array(route), v.minLength(1), v.readonly()),
    ),
    /** Only keys that start with it are taken; `''` takes all. */
    prefix: optional(
      '',
      "must be the start of the keys to watch, such as builds/, of letters, digits and ! - _ . ' ( ) / (S3 filters and IAM " +
        `read others in their own way), of at most ${LONGEST_PREFIX} characters, and not start with '/'; '' watches all`,
      v.pipe(pattern(/^(?!\/)[\w!.'()/-]*$/), v.maxLength(LONGEST_PREFIX)),
    ),
    /** Where alerts are sent; each address first has to confirm the mail that AWS sends. */
    alertEmails: optional(
      [],
      'must be an e-mail address; several as a list or with commas between them',
      v.pipe(
        v.unknown(),
        v.transform(asList),
        v.array(v.pipe(v.string(), v.email())),
        v.transform((addresses) => [...new Set(addresses)]),
      ),
    ),
    /** How alerts are worded: for e-mail, or for Amazon Q Developer in chat applications (Slack, Teams). */
    alertFormat: optional(
      'email',
      'must be email (plain text) or chat (what Amazon Q Developer renders in Slack and Teams)',
      v.picklist(['email', 'chat']),
    ),
    /** An existing bucket in the stack's account and region. Without it the stack makes its own. */
    bucketName: v.optional(
      withMessage(
        'must be the bare name of an existing bucket in the same account and region: lower-case letters, digits, "-" and ".", ' +
          'without s3:// or arn:. Leave it out to get a bucket made',
        v.union([unset, pattern(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)]),
      ),
    ),
    /** How S3 announces builds. */
    bucketEvents: optional(
      'notification',
      'must be notification (the bucket sends to the builds queue by itself) or eventbridge (by a rule of EventBridge: for a ' +
        'bucket whose notifications belong to another tool)',
      v.picklist(BUCKET_EVENTS),
    ),
    /** The customer managed KMS key that the existing bucket is encrypted with, if it is. */
    bucketKmsKeyArn: v.optional(
      withMessage(
        'must be the ARN of a KMS key (arn:aws:kms:...:key/...), or left out where the bucket has no key of its own',
        v.union([unset, pattern(/^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/[\w-]+$/)]),
      ),
    ),
    /** The ledger table of another or a former stack in the stack's account and region. Without it the stack makes its own. */
    ledgerTableName: v.optional(
      withMessage(
        'must be the name of the ledger table of a stack in the same account and region (its output LedgerTableName), not an ' +
          'ARN. Leave it out to get a table made',
        v.union([unset, pattern(/^[\w.-]{3,255}$/)]),
      ),
    ),
    /** Never ends in a slash. */
    streampixelBaseUrl: optional(
      'https://api.streampixel.io/pixelStripeApi',
      'must be an https address without user, query or fragment, such as https://api.streampixel.io/pixelStripeApi. The ' +
        'API key travels there, so plain http is for loopback only',
      v.pipe(
        v.string(),
        v.check(isUsableBase),
        v.transform((url) => url.replace(/\/+$/, '')),
      ),
    ),
    /** Least distance between two uploads of one user. */
    intervalSeconds: optional(
      (STREAMPIXEL_WINDOW_MS + MARGIN_MS) / 1000,
      `must be seconds, not ms, above 0 and at most ${LONGEST_INTERVAL_S}; Streampixel takes one upload per user every ` +
        `${STREAMPIXEL_WINDOW_MS / 1000}`,
      // The function counts in whole ms.
      v.pipe(number(/^\d+(\.\d+)?$/), v.minValue(0.001), v.maxValue(LONGEST_INTERVAL_S)),
    ),
    /** How Streampixel gets the zip. */
    delivery: optional(
      's3',
      "must be s3 (a presigned URL of the bucket) or cloudfront (a signed URL of a distribution of the stack's)",
      v.picklist(DELIVERIES),
    ),
    /** The public halves of the keys that may sign download URLs. With one, the stack has a distribution. */
    deliveryPublicKeys: optional(
      [],
      'must be what the command delivery-key create prints: the public half of an ECDSA key on P-256, as base64 on ' +
        `one line or as PEM; several as a list, at most ${MOST_PUBLIC_KEYS}. Never the private half`,
      v.pipe(
        v.unknown(),
        v.transform(asList),
        v.array(v.pipe(v.string(), v.transform(publicKeyOf), v.string())),
        v.transform((keys) => [...new Set(keys)]),
        v.maxLength(MOST_PUBLIC_KEYS),
      ),
    ),
    /** Name of the SSM SecureString with the private half; `delivery-key create` fills it. */
    deliveryKeyParameter: v.optional(
      withMessage(
        'must be the name of the SSM parameter for the private key that signs download URLs, not the key: a path such as ' +
          '/streampixel-drop/delivery-key, not under /aws or /ssm',
        parameterName,
      ),
    ),
    /** Where the distribution has edge locations: more regions cost more per GB. */
    deliveryPriceClass: optional(
      'PriceClass_100',
      'must be PriceClass_100 (North America, Europe, Israel), PriceClass_200 (also Asia, Africa, the Middle East) or PriceClass_All',
      v.picklist(['PriceClass_100', 'PriceClass_200', 'PriceClass_All']),
    ),
    /** What a `fileUrl` is signed for; with delivery s3 the role's session may end it sooner. */
    fileUrlLifetimeSeconds: v.optional(
      withMessage(
        `must be whole seconds from 1 to ${LONGEST_LIFETIME_S} (7 days): no signature lives longer`,
        wholeNumber(1, LONGEST_LIFETIME_S),
      ),
    ),
    /** Failed tries after which a build is dead-lettered. */
    maxAttempts: optional(
      6,
      `must be a whole number from 1 to ${MOST_ATTEMPTS}: a try takes a few receives, and after ${MAX_RECEIVE_COUNT} SQS gives up by itself`,
      wholeNumber(1, MOST_ATTEMPTS),
    ),
    /** What happens to a build that was sent to Streampixel and got no answer. */
    onLostAnswer: optional(
      'retry',
      'must be retry (submit again after an interval) or dead-letter (a person looks at the dashboard first)',
      v.picklist(['retry', 'dead-letter']),
    ),
    /** What happens to a build whose zip holds nothing that Streampixel could run. */
    packageCheck: optional(
      'refuse',
      'must be refuse (such a build goes to the dead-letter queue), warn (it is submitted with a warning, where its zip is whole) or ' +
        'off (it only has to be a zip)',
      v.picklist(PACKAGE_CHECKS),
    ),
    /** Name of the SSM SecureString with the token in the addresses of webhooks; the tool fills it. */
    webhookTokenParameter: v.optional(
      withMessage(
        'must be the name of the SSM parameter for the token of the webhooks, not the token: a path such as ' +
          '/streampixel-drop/webhook-token, not under /aws or /ssm',
        parameterName,
      ),
    ),
    /** From its submission until an unfinished build counts as late. */
    lateAfterMinutes: optional(60, PATIENCE_MESSAGE, wholeNumber(1, LONGEST_PATIENCE_MIN)),
    /** From Streampixel's last webhook until an unfinished build counts as stuck. */
    stuckAfterMinutes: optional(120, PATIENCE_MESSAGE, wholeNumber(1, LONGEST_PATIENCE_MIN)),
    /** Whether to ask Streampixel's list of builds, no longer documented, before a build counts as late or stuck. */
    reconcile: optional(false, TRUE_OR_FALSE, trueOrFalse),
    /** Whether to put the result of a build on its object in the bucket, as tags. */
    tagObjects: optional(false, TRUE_OR_FALSE, trueOrFalse),
    /** Batches handled at once. */
    maxConcurrency: optional(
      2,
      'must be a whole number from 2 to 1000. Lambda takes no less than 2 for a queue; uploads keep their interval with any number',
      wholeNumber(2, 1000),
    ),
    /** By default longer than a build can wait in the two queues. */
    logRetentionDays: optional(
      30,
      `must be a number of days that CloudWatch Logs knows: ${RETENTION_DAYS.join(', ')}`,
      v.pipe(number(/^\d+$/), v.picklist(RETENTION_DAYS)),
    ),
    /** How long a build may wait before an alarm fires. */
    waitingAlarmHours: optional(
      6,
      `must be a whole number of hours from 1 to ${LONGEST_WAIT_H}: after that a message has left the builds queue`,
      wholeNumber(1, LONGEST_WAIT_H),
    ),
    /** The hour of the daily reminder while there are dead letters. */
    reminderHourUtc: optional(8, 'must be an hour of the day in UTC, from 0 to 23', wholeNumber(0, 23)),
    /** The runbook that alarms link to; each adds the section. */
    runbookUrl: optional(
      RUNBOOK,
      `must be an https address without a fragment, of at most ${LONGEST_RUNBOOK_URL} characters; each alarm adds the section`,
      v.union([v.literal(RUNBOOK), v.pipe(pattern(/^https:\/\/[^\s#]+$/), v.maxLength(LONGEST_RUNBOOK_URL))]),
    ),
    /** Whether to make a CloudWatch dashboard; three are free in an account. */
    dashboard: optional(true, TRUE_OR_FALSE, trueOrFalse),
  },
  // Only the routes can be missing.
  ROUTES_MESSAGE,
);

/** Settings whose default depends on another setting. */
interface DependentSettings {
  readonly webhookTokenParameter: string;
  readonly deliveryKeyParameter: string;
  readonly fileUrlLifetimeSeconds: number;
}

export type Settings = Readonly<v.InferOutput<typeof settingsSchema>> & DependentSettings;

/** @param values with the wrong ones among them */
export function dependentDefaults({
  delivery,
  stackName,
}: Partial<Record<keyof Settings, unknown>>): Partial<DependentSettings> {
  const fileUrlLifetimeSeconds = (delivery === 'cloudfront' ? 24 : 6) * 3600;
  if (typeof stackName !== 'string') return { fileUrlLifetimeSeconds };
  // With the stack's name where it is not the default: a new token of one stack must not end the webhooks of another.
  const folder = `/streampixel-drop/${stackName === DEFAULT_STACK_NAME ? '' : `${stackName}/`}`;
  return {
    fileUrlLifetimeSeconds,
    webhookTokenParameter: `${folder}webhook-token`,
    deliveryKeyParameter: `${folder}delivery-key`,
  };
}

function parsedIfText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function asList(value: unknown): unknown {
  const list = parsedIfText(value);
  if (typeof list !== 'string') return list;
  return list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function isUsableBase(text: string): boolean {
  if (!URL.canParse(text) || !isSafeForSecrets(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return [username, password, search, hash].every((part) => part === '');
}
