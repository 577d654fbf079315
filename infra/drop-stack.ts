import { Annotations, CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { type CommandTarget, operatorCommands } from '../functions/domain/notify/operator-commands.ts';
import { Alarms } from './alarms.ts';
import { AlertTopic } from './alert-topic.ts';
import { apiKeyParameters } from './api-key-parameters.ts';
import { BuildsQueue } from './builds-queue.ts';
import { OverviewDashboard } from './dashboard.ts';
import { Delivery } from './delivery.ts';
import { DropBucket } from './drop-bucket.ts';
import { environmentValues, fileUrlsValue } from './environment.ts';
import { FOLLOW_BUILDS_TIMEOUT, FollowBuildsFunction } from './follow-builds-function.ts';
import { FollowQueue } from './follow-queue.ts';
import { LedgerTable } from './ledger-table.ts';
import { OBSERVED_SESSION_HOURS } from './limits.ts';
import { deployedSettings, OUTPUTS } from './outputs.ts';
import { ReceiveWebhookFunction } from './receive-webhook-function.ts';
import { RedriveBuildsFunction } from './redrive-builds-function.ts';
import { RemindOfDeadLettersFunction } from './remind-of-dead-letters-function.ts';
import type { Resources } from './resources.ts';
import { sampleIds } from './settings/checks.ts';
import type { Settings } from './settings/schema.ts';
import { SUBMIT_BUILD_TIMEOUT, SubmitBuildFunction } from './submit-build-function.ts';

/**
 * Drop bucket -> builds queue -> submit-build -> Streampixel -> receive-webhook -> follow queue -> follow-builds, with ledger, dead
 * letters and alarms. Any account, any region.
 */
export class DropStack extends Stack {
  /** @param localPort of the emulator that the stack is for; the commands that are printed act on AWS without it */
  constructor(scope: Construct, settings: Settings, localPort?: number) {
    super(scope, settings.stackName, {
      description: 'streampixel-drop: takes Unreal Engine builds from S3 to Streampixel',
    });
    const target: CommandTarget =
      localPort === undefined ? { stack: settings.stackName, region: this.region } : { local: localPort };
    const commands = operatorCommands(target);
    const buildsQueue = new BuildsQueue(this, 'BuildsQueue', SUBMIT_BUILD_TIMEOUT);
    const bucket = new DropBucket(this, 'DropBucket', settings, buildsQueue);
    const delivery =
      settings.deliveryPublicKeys.length === 0 ? undefined : new Delivery(this, 'Delivery', settings, bucket);
    const ledger = new LedgerTable(this, 'Ledger', settings);
    const { topic } = new AlertTopic(this, 'Alerts', settings.alertEmails);
    const followQueue = new FollowQueue(this, 'FollowQueue', FOLLOW_BUILDS_TIMEOUT, bucket.bucketName, settings.prefix);
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
    const functions = { submitBuild, receiveWebhook, followBuilds, redriveBuilds, reminder };
    const watched = { ...resources, functions };
    const alarms = new Alarms(this, 'Alarms', watched);
    if (settings.dashboard) new OverviewDashboard(this, 'Overview', watched, alarms);

    const webhookUrl = receiveWebhook.api.apiEndpoint;
    this.output(OUTPUTS.dropBucketName, 'Where builds are dropped', bucket.bucketName);
    this.output(OUTPUTS.buildsQueueUrl, 'Builds that wait for their slot', environment.buildsQueueUrl);
    this.output(OUTPUTS.deadLetterQueueUrl, 'Builds that failed, each with its reason', environment.deadLetterQueueUrl);
    this.output(OUTPUTS.submitBuildFunctionName, 'Takes builds to Streampixel', submitBuild.function.functionName);
    this.output(OUTPUTS.ledgerTableName, 'The state and history of each build', environment.ledgerTable);
    this.output(OUTPUTS.alertTopicArn, 'Where alerts and alarms are sent', environment.alertTopicArn);
    this.output(OUTPUTS.webhookUrl, 'Where webhooks are sent, followed by /<projectId>/<token>', webhookUrl);
    this.output(OUTPUTS.followQueueUrl, 'What is to be done for builds at Streampixel', environment.followQueueUrl);
    this.output(
      OUTPUTS.rateLimit,
      "Who keeps to Streampixel's rate limit",
      rateLimitText(settings, environment.ledgerTable),
    );
    this.output(OUTPUTS.settings, "For the operator's tool", JSON.stringify(deployedSettings(settings)));
    this.outputNextSteps(resources, webhookUrl);
    this.warn(settings);
  }

  private output(id: string, description: string, value: string): void {
    new CfnOutput(this, id, { description, value });
  }

  private outputNextSteps({ bucket, commands, settings }: Resources, webhookUrl: string): void {
    apiKeyParameters(settings.routes).forEach((name, index) => {
      this.output(
        numbered(OUTPUTS.storeApiKey, index),
        'First: asks for the API key and stores it; the key is in no history and no process list',
        commands.storeKey(name),
      );
    });
    this.output(
      OUTPUTS.setUpWebhooks,
      'Then: makes the token of the webhooks if there is none, and prints the address of each project',
      commands.webhook(),
    );
    const projectIds = [...new Set(settings.routes.map(({ projectId }) => projectId))];
    projectIds.forEach((projectId, index) => {
      this.output(
        numbered(OUTPUTS.webhookOfProject, index),
        `Streampixel dashboard, project ${projectId}, Project Settings: this as the webhook URL, with the token for TOKEN; tick ` +
          'every event, save, press Test Webhook',
        `${webhookUrl}/${projectId}/TOKEN`,
      );
    });
    const prefix = settings.routes[0]?.prefix ?? '';
    this.output(
      OUTPUTS.dropABuild,
      'Then: drops a build',
      `aws s3 cp MyGame.zip "s3://${bucket.bucketName}/${prefix}MyGame.zip"`,
    );
    this.output(
      OUTPUTS.afterRouteChange,
      'After a change of routes: says which builds are still under way for a project that no route has any more',
      commands.doctor(),
    );
  }

  private warn(settings: Settings): void {
    const warn = (id: string, text: string) => Annotations.of(this).addWarningV2(`streampixel-drop:${id}`, text);
    const samples = sampleIds(settings);
    if (samples.length > 0) {
      warn(
        'sample-ids',
        `${samples.join(' and ')}: still the sample that comes with the project. Make settings of your own before you deploy: ` +
          operatorCommands({}).init(),
      );
    }
    if (settings.delivery === 's3' && settings.fileUrlLifetimeSeconds >= OBSERVED_SESSION_HOURS * 3600) {
      warn(
        'file-url-lifetime',
        `fileUrlLifetimeSeconds: no session of a function's role has been seen to last longer than ${OBSERVED_SESSION_HOURS} hours, ` +
          'and a URL expires with the session that signed it. Sign for less, or set delivery to cloudfront',
      );
    }
    if (settings.alertEmails.length === 0) {
      warn(
        'no-alert-emails',
        'alertEmails is empty: no one is notified of builds that fail. Add an address, or subscribe to the topic yourself',
      );
    }
  }
}

/** A stack does not know of others, so each says which uploads it counts. */
function rateLimitText({ ledgerTableName }: Settings, table: string): string {
  const others = 'What others upload as the same user is not counted, and Streampixel answers 429.';
  return ledgerTableName === undefined
    ? `Not shared. ${others} Other stacks share it if they are deployed with -c ledgerTableName=${table}`
    : `Shared by all stacks on the ledger ${table}. ${others}`;
}

/** The first output has the plain id, then `StoreApiKey2`, `StoreApiKey3`, ... */
function numbered(id: string, index: number): string {
  return index === 0 ? id : `${id}${index + 1}`;
}
