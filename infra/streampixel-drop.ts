import { Annotations, Stack, Stage, Token } from 'aws-cdk-lib';
import { type Metric, type MetricOptions, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IManagedPolicy, IRole } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { present } from '../functions/domain/model/optional-fields.ts';
import type { Outcome } from '../functions/domain/model/outcome.ts';
import type { MetricName } from '../functions/domain/model/telemetry.ts';
import { type CommandTarget, operatorCommands } from '../functions/domain/notify/operator-commands.ts';
import { apiKeyParameters } from './access/api-key-parameters.ts';
import { GithubRole } from './access/github-role.ts';
import { PushPolicy } from './access/push-policy.ts';
import { deployedStack, outputPrefix } from './drop-names.ts';
import { bucketKey, StreampixelDropError, type StreampixelDropProps, settingsOf } from './drop-props.ts';
import { environmentValues, fileUrlsValue } from './lambda/environment.ts';
import { FOLLOW_BUILDS_TIMEOUT, FollowBuildsFunction } from './lambda/follow-builds-function.ts';
import { ReceiveWebhookFunction } from './lambda/receive-webhook-function.ts';
import { RedriveBuildsFunction } from './lambda/redrive-builds-function.ts';
import { RemindOfDeadLettersFunction } from './lambda/remind-of-dead-letters-function.ts';
import { SUBMIT_BUILD_TIMEOUT, SubmitBuildFunction } from './lambda/submit-build-function.ts';
import { LISTED_OUTPUTS, OBSERVED_SESSION_HOURS } from './limits.ts';
import { LOCAL_PORT_CONTEXT } from './local-port.ts';
import { Alarms } from './monitoring/alarms.ts';
import { AlertTopic } from './monitoring/alert-topic.ts';
import { OverviewDashboard } from './monitoring/dashboard.ts';
import { dropMetric } from './monitoring/drop-metrics.ts';
import { writeDeployedSettings } from './outputs/deployed-settings.ts';
import { DropOutputs } from './outputs/drop-outputs.ts';
import { deployedSettings, numbered, OUTPUTS } from './outputs/outputs.ts';
import { limitOutputs } from './outputs/outputs-limit.ts';
import { BuildsQueue } from './queues/builds-queue.ts';
import { FollowQueue } from './queues/follow-queue.ts';
import { Rehearsal } from './rehearsal/rehearsal.ts';
import { StreampixelStandInFunction } from './rehearsal/streampixel-stand-in-function.ts';
import type { Resources } from './resources.ts';
import type { Settings } from './settings/schema.ts';
import { Delivery } from './storage/delivery.ts';
import { DropBucket } from './storage/drop-bucket.ts';
import { LedgerTable } from './storage/ledger-table.ts';

/** The functions of a drop. */
export interface StreampixelDropFunctions {
  /** Takes builds from the queue to Streampixel. */
  readonly submitBuild: IFunction;
  /** Receives Streampixel's webhooks. */
  readonly receiveWebhook: IFunction;
  /** Follows builds at Streampixel to their final state and releases them. */
  readonly followBuilds: IFunction;
  /** Redrives the builds that a refused API key has stopped, once one that works is stored. */
  readonly redriveBuilds: IFunction;
  /** Measures the age of dead letters each hour, and reminds people of them once a day. */
  readonly remindOfDeadLetters: IFunction;
}

/**
 * Takes Unreal Engine builds from an S3 bucket to Streampixel: drop bucket -> builds queue -> submit-build -> Streampixel ->
 * receive-webhook -> follow queue -> follow-builds, with ledger, dead letters, alerts and alarms. Any account, any region, any number
 * in a stack. Operate it with `npx --no streampixel-drop`, which finds it by the stack's outputs.
 */
