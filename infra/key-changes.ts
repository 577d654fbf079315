import type { EventPattern } from 'aws-cdk-lib/aws-events';
import type { Settings } from './config.ts';

/** The distinct parameters that the routes name, in their order. */
export function apiKeyParameters({ routes }: Pick<Settings, 'routes'>): readonly string[] {
  return [...new Set(routes.map(({ apiKeyParameter }) => apiKeyParameter))];
}

/**
 * The events by which SSM tells that one of the routes' API keys was stored. `detail.name` is the parameter's whole name, with
 * its first slash. Source: "Amazon EventBridge event examples for Systems Manager".
 *
 * EventBridge takes patterns of 2,048 characters: with names of the usual length, routes fill the functions' environment first.
 */
export function keyChangePattern(settings: Pick<Settings, 'routes'>): EventPattern {
  return {
    source: ['aws.ssm'],
    detailType: ['Parameter Store Change'],
    // Not Delete, which leaves nothing to redrive with, nor LabelParameterVersion, which changes no key.
    detail: { name: [...apiKeyParameters(settings)], operation: ['Create', 'Update'] },
  };
}
