import type { Route } from '../../functions/domain/model/route.ts';
import { EVENT_PATTERN_LIMIT, KEY_STATEMENT_LIMIT } from '../limits.ts';

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
 * too long. The deepest folders come first, and of those the fullest, so that no more is covered than has to be.
 *
 * @returns names, and folders, which end with `/`. They may still be too long ({@link fits}): a folder that holds another secret of the
 * stack is not taken, nor is the root, which holds those of the whole account.
 */
export function apiKeyPaths({ routes, webhookTokenParameter, deliveryKeyParameter }: Secrets): readonly string[] {
  const names = apiKeyParameters(routes);
  const secrets = [webhookTokenParameter, deliveryKeyParameter];
  let paths: readonly string[] = names;
  for (let depth = Math.max(...names.map(depthOf)); depth > 0 && !fits(paths); depth--) {
    const held = new Map<string, number>();
    for (const path of paths) {
      const folder = folderOf(path, depth);
      if (folder !== undefined) held.set(folder, (held.get(folder) ?? 0) + 1);
    }
    const folders = [...held]
      .filter(([folder, count]) => count > 1 && !secrets.some((name) => name.startsWith(folder)))
      .sort(([, inA], [, inB]) => inB - inA)
      .map(([folder]) => folder);
    paths = fewest(folders.length, (count) => covered(paths, depth, folders.slice(0, count)));
  }
  return paths;
}

/** What fits with the fewest folders; with all of them where nothing does. By halves: there may be thousands. */
function fewest(most: number, withFolders: (count: number) => readonly string[]): readonly string[] {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (fits(withFolders(middle))) high = middle;
    else low = middle + 1;
  }
  return withFolders(high);
}

/** The folders, and the paths that are in none of them. */
function covered(paths: readonly string[], depth: number, folders: readonly string[]): readonly string[] {
  const taken = new Set<string | undefined>(folders);
  return [...paths.filter((path) => !taken.has(folderOf(path, depth))), ...folders];
}

/** Whether EventBridge and IAM take as much. */
export function fits(paths: readonly string[]): boolean {
  return patternLength(paths) <= EVENT_PATTERN_LIMIT && statementLength(paths) <= KEY_STATEMENT_LIMIT;
}

export function isFolder(path: string): boolean {
  return path.endsWith('/');
}

/** How many folders a path is in, without the root and without itself. */
function depthOf(path: string): number {
  return path.split('/').length - (isFolder(path) ? 3 : 2);
}

/** Its folder of this depth, if it is in one: of `/a/b/key`, `/a/` has depth 1. */
function folderOf(path: string, depth: number): string | undefined {
  return depth > depthOf(path) ? undefined : `${path.split('/', depth + 1).join('/')}/`;
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
export function statementLength(paths: readonly string[]): number {
  // The longest partition and region.
  return JSON.stringify(paths.map((path) => `arn:aws-us-gov:ssm:ap-southeast-1:123456789012:parameter${path}*`)).length;
}
