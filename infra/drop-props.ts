import { Stack, Token } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IAlias, IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { present } from '../functions/domain/model/optional-fields.ts';
import { operatorCommands } from '../functions/domain/notify/operator-commands.ts';
import { isAlias } from './access/kms-key.ts';
import { defaultName, deployedStack, outputPrefix } from './drop-names.ts';
import { readSettings, SettingsError } from './settings/read.ts';
import { rehearsalOf, rehearsalStackProblems } from './settings/rehearsal.ts';
import { type Settings, settingsSchema } from './settings/schema.ts';
import { unknownName } from './settings/unknown-name.ts';

/** Which Streampixel account and project the keys under a prefix belong to. */
export interface StreampixelRoute {
  /** Keys that start with this belong to the route; the longest matching prefix wins. `''` takes every key. */
  readonly prefix: string;
  /** 24 hexadecimal digits: Streampixel dashboard > account menu > Copy User ID. */
  readonly userId: string;
  /** 24 hexadecimal digits: the last part of the address of the project's page on the dashboard. */
  readonly projectId: string;
  /**
   * Whether Streampixel puts an approved build live by itself. No default, since Streampixel's is `true`: a forgotten field would ship
   * to live viewers.
   */
  readonly autoRelease: boolean;
  /**
   * Name of the SSM SecureString that holds the API key; the tool's `key set` fills it. All routes of a user have the same one.
   */
  readonly apiKeyParameter: string;
  /**
   * Who releases an approved build where `autoRelease` is false: a person, or the drop by itself.
   *
   * @default 'manual'
   */
  readonly release?: 'manual' | 'on-approval';
  /**
   * Whether a newer build of the route supersedes older ones that still wait for their slot.
   *
   * @default false
   */
  readonly onlyLatest?: boolean;
  /**
   * Whether a version is submitted even when a newer one of the same key was dropped before its slot came.
   *
   * @default false
   */
  readonly everyVersion?: boolean;
}

/**
 * What a studio decides. Names, units and checks are those of the settings in `streampixel-drop.json`; things that exist are objects
 * of CDK. Where a prop takes tokens (values that are known at deployment only), it says so.
 */
