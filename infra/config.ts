import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import * as v from 'valibot';
import { isSafeForSecrets } from '../functions/adapters/http-exchange.ts';
import type { Route } from '../functions/domain/model/route.ts';
import { MARGIN_MS, VENDOR_WINDOW_MS } from '../functions/domain/pacing/pacer.ts';
import { DEFAULT_STACK_NAME } from './outputs.ts';
import { ENVIRONMENT_LIMIT_BYTES, environmentBytes } from './submit-build-environment.ts';
import { MAX_RECEIVE_COUNT, QUEUE_RETENTION } from './worker-queue.ts';

/** What a studio decides, from the context in cdk.json or from `-c name=value`. The names are the context keys. */
export interface Settings {
  /** Names the stack and, through it, the bucket, the queues and the alarms. Default `StreampixelDrop`. */
  readonly stackName: string;
  /** At least one; the longest matching prefix wins. */
  readonly routes: readonly Route[];
  /** Only keys that start with it are taken. Default `''`: all. */
  readonly prefix: string;
  /** Who hears of alarms; each has to confirm the mail that AWS sends first. Default: nobody. */
  readonly alertEmails: readonly string[];
  /** How alerts are worded: for e-mail, or for Amazon Q Developer in chat applications (Slack, Teams). Default `email`. */
  readonly alertFormat: 'email' | 'chat';
  /** An existing bucket in the stack's account and region. Default: the stack makes its own. */
  readonly bucketName?: string | undefined;
  /** The customer managed KMS key that the existing bucket is encrypted with, if it is. */
  readonly bucketKmsKeyArn?: string | undefined;
  /** Default: the vendor's. Never ends in a slash. */
  readonly streampixelBaseUrl: string;
  /** Least distance between two uploads of one user, in seconds. Default: the vendor's window and a margin. */
  readonly intervalSeconds: number;
  /** What a presigned URL is signed for, in seconds; the role's session may end it sooner. Default 6 hours. */
  readonly fileUrlLifetimeSeconds: number;
  /** Failed tries after which a build is dead-lettered. Default 6. */
  readonly maxAttempts: number;
  /** What becomes of a build whose submission went out and was never answered. Default `retry`. */
  readonly onLostAnswer: 'retry' | 'dead-letter';
  /**
   * Name of the SSM SecureString with the token in the addresses of webhooks; `npx streampixel-drop webhook` fills it. Default
   * `/streampixel-drop/webhook-token`.
   */
  readonly webhookTokenParameter: string;
  /** From its submission until a build without an end counts as late, in minutes. Default 60. */
  readonly lateAfterMinutes: number;
  /** From Streampixel's last word until a build without an end counts as stuck, in minutes. Default 120. */
  readonly stuckAfterMinutes: number;
  /** Whether to ask Streampixel's list of builds, which has left its documentation, before a build counts as late or stuck. Default false. */
  readonly reconcile: boolean;
  /** Whether to put what became of a build on its object in the bucket, as tags. Default false. */
  readonly tagObjects: boolean;
  /** Batches handled at once, 2 to 1,000. Default 2. */
  readonly maxConcurrency: number;
  /** Default 30: longer than a build can wait in the two queues. */
  readonly logRetentionDays: RetentionDays;
  /** How long a build may have waited before an alarm asks why, in hours. Default 6. */
  readonly waitingAlarmHours: number;
  /** The hour (UTC) of the daily reminder while dead letters wait. Default 8. */
  readonly reminderHourUtc: number;
  /** Where alarms send whoever reads them, without the section. Default: the runbook of this project. */
  readonly runbookUrl: string;
  /** Whether to make a CloudWatch dashboard; an account has three for nothing. Default true. */
  readonly dashboard: boolean;
}

/** The settings can't be used. */
export class SettingsError extends Error {
  override name = 'SettingsError';
  /** One line each, naming the setting and how to mend it. The message lists them all. */
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'A problem' : `${problems.length} problems`;
    const lines = problems.map((problem) => `  - ${problem}`);
    super([`${count} with the settings (context in cdk.json, or -c name=value):`, ...lines].join('\n'));
    this.problems = problems;
  }
}

/** What cdk.json ships so that a fresh clone synthesizes; nobody at the vendor has these ids. */
export const SAMPLE_USER_ID = '000000000000000000000001';
export const SAMPLE_PROJECT_ID = '000000000000000000000002';

