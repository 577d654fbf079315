import type { Route } from '../functions/domain/model/route.ts';
import { EVENT_PATTERN_LIMIT, KEY_STATEMENT_LIMIT } from './limits.ts';

/** The settings that name secrets. Here, without the CDK, because the settings' checks measure what becomes of them. */
export interface Secrets {
  readonly routes: readonly Pick<Route, 'apiKeyParameter'>[];
  readonly webhookTokenParameter: string;
  readonly deliveryKeyParameter: string;
}

/** The distinct parameters that the routes name, in their order. */
export function apiKeyParameters(routes: Secrets['routes']): string[] {
  return [...new Set(routes.map(({ apiKeyParameter }) => apiKeyParameter))];
}

/**
 * Where the API keys are, for the rule and the policies: each parameter by its name, or the folders that hold them where that would be
 * too long. The deepest folder that holds several comes first, so that no more is covered than has to be.
 *
 * @returns names, and folders, which end with `/`. They may still be too long ({@link fits}): a folder that holds another secret of the
 * stack is not taken, nor is the root, which holds those of the whole account.
 */
export function apiKeyPaths({ routes, ...others }: Secrets): readonly string[] {
  const secrets = [others.webhookTokenParameter, others.deliveryKeyParameter];
  let paths: readonly string[] = apiKeyParameters(routes);
  while (!fits(paths)) {
    const held = new Map<string, number>();
    for (const folder of paths.flatMap(foldersOf)) held.set(folder, (held.get(folder) ?? 0) + 1);
    const [deepest] = [...held]
      .filter(([folder, count]) => count > 1 && !secrets.some((name) => name.startsWith(folder)))
      .sort(([a, inA], [b, inB]) => depthOf(b) - depthOf(a) || inB - inA)
      .map(([folder]) => folder);
    if (deepest === undefined) return paths;
    paths = [...paths.filter((path) => !path.startsWith(deepest)), deepest];
  }
  return paths;
}

/** Whether EventBridge and IAM take as much. */
export function fits(paths: readonly string[]): boolean {
  return patternLength(paths) <= EVENT_PATTERN_LIMIT && statementLength(paths) <= KEY_STATEMENT_LIMIT;
}

export function isFolder(path: string): boolean {
  return path.endsWith('/');
}

/** Those that a path is in, without the root and without itself. */
function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(1, isFolder(path) ? -2 : -1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}/`);
}

function depthOf(folder: string): number {
  return folder.split('/').length;
}

/**
 * The events of keys that are stored; in a folder there may be others, which redrive-builds ignores.
 *
 * Source: "Amazon EventBridge event examples for Systems Manager". `name` is the parameter's whole name, with its first slash.
 */
export function keyStoredPattern(paths: readonly string[]) {
  return {
    source: ['aws.ssm'],
    detailType: ['Parameter Store Change'],
    // Not Delete, which leaves nothing to redrive with, nor LabelParameterVersion, which changes no key.
    detail: {
      name: paths.map((path) => (isFolder(path) ? { prefix: path } : path)),
      operation: ['Create', 'Update'],
    },
  };
}

/** In characters, as CloudFormation spells it. */
export function patternLength(paths: readonly string[]): number {
  return JSON.stringify(keyStoredPattern(paths)).replace('detailType', 'detail-type').length;
}

/** Of one statement that lists the parameters' ARNs, in characters. */
function statementLength(paths: readonly string[]): number {
  // The longest partition and region.
  return JSON.stringify(paths.map((path) => `arn:aws-us-gov:ssm:ap-southeast-1:123456789012:parameter${path}*`)).length;
}
