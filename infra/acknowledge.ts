import { Stack, Validations } from 'aws-cdk-lib';
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference.js';
import type { IConstruct } from 'constructs';

/**
 * Tells cdk-nag why one resource of a policy is a wildcard. Other wildcards of the same role stay findings.
 *
 * @param resource the ARN as the statement has it, tokens included
 */
export function acknowledgeWildcard(scope: IConstruct, resource: string, reason: string): void {
  // cdk-nag names the finding after the resource, with tokens flattened in its own way.
  const flat = flattenCfnReference(Stack.of(scope).resolve(resource));
  Validations.of(scope).acknowledge({ id: `AwsSolutions::AwsSolutions-IAM5[Resource::${flat}]`, reason });
}