export interface StreampixelDropProps {
  /** Where builds go, by the start of their key; at least one, each with a prefix of its own. */
  readonly routes: readonly StreampixelRoute[];
  /**
   * Names the queues, the bucket, the alarms, the dashboard and the parameters, and is the dimension `Stack` of the metrics. Unique in
   * the account; a letter, then letters, digits and `-`, at most 35 in all. Another name replaces queues and bucket.
   *
   * @default made of the stack's name and the construct's path in it, such as `Studio-Builds`
   */
  readonly name?: string;
  /**
   * Only keys that start with it are taken; `''` takes all.
   *
   * @default ''
   */
  readonly prefix?: string;
  /**
   * An existing bucket in the account and region of the stack, with versioning. It gets a notification, and nothing where
   * `bucketEvents` is `eventbridge`. A bucket of the same stack also gets the statements that `delivery: 'cloudfront'` needs in its policy; for
   * others they are an output.
   *
   * @default a new one, which outlives the stack
   */
  readonly bucket?: IBucket;
  /**
   * The customer managed key that `bucket` is encrypted with.
   *
   * @default the bucket's `encryptionKey`, which CDK knows for a bucket of the app
   */
  readonly bucketKmsKey?: IKey;
  /**
   * How S3 announces builds: the bucket sends to the builds queue by itself, or by a rule of EventBridge. Take `eventbridge` for a
   * bucket whose notifications belong to another tool or to CDK; it has to have `eventBridgeEnabled`.
   *
   * @default 'notification'
   */
  readonly bucketEvents?: 'notification' | 'eventbridge';
  /**
   * The table of another or a former drop in the account and region of the stack (`ledger`). Drops that upload as the same user share
   * one, or they exceed Streampixel's rate limit together. Where it has a customer managed KMS key (`encryptionKey`; for a table that is
   * not of the app any key of the account), the functions' roles may use that through DynamoDB, for this table.
   *
   * @default a new one, which outlives the stack
   */
  readonly ledgerTable?: ITable;
  /**
   * An existing topic for alerts and alarms, in the region of the stack. Where it has a policy or a KMS key of its own, these have to
   * let `cloudwatch.amazonaws.com` publish: added to a topic and a key of the app, yours to add to others.
   *
   * @default a new one
   */
  readonly alertTopic?: ITopic;
  /**
   * Addresses that are subscribed to the topic; each has to confirm the e-mail that AWS sends. Takes tokens.
   *
   * @default none
   */
  readonly alertEmails?: readonly string[];
  /**
   * How alerts are worded: for e-mail, or for Amazon Q Developer in chat applications (Slack, Teams).
   *
   * @default 'email'
   */
  readonly alertFormat?: 'email' | 'chat';
  /**
   * Streampixel's API. Takes a token.
   *
   * @default 'https://api.streampixel.io/pixelStripeApi'
   */
  readonly streampixelBaseUrl?: string;
  /**
   * Least distance between two uploads of one user, in seconds. Streampixel takes one every 2 minutes.
   *
   * @default 121
   */
  readonly intervalSeconds?: number;
  /**
   * How Streampixel gets the zip: by a presigned URL of the bucket, or by a signed URL of a CloudFront distribution of the drop.
   *
   * @default 's3'
   */
  readonly delivery?: 's3' | 'cloudfront';
  /**
   * The public halves of the keys that may sign download URLs: what the tool's `delivery-key create` prints. At most 5. With one, the
   * drop has a distribution.
   *
   * @default none
   */
  readonly deliveryPublicKeys?: readonly string[];
  /**
   * Name of the SSM SecureString with the private half; `delivery-key create` fills it.
   *
   * @default '/streampixel-drop/<name>/delivery-key'
   */
  readonly deliveryKeyParameter?: string;
  /**
   * Where the distribution has edge locations: more regions cost more per GB.
   *
   * @default 'PriceClass_100'
   */
  readonly deliveryPriceClass?: 'PriceClass_100' | 'PriceClass_200' | 'PriceClass_All';
  /**
   * What a download URL is signed for, in seconds. With `delivery: 's3'` the session of the function's role may end it sooner.
   *
   * @default 21600 (6 hours), with CloudFront 86400 (24 hours)
   */
  readonly fileUrlLifetimeSeconds?: number;
  /**
   * Failed tries after which a build goes to the dead-letter queue.
   *
   * @default 6
   */
  readonly maxAttempts?: number;
  /**
   * What happens to a build that was sent to Streampixel and got no answer: submit it again after an interval, or let a person look at
   * the dashboard first.
   *
   * @default 'retry'
   */
  readonly onLostAnswer?: 'retry' | 'dead-letter';
  /**
   * What happens to a build whose zip holds nothing that Streampixel could run.
   *
   * @default 'refuse'
   */
  readonly packageCheck?: 'refuse' | 'warn' | 'off';
  /**
   * Name of the SSM SecureString with the token in the addresses of webhooks; the tool's `webhook` fills it.
   *
   * @default '/streampixel-drop/<name>/webhook-token'
   */
  readonly webhookTokenParameter?: string;
  /**
   * From its submission until an unfinished build counts as late, in minutes.
   *
   * @default 60
   */
  readonly lateAfterMinutes?: number;
  /**
   * From Streampixel's last webhook until an unfinished build counts as stuck, in minutes.
   *
   * @default 120
   */
  readonly stuckAfterMinutes?: number;
  /**
   * Whether to ask Streampixel's list of builds, no longer documented, before a build counts as late or stuck.
   *
   * @default false
   */
  readonly reconcile?: boolean;
  /**
   * Whether to put the result of a build on its object in the bucket, as tags.
   *
   * @default false
   */
  readonly tagObjects?: boolean;
  /**
   * Batches of builds that are handled at once.
   *
   * @default 2
   */
  readonly maxConcurrency?: number;
  /**
   * How long the functions' logs are kept, in days; a number that CloudWatch Logs knows.
   *
   * @default 30
   */
  readonly logRetentionDays?: number;
  /**
   * How long a build may wait until an alarm fires, in hours.
   *
   * @default 6
   */
  readonly waitingAlarmHours?: number;
  /**
   * The hour of the daily reminder while there are dead letters, in UTC.
   *
   * @default 8
   */
  readonly reminderHourUtc?: number;
  /**
   * The runbook that alarms link to; each adds the section.
   *
   * @default 'docs/runbook.md' of the package
   */
  readonly runbookUrl?: string;
  /**
   * Whether the drop is a rehearsal: Streampixel is a stand-in, which is a function of the stack, nothing that exists is used, and all of
   * it is deleted with the stack. Only in a stack of its own, whose name ends in `-Rehearsal`.
   *
   * @default false
   */
  readonly rehearsal?: boolean;
  /**
   * The repositories on github.com whose workflows may push builds: `studio/game` for all of its branches, tags and pull requests,
   * `studio/game:ref:refs/heads/main` for one branch, `studio/game:environment:release` for one environment. Repositories made after
   * 15 July 2026 have ids in their tokens: `studio@123/game@456`. With one, the drop has a role for them (`githubRole`).
   *
   * @default none
   */
  readonly githubRepositories?: readonly string[];
  /**
   * GitHub's OIDC provider, of which an account has one: there already, or made with the drop. It outlives the drop.
   *
   * @default 'existing'
   */
  readonly githubProvider?: 'existing' | 'create';
  /**
   * Whether to make a CloudWatch dashboard; three are free in an account.
   *
   * @default true
   */
  readonly dashboard?: boolean;
}

