import { Aws } from 'aws-cdk-lib';

/** The ARN of a resource in the stack's account and region. */
export function arn(service: string, resource: string): string {
  return `arn:${Aws.PARTITION}:${service}:${Aws.REGION}:${Aws.ACCOUNT_ID}:${resource}`;
}