/** Where the settings still hold an id of the sample, e.g. `routes[0].userId`. */
export function sampleIds(settings: Settings): readonly string[] {
  return settings.routes.flatMap(({ userId, projectId }, index) => [
    ...(userId === SAMPLE_USER_ID ? [`routes[${index}].userId`] : []),
    ...(projectId === SAMPLE_PROJECT_ID ? [`routes[${index}].projectId`] : []),
  ]);
}

/** What is said of a value that won't do, whatever is wrong with it: what it has to be, and where to get it. */
const said = <const S extends v.GenericSchema>(message: string, schema: S) => v.config(schema, { message });

const ROUTE_FIELDS: Readonly<Record<keyof Route, string>> = {
  prefix: "must be text, the start of the keys that the route takes; '' takes all. Keys do not start with '/'",
  userId: 'must be 24 hexadecimal digits: Streampixel dashboard > account menu > Copy User ID',
  projectId: "must be 24 hexadecimal digits: the last part of the address of the project's page on the dashboard",
  autoRelease:
    'must be true or false, without quotes. There is no default because the vendor has true: a forgotten field would ' +
    'ship the build to live viewers. With false a build waits on the dashboard until somebody releases it',
  apiKeyParameter:
    'must be the name of the SSM parameter that holds the API key, not the key: a path such as ' +
    '/streampixel-drop/api-key, of at most 15 parts of letters, digits, ".", "-" and "_", not under /aws or /ssm',
  release:
    'must be manual (somebody releases an approved build) or on-approval (it is released by itself), or left out for manual; ' +
    'with autoRelease true Streampixel releases it, and nobody else is to',
  onlyLatest: 'must be true or false, without quotes, or left out',
  everyVersion: 'must be true or false, without quotes, or left out',
};

/** In one spelling: the vendor's rate limit is per user, and two spellings would be two lines. */
const hexId = v.pipe(v.string(), v.toLowerCase(), v.regex(/^[0-9a-f]{24}$/));

const parameterName = v.pipe(v.string(), v.regex(/^(?!\/(?:aws|ssm))(?:\/[\w.-]+){1,15}$/i));

const route = v.strictObject(
  {
    prefix: said(ROUTE_FIELDS.prefix, v.pipe(v.string(), v.regex(/^(?!\/)/))),
    userId: said(ROUTE_FIELDS.userId, hexId),
    projectId: said(ROUTE_FIELDS.projectId, hexId),
    autoRelease: said(ROUTE_FIELDS.autoRelease, v.boolean()),
    apiKeyParameter: said(ROUTE_FIELDS.apiKeyParameter, parameterName),
    release: v.exactOptional(said(ROUTE_FIELDS.release, v.picklist(['manual', 'on-approval']))),
    onlyLatest: v.exactOptional(said(ROUTE_FIELDS.onlyLatest, v.boolean())),
    everyVersion: v.exactOptional(said(ROUTE_FIELDS.everyVersion, v.boolean())),
  },
  // A field that is missing or unknown is the object's matter.
  ({ expected, path }) => {
    const field = String(path?.at(-1)?.key);
    if (expected === 'Object') return `must be an object with ${Object.keys(ROUTE_FIELDS).join(', ')}`;
    if (expected === 'never') return notKnown(field, 'a field of a route', Object.keys(ROUTE_FIELDS));
    return ROUTE_FIELDS[field as keyof Route];
  },
);

const ROUTES_MESSAGE =
  'must be a list with at least one route, as in the cdk.json that comes with the project; with -c, as JSON: ' +
  `-c 'routes=[{"prefix": "", ...}]'`;

/** `-c` hands over text, cdk.json whatever JSON can say: both are taken. */
const number = (text: RegExp) => v.union([v.number(), v.pipe(v.string(), v.regex(text), v.transform(Number))]);
const wholeNumber = (least: number, most: number) =>
  v.pipe(number(/^\d+$/), v.integer(), v.minValue(least), v.maxValue(most));
/** Not any text that is not empty: `-c dashboard=false` must mean what it says. */
const trueOrFalse = v.union([
  v.boolean(),
  v.pipe(
    v.picklist(['true', 'false']),
    v.transform((text) => text === 'true'),
  ),
]);
const pattern = (regex: RegExp) => v.pipe(v.string(), v.regex(regex));
/** `-c name=` is the only way to unset for once what cdk.json sets. */
const unset = v.pipe(
  v.literal(''),
  v.transform(() => undefined),
);

