import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { deployedStack } from '../drop-names.ts';
import { OUTPUTS_LIMIT } from '../limits.ts';

/** Says at synth where CloudFormation would refuse the outputs of the stack: those of all that is in it count together. */
export function limitOutputs(scope: Construct): void {
  const stack = deployedStack(scope);
  const validate = () => {
    const { length } = stack.node.findAll().filter((each) => each instanceof CfnOutput && Stack.of(each) === stack);
    if (length <= OUTPUTS_LIMIT) return [];
    return [
      `The stack ${stack.stackName} has ${length} outputs, and CloudFormation takes ${OUTPUTS_LIMIT}. Spread its drops, or the routes of ` +
        'one, over two stacks.',
    ];
  };
  scope.node.addValidation({ validate });
}
