import * as cdk from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/**
 * Gives cdk-nag the reason why what it finds of a construct is meant. Without cdk-nag, which users need not have; a CDK that knows
 * no acknowledgements keeps the finding.
 */
export function acknowledge(construct: IConstruct, rule: string, reason: string): void {
  // By the namespace: an import of a name that the user's version lacks fails at once.
  const { Validations } = cdk as Partial<typeof cdk>;
  Validations?.of(construct).acknowledge({ id: `AwsSolutions::${rule}`, reason });
}

/** The same for a resource of a policy that is a wildcard. Other wildcards of the same role stay findings. */
export function acknowledgeWildcard(role: IConstruct, resource: string, reason: string): void {
  // The finding names the resource as the template does. What comes from another stack has its name there only once CDK has connected
  // the stacks, which it has when it asks constructs whether they are valid.
  role.node.addValidation({
    validate: () => {
      acknowledge(role, `AwsSolutions-IAM5[Resource::${flattened(cdk.Stack.of(role).resolve(resource))}]`, reason);
      return [];
    },
  });
}

/**
 * How cdk-nag spells a reference in the name of a finding, such as `<LogicalId.Arn>`.
 *
 * Source: its `flattenCfnReference`.
 */
function flattened(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[name, of] = []] = Object.entries(value as object);
  switch (name) {
    case 'Fn::Join':
      return of[1].map(flattened).join(of[0]);
    case 'Fn::GetAtt':
      return `<${of.map(flattened).join('.')}>`;
    case 'Fn::ImportValue':
      return flattened(of);
    case 'Ref':
      return `<${of}>`;
    default:
      return JSON.stringify(value);
  }
}