export class StreampixelDrop extends Construct {
  /** Names its things in the account, and is the dimension `Stack` of its metrics. */
  readonly dropName: string;
  /** Where builds are dropped. */
  readonly bucket: IBucket;
  /** Builds that wait for their slot. */
  readonly buildsQueue: IQueue;
  /** Builds that failed, each with its reason. */
  readonly deadLetterQueue: IQueue;
  /** The state and history of each build. Another drop shares it by its prop `ledgerTable`. */
  readonly ledger: ITable;
  /** Where alerts and alarms are sent. */
  readonly alertTopic: ITopic;
  /** The functions, by what they do. */
  readonly functions: StreampixelDropFunctions;
  /** What `push` and `push --follow` of the tool need, and no more: for the roles of build machines. */
  readonly pushPolicy: IManagedPolicy;
  /** The role with that policy for jobs of GitHub Actions, where `githubRepositories` names any. */
  readonly githubRole: IRole | undefined;
  /** Where Streampixel sends its webhooks, followed by `/<projectId>/<token>`. */
  readonly webhookUrl: string;
  private readonly prefix: string;
  private readonly createsProvider: boolean;

  /** @throws StreampixelDropError with every problem of the props */
  constructor(scope: Construct, id: string, props: StreampixelDropProps) {
    super(scope, id);
    const given = settingsOf(this, props);
    this.dropName = given.stackName;
    this.prefix = given.prefix;
    this.createsProvider = given.githubRepositories.length > 0 && given.githubProvider === 'create';
    // A rehearsal touches nothing that is real.
    const existing: Partial<StreampixelDropProps> = given.rehearsal ? {} : props;
    const collisions = this.others().flatMap((other) => this.collisionsWith(other, existing.bucket));
    if (collisions.length > 0) throw new StreampixelDropError(this.node.path, collisions);
    const standIn = given.rehearsal ? new StreampixelStandInFunction(this, 'StandIn', given) : undefined;
    const settings = { ...given, ...present({ streampixelBaseUrl: standIn?.streampixelBaseUrl }) };
    const target = this.commandTarget();
    const commands = operatorCommands(target);
    const outputs = new DropOutputs(this);
    const buildsQueue = new BuildsQueue(this, 'BuildsQueue', this.dropName, SUBMIT_BUILD_TIMEOUT);
    const bucket = new DropBucket(this, 'DropBucket', settings, buildsQueue, {
      bucket: existing.bucket,
      kmsKey: bucketKey(existing),
    });
    const delivery =
      settings.deliveryPublicKeys.length === 0 ? undefined : new Delivery(this, 'Delivery', settings, bucket, outputs);
    const ledger = new LedgerTable(this, 'Ledger', settings.rehearsal, existing.ledgerTable);
    const { topic } = new AlertTopic(this, 'Alerts', settings.alertEmails, existing.alertTopic);
    const followQueue = new FollowQueue(this, 'FollowQueue', settings, bucket.bucketName, FOLLOW_BUILDS_TIMEOUT);
    const environment = environmentValues(settings, target, {
      buildsQueueUrl: buildsQueue.queue.queueUrl,
      deadLetterQueueUrl: buildsQueue.deadLetterQueue.queueUrl,
      followQueueUrl: followQueue.queue.queueUrl,
      ledgerTable: ledger.table.tableName,
      alertTopicArn: topic.topicArn,
      fileUrls: fileUrlsValue(settings, delivery?.domain ?? '', (fingerprint) => delivery?.keyIds[fingerprint]),
    });
    const resources = { settings, commands, environment, bucket, buildsQueue, followQueue, ledger, topic };
    const submitBuild = new SubmitBuildFunction(this, 'SubmitBuild', resources);
    // Before that CloudFront can't read a build, and the function would dead-letter it.
    if (delivery?.bucketPolicy !== undefined) submitBuild.node.addDependency(delivery.bucketPolicy);
    const redriveBuilds = new RedriveBuildsFunction(this, 'RedriveBuilds', resources);
    const reminder = new RemindOfDeadLettersFunction(this, 'RemindOfDeadLetters', resources);
    const receiveWebhook = new ReceiveWebhookFunction(this, 'ReceiveWebhook', resources);
    const followBuilds = new FollowBuildsFunction(this, 'FollowBuilds', resources);
    const watched = {
      ...resources,
      functions: { submitBuild, receiveWebhook, followBuilds, redriveBuilds, reminder },
    };
    const alarms = new Alarms(this, 'Alarms', watched);
    if (settings.dashboard) new OverviewDashboard(this, 'Overview', watched, alarms);

    const isExistingBucket = existing.bucket !== undefined;
    const pushPolicy = new PushPolicy(this, 'Push', { ...resources, isExistingBucket }).policy;
    const githubRole =
      settings.githubRepositories.length === 0 ? undefined : new GithubRole(this, 'Github', settings, pushPolicy).role;

    this.bucket = bucket.bucket;
    this.buildsQueue = buildsQueue.queue;
    this.deadLetterQueue = buildsQueue.deadLetterQueue;
    this.ledger = ledger.table;
    this.alertTopic = topic;
    this.functions = {
      submitBuild: submitBuild.function,
      receiveWebhook: receiveWebhook.function,
      followBuilds: followBuilds.function,
      redriveBuilds: redriveBuilds.function,
      remindOfDeadLetters: reminder.function,
    };
    this.pushPolicy = pushPolicy;
    this.githubRole = githubRole;
    this.webhookUrl = receiveWebhook.api.apiEndpoint;

    const output = outputs.add.bind(outputs);
    output(OUTPUTS.dropBucketName, 'Where builds are dropped', bucket.bucketName);
    output(OUTPUTS.buildsQueueUrl, 'Builds that wait for their slot', environment.buildsQueueUrl);
    output(OUTPUTS.deadLetterQueueUrl, 'Builds that failed, each with its reason', environment.deadLetterQueueUrl);
    output(OUTPUTS.submitBuildFunctionName, 'Takes builds to Streampixel', submitBuild.function.functionName);
    output(OUTPUTS.ledgerTableName, 'The state and history of each build', environment.ledgerTable);
    output(OUTPUTS.alertTopicArn, 'Where alerts and alarms are sent', environment.alertTopicArn);
    output(OUTPUTS.webhookUrl, 'Where webhooks are sent, followed by /<projectId>/<token>', this.webhookUrl);
    output(OUTPUTS.followQueueUrl, 'What is to be done for builds at Streampixel', environment.followQueueUrl);
    output(
      OUTPUTS.pushPolicyArn,
      'For the roles of build machines: push builds and follow them',
      pushPolicy.managedPolicyArn,
    );
    if (githubRole !== undefined)
      output(OUTPUTS.githubRoleArn, 'For GitHub Actions: role-to-assume', githubRole.roleArn);
    output(
      OUTPUTS.rateLimit,
      "Who keeps to Streampixel's rate limit",
      rateLimitText(existing.ledgerTable !== undefined, environment.ledgerTable),
    );
    for (const [id, value] of Object.entries(writeDeployedSettings(deployedSettings(settings)))) {
      output(id, "For the operator's tool", value);
    }
    if (settings.rehearsal) {
      const { deployed } = new Rehearsal(this, 'ForRehearsal', settings, bucket, topic);
      output(OUTPUTS.rehearsal, 'For the command rehearse', JSON.stringify(deployed));
      output(OUTPUTS.rehearse, 'Tries the whole path, and prints a report', commands.rehearse());
    } else {
      outputNextSteps(outputs, resources, this.webhookUrl);
      this.warn(settings, props);
    }
    limitOutputs(this);
  }

