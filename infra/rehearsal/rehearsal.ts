import { CustomResource, Duration } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { RehearsalLeftovers } from '../../functions/remove-rehearsal/remove-rehearsal.ts';
import { arn } from '../access/arn.ts';
import { acknowledge } from '../acknowledge.ts';
import { WorkerFunction } from '../lambda/worker-function.ts';
import type { DeployedRehearsal } from '../outputs/outputs.ts';
import { rehearsalParameters } from '../settings/rehearsal.ts';
import type { Settings } from '../settings/schema.ts';
import type { DropBucket } from '../storage/drop-bucket.ts';
import { standInParameter } from './streampixel-stand-in-function.ts';

/** What a stack has because it is a rehearsal, beside the stand-in: a queue that gets the alerts, and the removal of all that is left. */
export class Rehearsal extends Construct {
  /** For the operator's tool. */
  readonly deployed: DeployedRehearsal;

  constructor(scope: Construct, id: string, settings: Settings, bucket: DropBucket, topic: ITopic) {
    super(scope, id);
    const alerts = new Queue(this, 'Alerts', {
      queueName: `${settings.stackName}-alerts`,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(1),
    });
    acknowledge(
      alerts,
      'AwsSolutions-SQS3',
      'No function consumes it: the command rehearse reads it and shows the alerts in its report.',
    );
    topic.addSubscription(new SqsSubscription(alerts));
    this.deployed = { standInParameter: standInParameter(settings), alertsQueueUrl: alerts.queueUrl };

    const path = rehearsalParameters(settings);
    const why = 'The people and the tool of the rehearsal choose the names; all of them are to be deleted.';
    const remove = new WorkerFunction(this, 'Remove', {
      settings,
      name: 'remove-rehearsal',
      description: 'Runs when the stack is deleted: empties the bucket, and deletes the parameters of the rehearsal',
      timeout: Duration.minutes(10),
      memorySize: 256,
      environment: {},
      traced: false,
      permissions: [
        { sid: 'ListBuilds', actions: ['s3:ListBucketVersions'], resources: [bucket.bucketArn] },
        {
          sid: 'DeleteBuilds',
          actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
          resources: [`${bucket.bucketArn}/*`],
          why,
        },
        { sid: 'ListParameters', actions: ['ssm:GetParametersByPath'], resources: [arn('ssm', `parameter${path}`)] },
        {
          sid: 'DeleteParameters',
          actions: ['ssm:DeleteParameters', 'ssm:GetParametersByPath'],
          resources: [arn('ssm', `parameter${path}/*`)],
          why,
        },
      ],
    });
    const properties: RehearsalLeftovers = { BucketName: bucket.bucketName, ParameterPath: path };
    const leftovers = new CustomResource(this, 'Leftovers', {
      resourceType: 'Custom::RehearsalLeftovers',
      serviceToken: remove.function.functionArn,
      serviceTimeout: Duration.minutes(15),
      properties,
    });
    // It is deleted before what it depends on: S3 deletes no bucket that holds objects.
    leftovers.node.addDependency(bucket);
  }
}
