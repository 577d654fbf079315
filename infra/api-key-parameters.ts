import type { Route } from '../functions/domain/model/route.ts';

type Routes = readonly Pick<Route, 'apiKeyParameter'>[];

/** The distinct parameters that the routes name, in their order. */
export function apiKeyParameters(routes: Routes): string[] {
  return [...new Set(routes.map(({ apiKeyParameter }) => apiKeyParameter))];
}

/**
 * The events of keys that are stored. Here, without the CDK, because the settings' checks measure it.
 *
 * Source: "Amazon EventBridge event examples for Systems Manager". `name` is the parameter's whole name, with its first slash.
 */
export function keyStoredPattern(routes: Routes) {
  return {
    source: ['aws.ssm'],
    detailType: ['Parameter Store Change'],
    // Not Delete, which leaves nothing to redrive with, nor LabelParameterVersion, which changes no key.
    detail: { name: apiKeyParameters(routes), operation: ['Create', 'Update'] },
  };
}
