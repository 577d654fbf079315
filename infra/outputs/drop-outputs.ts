import { CfnOutput } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { deployedStack, outputPrefix } from '../drop-names.ts';

/** The outputs of one drop, in the stack that is deployed: the operator's tool finds the drop by them. */
export class DropOutputs {
  private readonly scope: Construct;
  private readonly prefix: string;

  constructor(drop: Construct) {
    this.prefix = outputPrefix(drop);
    const stack = deployedStack(drop);
    // A nested stack's own outputs can be seen only by whom CloudFormation gives its made-up name.
    const isNested = drop.node.scopes.some(
      (scope) => scope !== stack && 'nestedStackParent' in scope && scope.nestedStackParent,
    );
    this.scope = isNested ? new Construct(stack, `OutputsOf${this.prefix}`) : drop;
  }

  /** @param id one of `OUTPUTS` */
  add(id: string, description: string, value: string): void {
    new CfnOutput(this.scope, id, { description, value }).overrideLogicalId(`${this.prefix}${id}`);
  }
}