/** The props can't be used. */
export class StreampixelDropError extends Error {
  override name = 'StreampixelDropError';
  /** One line each, naming the prop and what to do. The message lists them all under the construct's path. */
  readonly problems: readonly string[];

  constructor(path: string, problems: readonly string[]) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super(
      [`${path}: ${count} with the props of StreampixelDrop:`, ...problems.map((each) => `  - ${each}`)].join('\n'),
    );
    this.problems = problems;
  }
}

/** Settings that have another prop in their place. */
const PROP_OF = {
  stackName: 'name',
  bucketName: 'bucket',
  bucketKmsKeyArn: 'bucketKmsKey',
  ledgerTableName: 'ledgerTable',
} as const satisfies Partial<Record<keyof Settings, keyof StreampixelDropProps>>;

/** Things that exist: how to refer to one that is not of the app, and what has to be the same as the stack's. */
const EXISTING = {
  bucket: { has: 'bucketArn', by: 'Bucket.fromBucketName', same: ['account', 'region'] },
  bucketKmsKey: { has: 'keyArn', by: 'Key.fromKeyArn', same: ['region'] },
  alertTopic: { has: 'topicArn', by: 'Topic.fromTopicArn', same: ['region'] },
  ledgerTable: { has: 'tableArn', by: 'Table.fromTableName', same: ['account', 'region'] },
} as const;
type Existing = keyof typeof EXISTING;

/** The key of an existing bucket: without a permission for it no build can be read. */
export function bucketKey({ bucket, bucketKmsKey }: Partial<StreampixelDropProps>): IKey | undefined {
  return bucketKmsKey ?? bucket?.encryptionKey;
}

type Same = Omit<StreampixelDropProps, Existing | 'name'>;
// A setting without a prop, or with one of another type, does not compile.
type Taken = Pick<Settings, Exclude<keyof Settings, keyof typeof PROP_OF>>;
const _everySetting: (props: Required<Same>) => Record<keyof Taken, unknown> = (props) => props;
const _everyType: (settings: Omit<Taken, 'logRetentionDays'>) => Omit<Required<Same>, 'logRetentionDays'> = (all) =>
  all;

/**
 * The props as settings, with the app's checks.
 *
 * @internal The declarations of the package leave it out, and with it the schema's.
 * @throws StreampixelDropError with every problem there is
 */
