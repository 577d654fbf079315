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
  acknowledge(role, `AwsSolutions-IAM5[Resource::${flattened(cdk.Stack.of(role).resolve(resource))}]`, reason);
}

/** How cdk-nag spells a reference in the name of a finding: `<LogicalId.Arn>`. */
function flattened(value: string | Readonly<Record<string, unknown>>): string {
  if (typeof value === 'string') return value;
  const [[name, of] = ['']] = Object.entries(value) as [string, never][];
  switch (name) {
    case 'Fn::Join': {
      const [delimiter, items]: [string, (typeof value)[]] = of as never;
      return items.map(flattened).join(delimiter);
    }
    case 'Fn::GetAtt':
      return `<${(of as unknown as string[]).join('.')}>`;
    case 'Ref':
      return `<${of}>`;
    default:
      return JSON.stringify(value);
  }
}