/** The longest that any region's name is today (ap-southeast-1 and others). */
const REGION_LENGTH = 14;
/** A bucket's name has at most 63 characters, and ours is `<stack>-<account>-<region>`. */
const STACK_NAME_LENGTH = 63 - '-123456789012-'.length - REGION_LENGTH;
/** Higher than this, an interval is more likely a slip of units than a wish. */
const LONGEST_INTERVAL_S = 3600;
/** AWS Signature Version 4 signs for a week at most. */
const LONGEST_LIFETIME_S = 7 * 24 * 3600;
/** Each try costs a few receives, for its slot and its delay: the ledger has to give up before the queue's crash net does. */
const MOST_ATTEMPTS = MAX_RECEIVE_COUNT / 4;
/** A watch is a message, and the queue keeps it for a week at most: this leaves it time for a few rounds. */
const LONGEST_PATIENCE_MIN = 2 * 24 * 60;
const PATIENCE_MESSAGE = `must be whole minutes from 1 to ${LONGEST_PATIENCE_MIN} (2 days); Streampixel calls 2 hours unusual`;
const LONGEST_WAIT_H = QUEUE_RETENTION.toHours();
/** In the clone: where the project is published is the studio's matter. */
const RUNBOOK = 'docs/runbook.md';
/** An alarm's description has room for 1,024 characters, and has more to say. */
const LONGEST_RUNBOOK_URL = 150;
const RETENTIONS = Object.values(RetentionDays)
  .filter((days) => typeof days === 'number')
  .filter((days) => days !== RetentionDays.INFINITE);

