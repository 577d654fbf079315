import { CfnResource, Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** As CloudFormation names and spells them. */
// biome-ignore lint/suspicious/noExplicitAny: properties have as many shapes as there are resources.
type Properties = Readonly<Record<string, any>>;

/**
 * What the template says of a resource that exists in the app, such as a studio's bucket; at synthesis only, when all of the app has
 * said it.
 *
 * @returns `undefined` for what is not of the app
 */
export function propertiesOf(construct: IConstruct): Properties | undefined {
  const resource = construct.node.defaultChild;
  if (resource === undefined || !CfnResource.isCfnResource(resource)) return undefined;
  // CDK's own way to the template, though not in its declarations: it has what escape hatches override, too.
  const toTemplate = resource as unknown as { _toCloudFormation(): { Resources: object } };
  const { Resources } = Stack.of(resource).resolve(toTemplate._toCloudFormation());
  const [{ Properties = {} }] = Object.values<{ Properties?: Properties }>(Resources) as [{ Properties?: Properties }];
  return Properties;
}
