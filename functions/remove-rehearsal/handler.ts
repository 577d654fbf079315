import { SSMClient } from '@aws-sdk/client-ssm';
import type { CloudFormationCustomResourceEvent } from 'aws-lambda';
import { answerCloudFormation, type CustomResourceResult, NOT_ANSWERED } from '../cloudformation-answer.ts';
import * as compose from '../composition.ts';
import { describeError } from '../domain/model/redaction.ts';
import { lambdaHandler } from '../lambda-handler.ts';
import { deleteParameters, emptyBucket, type RehearsalLeftovers } from './remove-rehearsal.ts';

type Event = CloudFormationCustomResourceEvent<RehearsalLeftovers & { readonly ServiceToken: string }>;

const settings = compose.clientSettings();
const s3 = compose.createS3Client(settings);
const ssm = new SSMClient(settings);
const log = compose.log;

/** Runs when the stack of a rehearsal is deleted: CloudFormation deletes no bucket that holds objects, and no parameter of the tool. */
export const handler = lambdaHandler<Event, void>(log, NOT_ANSWERED, async (event) => {
  const { BucketName: bucket, ParameterPath: parameters } = event.ResourceProperties;
  const PhysicalResourceId = event.RequestType === 'Create' ? bucket : event.PhysicalResourceId;
  let result: CustomResourceResult = { Status: 'SUCCESS', PhysicalResourceId };
  try {
    if (event.RequestType === 'Delete') {
      const counts = { objects: await emptyBucket(s3, bucket), parameters: await deleteParameters(ssm, parameters) };
      log.info('rehearsal-removed', { bucket, ...counts });
    }
  } catch (error) {
    result = { Status: 'FAILED', Reason: describeError(error), PhysicalResourceId };
    log.error('rehearsal-not-removed', { bucket, error: result.Reason });
  }
  await answerCloudFormation(event, result);
});
