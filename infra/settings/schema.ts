import * as v from 'valibot';
import { isSafeForSecrets } from '../../functions/adapters/http-exchange.ts';
import { DELIVERIES } from '../../functions/domain/model/file-url.ts';
import { type Route, routeSchema } from '../../functions/domain/model/route.ts';
import { MARGIN_MS, STREAMPIXEL_WINDOW_MS } from '../../functions/domain/pacing/pacer.ts';
import { PACKAGE_CHECKS } from '../../functions/domain/package/applied.ts';
import { GITHUB_REPOSITORY } from '../access/github-subjects.ts';
import { LONGEST_NAME, MAX_RECEIVE_COUNT, QUEUE_RETENTION_DAYS } from '../limits.ts';
import { BUCKET_EVENTS, DEFAULT_STACK_NAME } from '../outputs/outputs.ts';
import { PUBLIC_KEY, publicKeyOf } from './public-key.ts';
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

/** What people read about a setting; `errorMessage` is a keyword of the JSON schemas that VS Code reads. */
interface About {
  readonly description: string;
  readonly errorMessage: string;
}

/**
 * A setting, or a field of one.
 *
 * @param description what it does: for docs/settings.md, which its links are relative to, and for editors, by the JSON schema
 * @param message says, whatever is wrong with a value, what it has to be and where to get it
 */
const described = <const S extends v.GenericSchema>(description: string, message: string, schema: S) =>
  v.pipe(v.config(schema, { message }), v.metadata({ description, errorMessage: message } satisfies About));

/** What the schema of a setting, or of a field of a route, says about it. */
export function aboutSetting(schema: v.GenericSchema): About {
  return v.getMetadata(unwrapped(schema)) as unknown as About;
}

/** The schema of what is there, where a value may be left out. */
export function unwrapped(schema: v.GenericSchema): v.GenericSchema {
  return 'wrapped' in schema ? (schema.wrapped as v.GenericSchema) : schema;
}

const pattern = (regex: RegExp) => v.pipe(v.string(), v.regex(regex));
const wholeNumber = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));

/** In one spelling: Streampixel's rate limit is per user, and two spellings would be two rate-limit lanes. */
const hexId = v.pipe(pattern(/^[0-9a-fA-F]{24}$/), v.toLowerCase());
/** In either case SSM keeps /aws and /ssm for itself. */
const parameterName = v.pipe(
  pattern(/^(?!\/(?:[aA][wW][sS]|[sS][sS][mM]))(?:\/[\w.-]+){1,15}$/),
  v.maxLength(LONGEST_PARAMETER),
);

