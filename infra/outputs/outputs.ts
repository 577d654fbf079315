import type { ZipDelivery } from '../../functions/domain/model/file-url.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import type { PackageCheck } from '../../functions/domain/package/applied.ts';

/**
 * Logical ids of a drop's outputs, behind what `dropsIn` says. The local stack and the operator's tool find things by them: rename one only
 * with a major version.
 */
export const OUTPUTS = {
  dropBucketName: 'DropBucketName',
  dropABuild: 'DropABuild',
  /** For the first few API key parameters: this id for the first, then `StoreApiKey2`, `StoreApiKey3`, ... */
  storeApiKey: 'StoreApiKey',
  /** Where there are more: the command that lists all. */
  moreApiKeys: 'MoreApiKeys',
  buildsQueueUrl: 'BuildsQueueUrl',
  deadLetterQueueUrl: 'DeadLetterQueueUrl',
  submitBuildFunctionName: 'SubmitBuildFunctionName',
  ledgerTableName: 'LedgerTableName',
  alertTopicArn: 'AlertTopicArn',
  /** Where webhooks go, without `/<projectId>/<token>`: the token is in no template. */
  webhookUrl: 'WebhookUrl',
  followQueueUrl: 'FollowQueueUrl',
  /** Which uploads count towards Streampixel's rate limit here, and which do not: a sentence. */
  rateLimit: 'RateLimit',
  setUpWebhooks: 'SetUpWebhooks',
  /** For the roles of build machines: `push`, and no more. */
  pushPolicyArn: 'PushPolicyArn',
  /** The role that jobs of GitHub Actions assume, where there is one. */
  githubRoleArn: 'GithubRoleArn',
  /** The command that says which builds are under way for a project that has left the routes. */
  afterRouteChange: 'AfterRouteChange',
  /** For the first few projects: this id for the first, then `WebhookOfProject2`, `WebhookOfProject3`, ... */
  webhookOfProject: 'WebhookOfProject',
  /** Where there are more: the command that lists all. */
  moreWebhooks: 'MoreWebhooks',
  /** JSON of {@link DeployedDistribution}, where there is one. */
  distribution: 'Distribution',
  /** JSON: the statement that the policy of an existing bucket needs, so that the distribution may read builds. */
  deliveryBucketPolicy: 'DeliveryBucketPolicy',
  /** JSON: the statement that the policy of the bucket's KMS key needs. */
  deliveryKmsKeyPolicy: 'DeliveryKmsKeyPolicy',
  /** JSON of {@link DeployedSettings}; without the routes where these have outputs of their own. See deployed-settings.ts. */
  settings: 'Settings',
  /** This id for the first part, then `Routes2`, `Routes3`, ... */
  routes: 'Routes',
  /** JSON of {@link DeployedRehearsal}, of a rehearsal only. */
  rehearsal: 'Rehearsal',
  /** The command that rehearses. */
  rehearse: 'Rehearse',
} as const;

/**
 * The drops of a stack, by what the ids of their outputs start with: `''` in the stack of this project's app, the ids of the
 * construct's path in a stack of the studio's own.
 */
export function dropsIn(outputs: Pick<ReadonlyMap<string, unknown>, 'has' | 'keys'>): readonly string[] {
  const { ledgerTableName, settings } = OUTPUTS;
  return [...outputs.keys()]
    .filter((id) => id.endsWith(ledgerTableName))
    .map((id) => id.slice(0, -ledgerTableName.length))
    .filter((prefix) => outputs.has(`${prefix}${settings}`))
    .sort();
}

/** The id of one of several outputs of a kind: the plain one for the first, then with `2`, `3`, ... */
export function numbered(id: string, index: number): string {
  return index === 0 ? id : `${id}${index + 1}`;
}

/** What the operator's tool needs of the settings that the stack was deployed with. */
export interface DeployedSettings {
  readonly routes: readonly Route[];
  /** Start of the keys that are taken. */
  readonly prefix: string;
  /** How S3 announces builds; absent in stacks of earlier versions, which only know notifications. */
  readonly bucketEvents?: BucketEvents;
  readonly streampixelBaseUrl: string;
  readonly intervalSeconds: number;
  /** How much of the check of a package counts; absent in stacks of earlier versions. */
  readonly packageCheck?: PackageCheck;
  /** Name of the SSM SecureString with the webhooks' tokens: one or two lines, the first is the current one. */
  readonly webhookTokenParameter: string;
  /** How Streampixel gets the zip; this and the next are absent in stacks of earlier versions, which only know `s3`. */
  readonly delivery?: ZipDelivery;
  /** Name of the SSM SecureString with the private key that signs download URLs. */
  readonly deliveryKeyParameter?: string;
  /** Each as base64 of its SPKI. */
  readonly deliveryPublicKeys?: readonly string[];
  readonly fileUrlLifetimeSeconds?: number;
}

/** The distribution for downloads. */
export interface DeployedDistribution {
  readonly domain: string;
  /** CloudFront's ids of the public keys, by their fingerprints. */
  readonly keyIds: Readonly<Record<string, string>>;
}

/** What the command `rehearse` needs of a rehearsal. */
export interface DeployedRehearsal {
  /** Name of the SSM SecureString in which the stand-in reads what a person enters on Streampixel's dashboard. */
  readonly standInParameter: string;
  /** Gets every alert, as SNS sends it to queues. */
  readonly alertsQueueUrl: string;
}

/** The part of the settings that the operator's tool needs. */
export function deployedSettings(settings: Required<DeployedSettings>): DeployedSettings {
  const { bucketEvents, intervalSeconds, packageCheck, prefix, routes, streampixelBaseUrl, webhookTokenParameter } =
    settings;
  const { delivery, deliveryKeyParameter, deliveryPublicKeys, fileUrlLifetimeSeconds } = settings;
  return {
    ...{ routes, prefix, bucketEvents, streampixelBaseUrl, intervalSeconds, packageCheck, webhookTokenParameter },
    ...{ delivery, deliveryKeyParameter, deliveryPublicKeys, fileUrlLifetimeSeconds },
  };
}

export const DEFAULT_STACK_NAME = 'StreampixelDrop';

/**
 * - `notification`: the bucket sends to the builds queue by itself
 * - `eventbridge`: by a rule of EventBridge; the bucket's notifications are not touched
 */
export const BUCKET_EVENTS = ['notification', 'eventbridge'] as const;
export type BucketEvents = (typeof BUCKET_EVENTS)[number];
