import { Annotations, CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { WEBHOOK_COMMAND } from '../functions/domain/notify/operator-commands.ts';
import { Alarms } from './alarms.ts';
import { AlertTopic } from './alert-topic.ts';
import { BuildsQueue } from './builds-queue.ts';
import { OverviewDashboard } from './dashboard.ts';
import { DropBucket } from './drop-bucket.ts';
import { environmentValues } from './environment.ts';
import { FOLLOW_BUILDS_TIMEOUT, FollowBuildsFunction } from './follow-builds-function.ts';
import { FollowQueue } from './follow-queue.ts';
import { LedgerTable } from './ledger-table.ts';
import { OBSERVED_SESSION_HOURS } from './limits.ts';
import { deployedSettings, OUTPUTS } from './outputs.ts';
import { apiKeyParameters } from './permissions.ts';
import { ReceiveWebhookFunction } from './receive-webhook-function.ts';
import { RedriveBuildsFunction } from './redrive-builds-function.ts';
import { RemindOfDeadLettersFunction } from './remind-of-dead-letters-function.ts';
import { sampleIds } from './settings/checks.ts';
import type { Settings } from './settings/schema.ts';
import { SUBMIT_BUILD_TIMEOUT, SubmitBuildFunction } from './submit-build-function.ts';

/**
 * Drop bucket -> builds queue -> submit-build -> Streampixel -> receive-webhook -> follow queue -> follow-builds, with ledger, dead
 * letters and alarms. Any account, any region.
 */
export class DropStack extends Stack {
  constructor(scope: Construct, settings: Settings) {
    super(scope, settings.stackName, {
      description: 'streampixel-drop: takes Unreal Engine builds from S3 to Streampixel',
    });
    const buildsQueue = new BuildsQueue(this, 'BuildsQueue', { consumerTimeout: SUBMIT_BUILD_TIMEOUT });
    const bucket = new DropBucket(this, 'DropBucket', {
      prefix: settings.prefix,
      existingBucketName: settings.bucketName,
      buildsQueue,
    });
    const ledger = new LedgerTable(this, 'Ledger');
    const { topic } = new AlertTopic(this, 'Alerts', { emails: settings.alertEmails });
    const followQueue = new FollowQueue(this, 'FollowQueue', {
      consumerTimeout: FOLLOW_BUILDS_TIMEOUT,
      bucketName: bucket.bucketName,
    });
    const environment = environmentValues(settings, {
      buildsQueueUrl: buildsQueue.queue.queueUrl,
      deadLetterQueueUrl: buildsQueue.deadLetterQueue.queueUrl,
      followQueueUrl: followQueue.queue.queueUrl,
      ledgerTable: ledger.table.tableName,
      alertTopicArn: topic.topicArn,
    });
    const resources = { settings, environment, bucket, buildsQueue, followQueue, ledger, topic };
    const submitBuild = new SubmitBuildFunction(this, 'SubmitBuild', resources);
    const redriveBuilds = new RedriveBuildsFunction(this, 'RedriveBuilds', resources);
    const reminder = new RemindOfDeadLettersFunction(this, 'RemindOfDeadLetters', resources);
    const receiveWebhook = new ReceiveWebhookFunction(this, 'ReceiveWebhook', resources);
    const followBuilds = new FollowBuildsFunction(this, 'FollowBuilds', resources);
    const dashboardName = settings.dashboard ? settings.stackName : undefined;
    const functions = { submitBuild, receiveWebhook, followBuilds, redriveBuilds, reminder };
    const watched = { settings, topic, buildsQueue, followQueue, functions, dashboardName };
    const alarms = new Alarms(this, 'Alarms', watched);
    if (dashboardName !== undefined) {
      const drawn = { settings, name: dashboardName, buildsQueue, followQueue, functions, alarms };
      new OverviewDashboard(this, 'Overview', drawn);
    }

    this.output(OUTPUTS.dropBucketName, 'Where builds are dropped', bucket.bucketName);
    this.output(OUTPUTS.buildsQueueUrl, 'Builds that wait for their turn', buildsQueue.queue.queueUrl);
    this.output(
      OUTPUTS.deadLetterQueueUrl,
      'Builds that failed, each with its reason',
      buildsQueue.deadLetterQueue.queueUrl,
    );
    this.output(OUTPUTS.submitBuildFunctionName, 'Takes builds to Streampixel', submitBuild.function.functionName);
    this.output(OUTPUTS.ledgerTableName, 'What became of each build', ledger.table.tableName);
    this.output(OUTPUTS.alertTopicArn, 'Where alarms speak', topic.topicArn);
    this.output(
      OUTPUTS.webhookUrl,
      'Where webhooks go, with /<projectId>/<token> behind',
      receiveWebhook.api.apiEndpoint,
    );
    this.output(OUTPUTS.followQueueUrl, 'What is to be done for builds at Streampixel', followQueue.queue.queueUrl);
    this.outputSettings(settings);
    this.outputNextSteps(settings, bucket, receiveWebhook.api.apiEndpoint);
    this.warn(settings);
  }

  private output(id: string, description: string, value: string): void {
    new CfnOutput(this, id, { description, value });
  }

  private outputSettings(settings: Settings): void {
    this.output(OUTPUTS.settings, "For the operator's tool", JSON.stringify(deployedSettings(settings)));
  }

  private outputNextSteps(settings: Settings, bucket: DropBucket, webhookUrl: string): void {
    apiKeyParameters(settings).forEach((name, index) => {
      this.output(
        index === 0 ? OUTPUTS.storeApiKey : `${OUTPUTS.storeApiKey}${index + 1}`,
        'First: stores the API key. Run it, paste the key, press Enter; the key is in no history and no process list',
        `read -rs KEY && printf %s "$KEY" | aws ssm put-parameter --region ${this.region} --name ${name} ` +
          '--type SecureString --overwrite --value file:///dev/stdin; unset KEY',
      );
    });
    this.output(
      OUTPUTS.setUpWebhooks,
      'Then: makes the token of the webhooks if there is none, and prints the address of each project',
      WEBHOOK_COMMAND,
    );
    const projectIds = [...new Set(settings.routes.map(({ projectId }) => projectId))];
    projectIds.forEach((projectId, index) => {
      this.output(
        index === 0 ? OUTPUTS.webhookOfProject : `${OUTPUTS.webhookOfProject}${index + 1}`,
        `Streampixel dashboard, project ${projectId}, Project Settings: this as the webhook URL, with the token for TOKEN; tick ` +
          'every event, save, press Test Webhook',
        `${webhookUrl}/${projectId}/TOKEN`,
      );
    });
    const prefix = settings.routes[0]?.prefix ?? '';
    this.output(
      OUTPUTS.dropABuild,
      'Then: drops a build',
      `aws s3 cp MyGame.zip 's3://${bucket.bucketName}/${prefix}MyGame.zip'`,
    );
  }

  private warn(settings: Settings): void {
    const samples = sampleIds(settings);
    if (samples.length > 0) {
      Annotations.of(this).addWarningV2(
        'streampixel-drop:sample-ids',
        `${samples.join(' and ')}: still the sample that comes with the project. Put your own ids into cdk.json before you deploy`,
      );
    }
    if (settings.fileUrlLifetimeSeconds >= OBSERVED_SESSION_HOURS * 3600) {
      Annotations.of(this).addWarningV2(
        'streampixel-drop:file-url-lifetime',
        `fileUrlLifetimeSeconds: the session of a function's role has not been seen to last longer than ${OBSERVED_SESSION_HOURS} ` +
          'hours, and a URL dies with the session that signed it. Sign for less',
      );
    }
    if (settings.alertEmails.length === 0) {
      Annotations.of(this).addWarningV2(
        'streampixel-drop:nobody-alerted',
        'alertEmails is empty: nobody will hear of builds that fail. Name somebody, or subscribe to the topic yourself',
      );
    }
  }
}