const { entries } = routeSchema;
const TRUE_FALSE_OR_NOTHING = 'must be true or false, without quotes, or left out';
const routeFields = {
  prefix: described(
    'Start of the key, such as `games/racer/`. `""` takes every key.',
    "must be text, the start of the keys that the route takes; '' takes all. Keys do not start with '/'",
    v.pipe(entries.prefix, v.regex(/^(?!\/)/)),
  ),
  userId: described(
    'From the Streampixel dashboard: account menu > Copy User ID. The rate limit is per user, so projects of one user share it.',
    'must be 24 hexadecimal digits: Streampixel dashboard > account menu > Copy User ID',
    hexId,
  ),
  projectId: described(
    "From the Streampixel dashboard: the last part of the address of the project's page.",
    "must be 24 hexadecimal digits: the last part of the address of the project's page on the dashboard",
    hexId,
  ),
  autoRelease: described(
    "`true`: Streampixel puts the build live automatically. `false`: see `release`. It is always sent, because Streampixel's default " +
      'is `true`.',
    "must be true or false, without quotes. There is no default because Streampixel's is true: a forgotten field would " +
      'ship the build to live viewers. With false a build waits on the dashboard until a person releases it',
    entries.autoRelease,
  ),
  apiKeyParameter: described(
    'Name of the SSM SecureString that holds the API key.',
    'must be the name of the SSM parameter that holds the API key, not the key: a path such as ' +
      `/streampixel-drop/api-key, of at most 15 parts of letters, digits, ".", "-" and "_" and ${LONGEST_PARAMETER} characters, ` +
      'not under /aws or /ssm',
    parameterName,
  ),
  release: v.exactOptional(
    described(
      'With `autoRelease` at `false`: `manual` (default) waits until you [release the build](../README.md#day-to-day); `on-approval` ' +
        'releases each build when Streampixel approves it.',
      'must be manual (a person releases an approved build) or on-approval (the stack releases it), or left out for manual; ' +
        'with autoRelease true leave it out: Streampixel releases the build',
      entries.release.wrapped,
    ),
  ),
  onlyLatest: v.exactOptional(
    described(
      '`true`: a newer build of the route replaces those that still wait.',
      TRUE_FALSE_OR_NOTHING,
      entries.onlyLatest.wrapped,
    ),
  ),
  everyVersion: v.exactOptional(
    described(
      '`true`: also submits a version that was overwritten in the bucket before its slot.',
      TRUE_FALSE_OR_NOTHING,
      entries.everyVersion.wrapped,
    ),
  ),
} satisfies Readonly<Record<keyof Route, v.GenericSchema>>;
const FIELDS = Object.keys(routeFields);

/** One of `routes`. The names of the fields are those of the JSON file. */
export const routeSettings = v.strictObject(
  routeFields,
  // That a field is missing or unknown is an issue of the object.
  ({ expected, path }) => {
    const field = String(path?.at(-1)?.key);
    if (expected === 'Object') return `must be an object with ${FIELDS.join(', ')}`;
    if (expected === 'never') return unknownName(field, 'a field of a route', FIELDS);
    return aboutSetting(routeFields[field as keyof Route]).errorMessage;
  },
);

const ROUTES_MESSAGE = `must be a list with at least one route; with -c, as JSON: routes=[{"prefix": "", "userId": "...", ...}]`;
const PATIENCE_MESSAGE = `must be whole minutes from 1 to ${LONGEST_PATIENCE_MIN} (2 days); Streampixel calls 2 hours unusual`;
const TRUE_OR_FALSE = 'must be true or false';