  /** What printed commands act on. */
  private commandTarget(): CommandTarget {
    const local: unknown = this.node.tryGetContext(LOCAL_PORT_CONTEXT);
    if (typeof local === 'number') return { local };
    const prefix = outputPrefix(this);
    const { stackName: stack, region } = deployedStack(this);
    return prefix === '' ? { stack, region } : { stack, region, drop: prefix };
  }

  /** The drops of the app that were made before. */
  private others(): readonly StreampixelDrop[] {
    return this.node.root.node
      .findAll()
      .filter((each): each is StreampixelDrop => each instanceof StreampixelDrop && each !== this);
  }

  /** What AWS would refuse after minutes of deployment, or take to the wrong drop. */
  private collisionsWith(other: StreampixelDrop, bucket: IBucket | undefined): readonly string[] {
    const [own, its] = [Stack.of(this), Stack.of(other)];
    const path = other.node.path;
    // Stacks whose account and region are not known yet may be for different ones, unless they are deployed together.
    const isSame = (part: 'account' | 'region') =>
      own[part] === its[part] && (!Token.isUnresolved(own[part]) || Stage.of(this) === Stage.of(other));
    const together = isSame('account') && isSame('region');
    // A reference means the same within a stack only; the name itself is one bucket everywhere.
    const nameOf = ({ bucketName }: IBucket) =>
      own === its || !Token.isUnresolved(bucketName) ? JSON.stringify(own.resolve(bucketName)) : undefined;
    const isSameBucket =
      bucket !== undefined &&
      (bucket === other.bucket || (nameOf(bucket) !== undefined && nameOf(bucket) === nameOf(other.bucket)));
    const prefix = outputPrefix(this);
    return [
      ...(deployedStack(this) === deployedStack(other) && prefix === outputPrefix(other)
        ? [`id: the outputs of ${path} have the same ids, which start with "${prefix}". Give one of the two another id`]
        : []),
      // The bucket's name has small letters only.
      ...(together && other.dropName?.toLowerCase() === this.dropName.toLowerCase()
        ? [
            `name: ${this.dropName} is the name of ${path} too, and queues, bucket and alarms would collide. Give each a name of its own`,
          ]
        : []),
      ...(this.createsProvider && other.createsProvider && isSame('account')
        ? [`githubProvider: ${path} creates it in this account, which can have one only. Set it to existing here`]
        : []),
      ...(isSameBucket && (this.prefix.startsWith(other.prefix) || other.prefix.startsWith(this.prefix))
        ? [
            `prefix: ${path} watches keys under "${other.prefix}" of the same bucket, this one under "${this.prefix}", and each build goes to ` +
              'one drop only. Give each a prefix that does not start with the other',
          ]
        : []),
    ];
  }

