import type { CloudFormationCustomResourceEvent } from 'aws-lambda';
import type { Failure } from './lambda-handler.ts';

/** CloudFormation's answer from a custom resource. */
export interface CustomResourceResult {
  readonly Status: 'SUCCESS' | 'FAILED';
  /** Shown with the resource in the stack's events. */
  readonly Reason?: string;
  readonly PhysicalResourceId: string;
}

/** Where the answer does not reach CloudFormation. Lambda tries twice more. */
export const NOT_ANSWERED: Failure = {
  event: 'deployment-not-answered',
  message: 'CloudFormation got no answer; the log has the cause.',
};

/** @throws Error where CloudFormation's address does not take it */
export async function answerCloudFormation(
  { LogicalResourceId, RequestId, ResponseURL, StackId }: CloudFormationCustomResourceEvent,
  result: CustomResourceResult,
): Promise<void> {
  const body = JSON.stringify({ ...result, LogicalResourceId, RequestId, StackId });
  // As bytes: of a text `fetch` says its type, which CloudFormation's signature does not allow.
  const answer = await fetch(ResponseURL, { method: 'PUT', body: Buffer.from(body), redirect: 'error' });
  if (!answer.ok) throw new Error(`CloudFormation's address answered ${answer.status}.`);
}