const schema = v.object(
  {
    stackName: v.optional(
      said(
        `must start with a letter and have at most ${STACK_NAME_LENGTH} letters, digits and "-": the bucket's name is made of it`,
        pattern(new RegExp(`^[A-Za-z][A-Za-z0-9-]{0,${STACK_NAME_LENGTH - 1}}$`)),
      ),
      DEFAULT_STACK_NAME,
    ),
    routes: said(ROUTES_MESSAGE, v.pipe(v.unknown(), v.transform(parsedIfText), v.array(route), v.minLength(1))),
    prefix: v.optional(
      said(
        "must be the start of the keys to watch, such as builds/, of letters, digits and ! - _ . ' ( ) / (S3 filters and IAM " +
          "read others in their own way), and not start with '/'; '' watches all",
        pattern(/^(?!\/)[\w!.'()/-]*$/),
      ),
      '',
    ),
    alertEmails: v.optional(
      said(
        'must be an e-mail address; several as a list or with commas between them',
        v.pipe(
          v.unknown(),
          v.transform(asList),
          v.array(v.pipe(v.string(), v.email())),
          v.transform((addresses) => [...new Set(addresses)]),
        ),
      ),
      [],
    ),
    alertFormat: v.optional(
      said(
        'must be email (plain text) or chat (what Amazon Q Developer renders in Slack and Teams)',
        v.picklist(['email', 'chat']),
      ),
      'email',
    ),
    bucketName: v.optional(
      said(
        'must be the bare name of an existing bucket in the same account and region, without s3:// or arn:. Leave it out to ' +
          'get a bucket made',
        v.union([unset, pattern(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)]),
      ),
    ),
    bucketKmsKeyArn: v.optional(
      said(
        'must be the ARN of a KMS key (arn:aws:kms:...:key/...), or left out where the bucket has no key of its own',
        v.union([unset, pattern(/^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/[\w-]+$/)]),
      ),
    ),
    streampixelBaseUrl: v.optional(
      said(
        'must be an https address without user, query or fragment, such as https://api.streampixel.io/pixelStripeApi. The ' +
          'API key travels there, so plain http is for loopback only',
        v.pipe(
          v.string(),
          v.check(isUsableBase),
          v.transform((url) => url.replace(/\/+$/, '')),
        ),
      ),
      'https://api.streampixel.io/pixelStripeApi',
    ),
    intervalSeconds: v.optional(
      said(
        `must be seconds, not ms, above 0 and at most ${LONGEST_INTERVAL_S}; the vendor takes one upload per user every ` +
          `${VENDOR_WINDOW_MS / 1000}`,
        // The function counts in whole ms.
        v.pipe(number(/^\d+(\.\d+)?$/), v.minValue(0.001), v.maxValue(LONGEST_INTERVAL_S)),
      ),
      (VENDOR_WINDOW_MS + MARGIN_MS) / 1000,
    ),
    fileUrlLifetimeSeconds: v.optional(
      said(
        `must be whole seconds from 1 to ${LONGEST_LIFETIME_S} (7 days): no signature lives longer`,
        wholeNumber(1, LONGEST_LIFETIME_S),
      ),
      6 * 3600,
    ),
    maxAttempts: v.optional(
      said(
        `must be a whole number from 1 to ${MOST_ATTEMPTS}: a try takes a few receives, and after ${MAX_RECEIVE_COUNT} SQS gives up by itself`,
        wholeNumber(1, MOST_ATTEMPTS),
      ),
      6,
    ),
    onLostAnswer: v.optional(
      said(
        'must be retry (submit again after an interval) or dead-letter (somebody has a look first)',
        v.picklist(['retry', 'dead-letter']),
      ),
      'retry',
    ),
    webhookTokenParameter: v.optional(
      said(
        'must be the name of the SSM parameter for the token of the webhooks, not the token: a path such as ' +
          '/streampixel-drop/webhook-token, not under /aws or /ssm',
        parameterName,
      ),
      '/streampixel-drop/webhook-token',
    ),
    lateAfterMinutes: v.optional(said(PATIENCE_MESSAGE, wholeNumber(1, LONGEST_PATIENCE_MIN)), 60),
    stuckAfterMinutes: v.optional(said(PATIENCE_MESSAGE, wholeNumber(1, LONGEST_PATIENCE_MIN)), 120),
    reconcile: v.optional(said('must be true or false', trueOrFalse), false),
    tagObjects: v.optional(said('must be true or false', trueOrFalse), false),
    maxConcurrency: v.optional(
      said(
        'must be a whole number from 2 to 1000. Lambda knows no less than 2 for a queue, and uploads are paced all the same',
        wholeNumber(2, 1000),
      ),
      2,
    ),
    logRetentionDays: v.optional(
      said(
        `must be a number of days that CloudWatch Logs knows: ${RETENTIONS.join(', ')}`,
        v.pipe(number(/^\d+$/), v.picklist(RETENTIONS)),
      ),
      RetentionDays.ONE_MONTH,
    ),
    waitingAlarmHours: v.optional(
      said(
        `must be a whole number of hours from 1 to ${LONGEST_WAIT_H}: after that a message has left the builds queue`,
        wholeNumber(1, LONGEST_WAIT_H),
      ),
      6,
    ),
    reminderHourUtc: v.optional(said('must be an hour of the day in UTC, from 0 to 23', wholeNumber(0, 23)), 8),
    runbookUrl: v.optional(
      said(
        `must be an https address without a fragment, of at most ${LONGEST_RUNBOOK_URL} characters; each alarm adds the section`,
        v.union([v.literal(RUNBOOK), v.pipe(pattern(/^https:\/\/[^\s#]+$/), v.maxLength(LONGEST_RUNBOOK_URL))]),
      ),
      RUNBOOK,
    ),
    dashboard: v.optional(said('must be true or false', trueOrFalse), true),
  },
  // Only the routes can be missing.
  ROUTES_MESSAGE,
);

/**
 * Reads the settings from CDK's context.
 *
 * @throws SettingsError with every problem there is
 */
export function readSettings(context: Readonly<Record<string, unknown>>): Settings {
  const parsed = v.safeParse(schema, context, { abortPipeEarly: true });
  // Even of settings that won't do: what is wrong between two of them is told along with what is wrong in each.
  const values: Partial<Record<keyof Settings, unknown>> = parsed.output ?? {};
  const issues = (parsed.issues ?? []).map((issue) => ({ path: pathOf(issue), message: issue.message }));
  const problems = [
    ...issues.map(({ path, message }) => `${path}: ${message}`),
    ...prefixProblems(values.routes, issues.some(({ path }) => path === 'prefix') ? '' : values.prefix),
    ...(values.bucketKmsKeyArn !== undefined && values.bucketName === undefined
      ? ['bucketKmsKeyArn: is of use with bucketName only. Set that too, or leave this out']
      : []),
    ...releaseProblems(values.routes),
    ...parameterProblems(values.routes, values.webhookTokenParameter),
    ...unknownSettings(context),
    ...(parsed.success ? sizeProblems(parsed.output) : []),
  ];
  if (problems.length > 0 || !parsed.success) throw new SettingsError(problems);
  return parsed.output;
}

function sizeProblems(settings: Settings): readonly string[] {
  const bytes = environmentBytes(settings);
  if (bytes <= ENVIRONMENT_LIMIT_BYTES) return [];
  return [
    `routes: ${settings.routes.length} routes are too many for one stack. The function's environment would take up to ${bytes} ` +
      `of Lambda's ${ENVIRONMENT_LIMIT_BYTES} bytes. Shorten prefixes and parameter names, or spread the routes over two stacks ` +
      '(-c stackName=...)',
  ];
}

function pathOf(issue: v.BaseIssue<unknown>): string {
  return (v.getDotPath(issue) ?? 'context').replace(/\.(\d+)/g, '[$1]');
}

function prefixProblems(routes: unknown, watched: unknown): readonly string[] {
  if (!Array.isArray(routes)) return [];
  const prefixes = routes.map((candidate: { prefix?: unknown } | null) => candidate?.prefix);
  return prefixes.flatMap((prefix, index) => {
    if (typeof prefix !== 'string') return [];
    const first = prefixes.indexOf(prefix);
    if (first < index) {
      return [`routes[${index}].prefix: is the same as that of routes[${first}]. Give each route a prefix of its own`];
    }
    if (typeof watched === 'string' && !prefix.startsWith(watched)) {
      return [
        `routes[${index}].prefix: does not start with the watched prefix "${watched}", so the route would never see a build. ` +
          'Change it, or watch a shorter prefix',
      ];
    }
    return [];
  });
}

function releaseProblems(routes: unknown): readonly string[] {
  if (!Array.isArray(routes)) return [];
  return routes.flatMap((candidate: Partial<Route> | null, index) =>
    candidate?.autoRelease === true && candidate.release !== undefined
      ? [
          `routes[${index}].release: is of use with autoRelease false only: with true Streampixel releases the build by itself. ` +
            'Set autoRelease to false, or leave release out',
        ]
      : [],
  );
}

/** What is in the one is no good in the other, and whoever stores it would overwrite the other. */
function parameterProblems(routes: unknown, webhookTokenParameter: unknown): readonly string[] {
  if (!Array.isArray(routes)) return [];
  const index = routes.findIndex(
    (candidate: Partial<Route> | null) => candidate?.apiKeyParameter === webhookTokenParameter,
  );
  if (index < 0) return [];
  return [`webhookTokenParameter: is the apiKeyParameter of routes[${index}]. Give each secret a parameter of its own`];
}

/** Context keys of the CDK CLI that look like ours; its others have an "@" or a ":". */
const CLI_KEYS = new Set(['acknowledged-issue-numbers', 'cdk-migrate', 'cli-telemetry']);

function unknownSettings(context: Readonly<Record<string, unknown>>): readonly string[] {
  const known = Object.keys(schema.entries);
  return Object.keys(context)
    .filter((key) => !/[@:]/.test(key) && !CLI_KEYS.has(key) && !known.includes(key))
    .map((key) => `${key}: ${notKnown(key, 'a setting', known)}`);
}

function notKnown(name: string, what: string, known: readonly string[]): string {
  const nearest = known.reduce((best, candidate) =>
    editDistance(name, candidate) < editDistance(name, best) ? candidate : best,
  );
  // Beyond a third of the word, likeness is chance.
  const hint =
    editDistance(name, nearest) <= nearest.length / 3 ? `Did you mean ${nearest}?` : `There are: ${known.join(', ')}`;
  return `is not ${what}. ${hint}`;
}

/** Levenshtein distance; case is taken for no difference, as a wrong one is a likely slip. */
function editDistance(from: string, to: string): number {
  const [a, b] = [from.toLowerCase(), to.toLowerCase()];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const [diagonal = 0, above = 0, left = 0] = [row[j - 1], row[j], next[j - 1]];
      next.push(Math.min(above + 1, left + 1, diagonal + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
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
