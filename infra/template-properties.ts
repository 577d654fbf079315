import { CfnResource, Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/**
 * The properties that a resource has in the template, overrides included. Ask when everything else is in place: in a validation.
 *
 * @returns `undefined` where the construct is no resource, as the one in a thing that is not of the app
 */
export function templateProperties(construct: IConstruct | undefined): Readonly<Record<string, unknown>> | undefined {
  if (!(construct instanceof CfnResource)) return undefined;
  // What CDK itself calls to write the template; it is in no declaration.
  const { _toCloudFormation: render } = construct as unknown as { _toCloudFormation(): object };
  const { Resources } = Stack.of(construct).resolve(render.call(construct));
  return Object.values<{ Properties?: Record<string, unknown> }>(Resources)[0]?.Properties ?? {};
}
