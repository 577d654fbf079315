import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import type { CloudFormationCustomResourceEvent } from 'aws-lambda';
import { answerCloudFormation, type CustomResourceResult, NOT_ANSWERED } from '../cloudformation-answer.ts';
import * as compose from '../composition.ts';
import { describeError } from '../domain/model/redaction.ts';
import { lambdaHandler } from '../lambda-handler.ts';
import { announceBuilds, type BucketNotification, stopAnnouncing } from './bucket-notification.ts';

type Event = CloudFormationCustomResourceEvent<BucketNotification & { readonly ServiceToken: string }>;

const settings = compose.clientSettings();
const s3 = compose.createS3Client(settings);
const cloudFormation = new CloudFormationClient(settings);
const log = compose.log;

/**
 * Runs at deployments: CloudFormation creates, changes and deletes the bucket's notification by it. A notification in the bucket's
 * own properties would stay with a bucket that outlives its stack, and keep the next stack from announcing its builds.
 */
export const handler = lambdaHandler<Event, void>(log, NOT_ANSWERED, async (event) => {
  const { RequestType, ResourceProperties } = event;
  const { BucketName: bucket, QueueArn: queue } = ResourceProperties;
  const facts = { operation: RequestType, bucket, queue };
  // With another id after an update, CloudFormation deletes the former one at its end: the notification of another bucket.
  const created = { PhysicalResourceId: RequestType === 'Delete' ? event.PhysicalResourceId : bucket };
  let result: CustomResourceResult = { Status: 'SUCCESS', ...created };
  try {
    if (RequestType !== 'Delete') await announceBuilds(s3, ResourceProperties);
    else if (await isToBeRemoved(event)) await stopAnnouncing(s3, ResourceProperties);
    log.info('notification-changed', facts);
  } catch (error) {
    const former = { PhysicalResourceId: RequestType === 'Create' ? NOT_CREATED : event.PhysicalResourceId };
    result = { Status: 'FAILED', Reason: describeError(error), ...former };
    log.error('notification-not-changed', { ...facts, error: result.Reason });
  }
  await answerCloudFormation(event, result);
});

/** CloudFormation deletes even what it could not create. Where S3 refused, that would fail as well and stop the rollback. */
const NOT_CREATED = 'not-created';

/** Not where an update is rolled back: the former template has the bucket announce builds to the same queue, in its own way. */
async function isToBeRemoved({
  PhysicalResourceId,
  StackId,
}: Extract<Event, { RequestType: 'Delete' }>): Promise<boolean> {
  if (PhysicalResourceId === NOT_CREATED) return false;
  const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: StackId }));
  return Stacks?.[0]?.StackStatus?.startsWith('UPDATE_ROLLBACK') !== true;
}