  private warn(settings: Settings, { alertTopic }: StreampixelDropProps): void {
    const warn = (id: string, text: string) => Annotations.of(this).addWarningV2(`streampixel-drop:${id}`, text);
    if (settings.delivery === 's3' && settings.fileUrlLifetimeSeconds >= OBSERVED_SESSION_HOURS * 3600) {
      warn(
        'file-url-lifetime',
        `fileUrlLifetimeSeconds: no session of a function's role has been seen to last longer than ${OBSERVED_SESSION_HOURS} hours, ` +
          'and a URL expires with the session that signed it. Sign for less, or set delivery to cloudfront',
      );
    }
    if (settings.alertEmails.length === 0 && alertTopic === undefined) {
      warn(
        'no-alert-emails',
        'alertEmails is empty: no one is notified of builds that fail. Add an address, or subscribe to the topic yourself',
      );
    }
  }

  /**
   * A metric of this drop.
   *
   * @param props such as statistic and period; metrics by outcome, reason or status take those in `dimensionsMap`
   */
  metric(name: MetricName, props: MetricOptions = {}): Metric {
    return dropMetric(this.dropName, name, props);
  }

  /** Builds in the dead-letter queue: the most. */
  metricDeadLetters(props?: MetricOptions): Metric {
    return this.deadLetterQueue.metricApproximateNumberOfMessagesVisible({ statistic: Stats.MAXIMUM, ...props });
  }

  /** Age of the oldest dead letter, in seconds. SQS deletes it after 14 days. */
  metricOldestDeadLetterAge(props?: MetricOptions): Metric {
    return this.metric('OldestDeadLetterAge', { statistic: Stats.MAXIMUM, ...props });
  }

  /** Since the drop of the oldest build that still waits, in seconds. */
  metricWaitingAge(props?: MetricOptions): Metric {
    return this.metric('WaitingAge', { statistic: Stats.MAXIMUM, ...props });
  }

  /** Until the slot of the newest build that waits for one, in seconds. */
  metricSlotWait(props?: MetricOptions): Metric {
    return this.metric('SlotWait', { statistic: Stats.MAXIMUM, ...props });
  }

