import { RemovalPolicy } from 'aws-cdk-lib';

/** Of what outlives the stack, but for a rehearsal, of which nothing is left. */
export function removalPolicyOf(isRehearsal: boolean): RemovalPolicy {
  return isRehearsal ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
}