/** What a studio decides, in `streampixel-drop.json`; `-c name=value` sets one for a single run. In the order of docs/settings.md. */
export const settingsSchema = v.object(
  {
    routes: described(
      'Which builds go to which project: see [Routes](#routes). The longest matching prefix wins.',
      ROUTES_MESSAGE,
      v.pipe(v.array(routeSettings), v.minLength(1), v.readonly()),
    ),
    prefix: v.optional(
      described(
        'Only keys that start with it are taken from the bucket.',
        "must be the start of the keys to watch, such as builds/, of letters, digits and ! - _ . ' ( ) / (S3 filters and IAM " +
          `read others in their own way), of at most ${LONGEST_PREFIX} characters, and not start with '/'; '' watches all`,
        v.pipe(pattern(/^(?!\/)[\w!.'()/-]*$/), v.maxLength(LONGEST_PREFIX)),
      ),
      '',
    ),
    alertEmails: v.optional(
      described(
        'Who gets alerts and alarms. Each address has to confirm the e-mail that AWS sends first.',
        'must be an e-mail address; several as a list, with -c also with commas between them',
        v.pipe(
          v.array(pattern(/^[\w+-]+(?:\.[\w+-]+)*@[\da-zA-Z]+(?:[.-][\da-zA-Z]+)*\.[a-zA-Z]{2,}$/)),
          v.transform((addresses) => [...new Set(addresses)]),
        ),
      ),
      [],
    ),
    alertFormat: v.optional(
      described(
        '`chat` writes alerts for Amazon Q Developer in Slack or Teams.',
        'must be email (plain text) or chat (what Amazon Q Developer renders in Slack and Teams)',
        v.picklist(['email', 'chat']),
      ),
      'email',
    ),
    bucketName: v.optional(
      described(
        'Use an existing bucket of the same account and region. Without it the stack makes one.',
        'must be the bare name of an existing bucket in the same account and region: lower-case letters, digits, "-" and ".", ' +
          'without s3:// or arn:. Leave it out to get a bucket made',
        pattern(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
      ),
    ),
    bucketKmsKeyArn: v.optional(
      described(
        'The KMS key of that existing bucket, if it has its own.',
        'must be the ARN of a KMS key (arn:aws:kms:...:key/...), or left out where the bucket has no key of its own',
        pattern(/^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/[\w-]+$/),
      ),
    ),
    bucketEvents: v.optional(
      described(
        'How S3 announces builds: `notification`, or `eventbridge` for a bucket whose notifications belong to another tool: ' +
          '[which to choose](operations.md#the-bucket).',
        'must be notification (the bucket sends to the builds queue by itself) or eventbridge (by a rule of EventBridge: for a ' +
          'bucket whose notifications belong to another tool)',
        v.picklist(BUCKET_EVENTS),
      ),
      'notification',
    ),
    ledgerTableName: v.optional(
      described(
        'Use the ledger of another stack, to [share the rate limit](operations.md#several-stacks), or of a ' +
          '[deleted one](operations.md#take-down). Without it the stack makes one.',
        'must be the name of the ledger table of a stack in the same account and region (its output LedgerTableName), not an ' +
          'ARN. Leave it out to get a table made',
        pattern(/^[\w.-]{3,255}$/),
      ),
    ),
    /** Never ends in a slash. */
    streampixelBaseUrl: v.optional(
      described(
        'Where the API of Streampixel is.',
        'must be an https address without user, query or fragment, such as https://api.streampixel.io/pixelStripeApi. The ' +
          'API key travels there, so plain http is for loopback only',
        v.pipe(
          pattern(
            /^(?:https:\/\/[^\s/?#@\\]+|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?)(?:\/[^\s?#]*)?$/,
          ),
          v.check((url) => URL.canParse(url) && isSafeForSecrets(url)),
          v.transform((url) => url.replace(/\/+$/, '')),
        ),
      ),
      'https://api.streampixel.io/pixelStripeApi',
    ),
    intervalSeconds: v.optional(
      described(
        "Shortest time between two uploads of one user: Streampixel's two minutes and a second of margin.",
        `must be seconds, not ms, above 0 and at most ${LONGEST_INTERVAL_S}; Streampixel takes one upload per user every ` +
          `${STREAMPIXEL_WINDOW_MS / 1000}`,
        // The function counts in whole ms.
        v.pipe(v.number(), v.minValue(0.001), v.maxValue(LONGEST_INTERVAL_S)),
      ),
      (STREAMPIXEL_WINDOW_MS + MARGIN_MS) / 1000,
    ),
    delivery: v.optional(
      described(
        'How Streampixel gets the zip: by a presigned URL of the bucket (`s3`), or by a signed URL of `cloudfront`: ' +
          '[which to choose](#which-delivery).',
        "must be s3 (a presigned URL of the bucket) or cloudfront (a signed URL of a distribution of the stack's)",
        v.picklist(DELIVERIES),
      ),
      's3',
    ),
    deliveryPublicKeys: v.optional(
      described(
        'What `delivery-key create` prints. With a key here the stack has a CloudFront distribution: ' +
          '[set it up](operations.md#delivery-by-cloudfront).',
        'must be what the command delivery-key create prints: the public half of an ECDSA key on P-256, as base64 on ' +
          `one line or as PEM; several as a list, at most ${MOST_PUBLIC_KEYS}. Never the private half`,
        v.pipe(
          v.array(v.pipe(pattern(PUBLIC_KEY), v.transform(publicKeyOf), v.string())),
          v.maxLength(MOST_PUBLIC_KEYS),
          v.transform((keys) => [...new Set(keys)]),
        ),
      ),
      [],
    ),
    deliveryKeyParameter: v.optional(
      described(
        'The SSM SecureString with the private key that signs download URLs. With another `stackName`: ' +
          '`/streampixel-drop/<stackName>/delivery-key`.',
        'must be the name of the SSM parameter for the private key that signs download URLs, not the key: a path such as ' +
          '/streampixel-drop/delivery-key, not under /aws or /ssm',
        parameterName,
      ),
    ),
    deliveryPriceClass: v.optional(
      described(
        'Where the distribution has edge locations: `PriceClass_100` (North America, Europe, Israel), `PriceClass_200` or ' +
          '`PriceClass_All`.',
        'must be PriceClass_100 (North America, Europe, Israel), PriceClass_200 (also Asia, Africa, the Middle East) or PriceClass_All',
        v.picklist(['PriceClass_100', 'PriceClass_200', 'PriceClass_All']),
      ),
      'PriceClass_100',
    ),
    fileUrlLifetimeSeconds: v.optional(
      described(
        'How long the download URL is valid, at most 7 days; with `cloudfront` the default is `86400`: ' +
          '[limits](operations.md#how-long-streampixel-can-download).',
        `must be whole seconds from 1 to ${LONGEST_LIFETIME_S} (7 days): no signature lives longer`,
        wholeNumber(1, LONGEST_LIFETIME_S),
      ),
    ),
    maxAttempts: v.optional(
      described(
        'Failed attempts before a build goes to the dead-letter queue. Waiting is not an attempt.',
        `must be a whole number from 1 to ${MOST_ATTEMPTS}: a try takes a few receives, and after ${MAX_RECEIVE_COUNT} SQS gives up by itself`,
        wholeNumber(1, MOST_ATTEMPTS),
      ),
      6,
    ),
    onLostAnswer: v.optional(
      described(
        "When Streampixel's answer to an upload is lost: `retry` submits it again and marks it as possibly doubled, `dead-letter` " +
          'leaves the decision to you.',
        'must be retry (submit again after an interval) or dead-letter (a person looks at the dashboard first)',
        v.picklist(['retry', 'dead-letter']),
      ),
      'retry',
    ),
    packageCheck: v.optional(
      described(
        'A build that Streampixel could not run goes to the dead-letter queue before it costs a slot. `warn` submits it with a ' +
          'warning, where its zip is whole; `off` only wants a zip.',
        'must be refuse (such a build goes to the dead-letter queue), warn (it is submitted with a warning, where its zip is whole) or ' +
          'off (it only has to be a zip)',
        v.picklist(PACKAGE_CHECKS),
      ),
      'refuse',
    ),
    webhookTokenParameter: v.optional(
      described(
        'The SSM SecureString with the secret part of the webhook address. With another `stackName`: ' +
          '`/streampixel-drop/<stackName>/webhook-token`.',
        'must be the name of the SSM parameter for the token of the webhooks, not the token: a path such as ' +
          '/streampixel-drop/webhook-token, not under /aws or /ssm',
        parameterName,
      ),
    ),
    lateAfterMinutes: v.optional(
      described(
        'After the submission: an unfinished build is *late* (log and dashboard).',
        PATIENCE_MESSAGE,
        wholeNumber(1, LONGEST_PATIENCE_MIN),
      ),
      60,
    ),
    stuckAfterMinutes: v.optional(
      described(
        "After Streampixel's last message: an unfinished build is *stuck* (e-mail).",
        PATIENCE_MESSAGE,
        wholeNumber(1, LONGEST_PATIENCE_MIN),
      ),
      120,
    ),
    reconcile: v.optional(
      described(
        "Also look in Streampixel's list of builds before a build counts as late or stuck. Streampixel no longer documents this call, " +
          'and the API key is part of its URL.',
        TRUE_OR_FALSE,
        v.boolean(),
      ),
      false,
    ),
    tagObjects: v.optional(
      described('Write the result and the upload id on the S3 object, as tags.', TRUE_OR_FALSE, v.boolean()),
      false,
    ),
    maxConcurrency: v.optional(
      described(
        'Batches of builds that are handled at the same time.',
        'must be a whole number from 2 to 1000. Lambda takes no less than 2 for a queue; uploads keep their interval with any number',
        wholeNumber(2, 1000),
      ),
      2,
    ),
    /** By default longer than a build can wait in the two queues. */
    logRetentionDays: v.optional(
      described(
        'How long CloudWatch keeps the logs.',
        `must be a number of days that CloudWatch Logs knows: ${RETENTION_DAYS.join(', ')}`,
        v.picklist(RETENTION_DAYS),
      ),
      30,
    ),
    waitingAlarmHours: v.optional(
      described(
        'How long a build may wait before an alarm fires.',
        `must be a whole number of hours from 1 to ${LONGEST_WAIT_H}: after that a message has left the builds queue`,
        wholeNumber(1, LONGEST_WAIT_H),
      ),
      6,
    ),
    reminderHourUtc: v.optional(
      described(
        'Hour of the daily reminder while builds wait in the dead-letter queue.',
        'must be an hour of the day in UTC, from 0 to 23',
        wholeNumber(0, 23),
      ),
      8,
    ),
    runbookUrl: v.optional(
      described(
        'Where alarms link to: the address under which your team finds [the runbook](runbook.md). Each alarm adds the section.',
        `must be an https address without a fragment, of at most ${LONGEST_RUNBOOK_URL} characters; each alarm adds the section`,
        v.pipe(pattern(/^(?:docs\/runbook\.md|https:\/\/[^\s#]+)$/), v.maxLength(LONGEST_RUNBOOK_URL)),
      ),
      RUNBOOK,
    ),
    rehearsal: v.optional(
      described(
        '`true`: deploys a [rehearsal](operations.md#rehearsal) beside the real stack, with a stand-in for Streampixel. Set it with ' +
          '`-c` only.',
        TRUE_OR_FALSE,
        v.boolean(),
      ),
      false,
    ),
    githubRepositories: v.optional(
      described(
        'GitHub repositories whose workflows may push builds, by [a role without a stored key](ci.md#github-actions): ' +
          '`studio/game`, or one branch of it: `studio/game:ref:refs/heads/main`.',
        'must be a repository on github.com, such as studio/game for all of its branches, studio/game:ref:refs/heads/main for one ' +
          'branch or studio/game:environment:release for one environment, without wildcards; one made after 15 July 2026 with its ids, ' +
          'such as studio@123/game@456; several as a list, with -c also with commas between them',
        v.pipe(
          v.array(pattern(GITHUB_REPOSITORY)),
          v.transform((repositories) => [...new Set(repositories)]),
        ),
      ),
      [],
    ),
    githubProvider: v.optional(
      described(
        "GitHub's OIDC provider, of which an AWS account has one: there already (`existing`), or made with this stack (`create`).",
        "must be existing (the account has GitHub's OIDC provider) or create (this stack makes it; an account can have one only)",
        v.picklist(['existing', 'create']),
      ),
      'existing',
    ),
    dashboard: v.optional(
      described('Creates a CloudWatch dashboard; three are free in an account.', TRUE_OR_FALSE, v.boolean()),
      true,
    ),
    stackName: v.optional(
      described(
        'Names the stack and, through it, the bucket, the queues and the alarms. Use different names to deploy several stacks side by ' +
          'side.',
        `must start with a letter and have at most ${LONGEST_NAME} letters, digits and "-": the bucket's name is made of it`,
        pattern(new RegExp(`^[A-Za-z][A-Za-z0-9-]{0,${LONGEST_NAME - 1}}$`)),
      ),
      DEFAULT_STACK_NAME,
    ),
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