export function settingsOf(scope: Construct, props: StreampixelDropProps): Settings {
  const { alertTopic, bucket, bucketKmsKey, ledgerTable, name, routes, ...others } = present(props ?? {});
  const existing = present({ alertTopic, bucket, bucketKmsKey: bucketKey(props ?? {}), ledgerTable });
  const same = present({ ...others, routes: Array.isArray(routes) ? routes.map(withoutUndefined) : routes });
  const emails: readonly unknown[] = Array.isArray(same.alertEmails) ? same.alertEmails : [];
  const tokens = {
    // They go to resources and variables only, which take what is known at deployment.
    alertEmails: emails.filter((email): email is string => typeof email === 'string' && Token.isUnresolved(email)),
    streampixelBaseUrl: Token.isUnresolved(same.streampixelBaseUrl) ? same.streampixelBaseUrl : undefined,
  };
  const concrete = present({
    ...same,
    streampixelBaseUrl: tokens.streampixelBaseUrl === undefined ? same.streampixelBaseUrl : undefined,
    ...(Array.isArray(same.alertEmails) && !Token.isUnresolved(same.alertEmails)
      ? { alertEmails: emails.filter((email) => !Token.isUnresolved(email)) }
      : {}),
  });
  const unusable = tokenPaths({ ...concrete, name });
  const stackName = unusable.includes('name') ? undefined : (name ?? defaultName(scope));
  const read = () =>
    readSettings({
      ...Object.fromEntries(Object.entries(concrete).filter(([prop]) => SAME_NAMES.includes(prop))),
      ...present({ stackName }),
      // That they are there counts for the checks, and no more.
      ...(bucket !== undefined && { bucketName: 'existing' }),
      ...(bucketKmsKey !== undefined && { bucketKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/existing' }),
      ...(ledgerTable !== undefined && { ledgerTableName: 'existing' }),
    });
  const { problems, settings } = attempt(read);
  const all = [
    ...unusable.map(
      (path) =>
        `${path}: is a token of CDK, known at deployment only. It is needed at synthesis: give the value itself`,
    ),
    ...problems
      .map((problem) => inWordsOfProps(problem, scope, stackName ?? ''))
      .filter((problem) => !unusable.some((path) => isAbout(problem, path))),
    ...existingProblems(scope, existing),
    ...unknownProps(same),
    ...(settings?.rehearsal === true ? rehearsalStackProblems(deployedStack(scope).stackName) : []),
  ];
  if (settings === undefined || all.length > 0) throw new StreampixelDropError(scope.node.path, all);
  if (settings.rehearsal) return rehearsalOf(settings);
  return {
    ...settings,
    alertEmails: [...settings.alertEmails, ...tokens.alertEmails],
    ...present({ streampixelBaseUrl: tokens.streampixelBaseUrl }),
  };
}

/** An optional field that is `undefined` counts as left out, as everywhere in CDK. */
function withoutUndefined(route: unknown): unknown {
  return typeof route === 'object' && route !== null && !Array.isArray(route) ? present(route) : route;
}

function attempt(read: () => Settings): { readonly problems: readonly string[]; readonly settings?: Settings } {
  try {
    return { problems: [], settings: read() };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return { problems: error.problems };
  }
}

/** Props that are settings of the same name. */
const SAME_NAMES: readonly string[] = Object.keys(settingsSchema.entries).filter((setting) => !(setting in PROP_OF));
const PROP_NAMES: readonly string[] = [...SAME_NAMES, 'name', ...Object.keys(EXISTING)];

/** Where a value is a token, such as `routes[0].userId`. */
function tokenPaths(value: unknown, path = ''): readonly string[] {
  if (Token.isUnresolved(value)) return [path];
  if (Array.isArray(value)) return value.flatMap((each, index) => tokenPaths(each, `${path}[${index}]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => tokenPaths(each, path === '' ? key : `${path}.${key}`));
}

function isAbout(problem: string, path: string): boolean {
  return problem.startsWith(path) && /^[:.[]/.test(problem.slice(path.length));
}

/** The settings' problems without what they say of the app's command line, and with the command for this drop. */
function inWordsOfProps(problem: string, scope: Construct, name: string): string {
  const drop = { stack: deployedStack(scope).stackName, drop: outputPrefix(scope) || undefined };
  const ofApp = operatorCommands({ stack: name }).createDeliveryKey();
  const text = problem
    .replace(/[,;] with -c\b.*$/s, '')
    .replace(/ over two stacks \(-c [^)]*\)/, ' over two drops')
    .replace(ofApp, operatorCommands(drop).createDeliveryKey());
  return Object.entries(PROP_OF).reduce(
    (all, [setting, prop]) => all.replace(new RegExp(`\\b${setting}\\b`, 'g'), prop),
    text,
  );
}

function existingProblems(
  scope: Construct,
  existing: Partial<Pick<StreampixelDropProps, Existing>>,
): readonly string[] {
  const stack = Stack.of(scope);
  return (Object.entries(existing) as [Existing, Partial<IBucket & ITopic>][]).flatMap(([prop, resource]) => {
    const { by, has, same } = EXISTING[prop];
    if (resource?.[has as 'bucketArn'] === undefined || resource.env === undefined) {
      return [`${prop}: must be an object of CDK; ${by}(...) makes one of what is not of the app`];
    }
    if (prop === 'bucketKmsKey' && isAlias(resource as unknown as IKey)) {
      return [
        `${prop}: is an alias, and permissions need the key itself. Give ${by}(...), or what the alias stands for`,
      ];
    }
    if (prop === 'alertTopic' && resource.fifo) {
      return [`${prop}: is a FIFO topic, which neither alarms nor e-mail addresses work with. Give a standard one`];
    }
    if (prop === 'alertTopic' && (resource.masterKey as Partial<IAlias> | undefined)?.aliasName === 'alias/aws/sns') {
      return [
        `${prop}: is encrypted with AWS's own key alias/aws/sns, under which alarms send nothing. Encrypt it with a key of your own, or with none`,
      ];
    }
    const { env } = resource;
    // CDK takes some imported things for those of the stack, whatever their ARN says.
    const [, , , region, account] = String(resource[has as 'bucketArn']).split(':');
    const parts = { account: account || env.account, region: region || env.region };
    return same
      .filter((part) => ![parts[part], stack[part]].some(Token.isUnresolved) && parts[part] !== stack[part])
      .map(
        (part) =>
          `${prop}: is in ${part} ${parts[part]}, and the drop in ${stack[part]}. Both have to be in one ${part}`,
      );
  });
}

function unknownProps(props: object): readonly string[] {
  return Object.keys(props)
    .filter((prop) => !SAME_NAMES.includes(prop))
    .map((prop) => {
      const instead = PROP_OF[prop as keyof typeof PROP_OF];
      if (instead === undefined) return `${prop}: ${unknownName(prop, 'a prop of StreampixelDrop', PROP_NAMES)}`;
      return `${prop}: is a setting of the app and no prop. Use ${instead}`;
    });
}
