import { App, Duration, Stack, Stage, Validations } from 'aws-cdk-lib';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Construct } from 'constructs';
import { StreampixelDrop, type StreampixelRoute } from 'streampixel-drop';

/** From the Streampixel dashboard: account menu > Copy User ID. */
const USER = '5f0000000000000000000001';

const route = (prefix: string, projectId: string, release: 'manual' | 'on-approval'): StreampixelRoute => ({
  prefix,
  userId: USER,
  projectId,
  autoRelease: false,
  release,
  apiKeyParameter: '/studio/streampixel/api-key',
});

/** What the studio has already, and two drops that use it. */
class StudioStack extends Stack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    const bucket = new Bucket(this, 'Zips', {
      // Each drop is a version: the one that was announced is submitted, even if another is dropped over it meanwhile.
      versioned: true,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions::AwsSolutions-S1',
      reason: 'An access log would record the signatures of presigned URLs.',
    });
    const alertTopic = new Topic(this, 'BuildAlerts', { enforceSSL: true });
    alertTopic.addSubscription(new EmailSubscription('builds@studio.example'));

    const game = new StreampixelDrop(this, 'Game', {
      bucket,
      alertTopic,
      prefix: 'game/',
      routes: [route('game/', '5f0000000000000000000002', 'manual')],
    });
    new StreampixelDrop(this, 'Demo', {
      bucket,
      alertTopic,
      prefix: 'demo/',
      routes: [route('demo/', '5f0000000000000000000003', 'on-approval')],
      // It uploads as the same user: with one ledger the two keep to Streampixel's rate limit together.
      ledgerTable: game.ledger,
      dashboard: false,
    });

    game
      .metricFollowed('rejected', { period: Duration.hours(1) })
      .createAlarm(this, 'GameRejected', { threshold: 3, evaluationPeriods: 1 })
      .addAlarmAction(new SnsAction(alertTopic));
  }
}

const app = new App();
for (const id of ['Staging', 'Production']) new StudioStack(new Stage(app, id), 'Builds');
// As the studio checks everything else.
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