  /** Builds that Streampixel accepted: their number. */
  metricSubmitted(props?: MetricOptions): Metric {
    const outcome: Outcome['kind'] = 'submitted';
    return this.metric('Builds', { statistic: Stats.SUM, ...props, dimensionsMap: { Outcome: outcome } });
  }

  /** Submitted builds by what became of them: their number. */
  metricFollowed(outcome: FollowedOutcome, props?: MetricOptions): Metric {
    return this.metric('BuildsFollowed', { statistic: Stats.SUM, ...props, dimensionsMap: { Outcome: outcome } });
  }

  /** From the submission to Streampixel's approval, in seconds: the slowest. */
  metricTimeToApproved(props?: MetricOptions): Metric {
    return this.metric('TimeToApproved', { statistic: Stats.MAXIMUM, ...props });
  }

  /** API keys that Streampixel rejected: their number. */
  metricApiKeysRejected(props?: MetricOptions): Metric {
    return this.metric('ApiKeysRejected', { statistic: Stats.SUM, ...props });
  }

  /** Submissions that got no answer: their number. */
  metricAnswersLost(props?: MetricOptions): Metric {
    return this.metric('AnswersLost', { statistic: Stats.SUM, ...props });
  }
}

/** What becomes of a submitted build, as the metric `BuildsFollowed` counts it. */
export type FollowedOutcome = 'approved' | 'rejected' | 'late' | 'stuck' | 'released' | 'release-failed';

function outputNextSteps(outputs: DropOutputs, { bucket, commands, settings }: Resources, webhookUrl: string): void {
  const keys = apiKeyParameters(settings.routes);
  keys.slice(0, LISTED_OUTPUTS).forEach((name, index) => {
    outputs.add(
      numbered(OUTPUTS.storeApiKey, index),
      'First: asks for the API key and stores it; the key is in no history and no process list',
      commands.storeKey(name),
    );
  });
  if (keys.length > LISTED_OUTPUTS) {
    const text = `${keys.length} API keys in all: says which are stored, and how to store each of the others`;
    outputs.add(OUTPUTS.moreApiKeys, text, commands.checkKeys());
  }
  outputs.add(
    OUTPUTS.setUpWebhooks,
    'Then: makes the token of the webhooks if there is none, and prints the address of each project',
    commands.webhook(),
  );
  const projectIds = [...new Set(settings.routes.map(({ projectId }) => projectId))];
  projectIds.slice(0, LISTED_OUTPUTS).forEach((projectId, index) => {
    outputs.add(
      numbered(OUTPUTS.webhookOfProject, index),
      `Streampixel dashboard, project ${projectId}, Project Settings: this as the webhook URL, with the token for TOKEN; tick ` +
        'every event, save, press Test Webhook',
      `${webhookUrl}/${projectId}/TOKEN`,
    );
  });
  if (projectIds.length > LISTED_OUTPUTS) {
    const text = `${projectIds.length} projects in all: prints the address of each, and whether its dashboard has it`;
    outputs.add(OUTPUTS.moreWebhooks, text, commands.webhook());
  }
  const prefix = settings.routes[0]?.prefix ?? '';
  outputs.add(
    OUTPUTS.dropABuild,
    'Then: drops a build',
    `aws s3 cp MyGame.zip "s3://${bucket.bucketName}/${prefix}MyGame.zip"`,
  );
  outputs.add(
    OUTPUTS.afterRouteChange,
    'After a change of routes: says which builds are still under way for a project that no route has any more',
    commands.doctor(),
  );
}

/** A drop does not know of others, so each says which uploads it counts. */
function rateLimitText(isShared: boolean, table: string): string {
  const others = 'What others upload as the same user is not counted, and Streampixel answers 429.';
  return isShared
    ? `Shared by all stacks on the ledger ${table}. ${others}`
    : `Not shared. ${others} Other stacks share it if they are deployed with -c ledgerTableName=${table} (prop of StreampixelDrop: ledgerTable)`;
}
