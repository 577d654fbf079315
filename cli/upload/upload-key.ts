import { whyNotABuild } from '../../functions/domain/model/build.ts';
import { findRoute } from '../../functions/domain/model/route.ts';
import { shellWord } from '../../functions/domain/notify/operator-commands.ts';
import type { DeployedSettings } from '../../infra/outputs/outputs.ts';
import { usageError } from '../operator-error.ts';
import { listed } from '../units.ts';

/** The flags that choose a route, for a person: in words that each shell takes. */
export function routeFlags(prefixes: readonly string[]): string {
  // PowerShell 5.1 leaves out a word that is empty.
  return listed(prefixes.map((prefix) => (prefix === '' ? '--route=""' : `--route ${shellWord(prefix)}`)));
}

/**
 * The key in the bucket under which a build is dropped.
 *
 * @param route prefix of a route; needed where there are several and no key
 * @throws OperatorError (usage) where no route matches such a key, or it is unclear which one is meant
 */
export function keyFor(
  { routes, prefix }: Pick<DeployedSettings, 'routes' | 'prefix'>,
  fileName: string,
  { key, route }: { readonly key?: string; readonly route?: string },
): string {
  const prefixes = [...new Set(routes.map((each) => each.prefix))];
  const list = routeFlags(prefixes);
  if (route !== undefined && !prefixes.includes(route)) {
    throw usageError(`There is no route '${route}'.`, `There are: ${list}.`);
  }
  if (route === undefined && key === undefined && prefixes.length > 1) {
    throw usageError('There are several routes.', `Add one of: ${list}.`);
  }
  const chosen = key ?? `${route ?? prefixes[0] ?? ''}${fileName}`;
  const remedy = 'Choose another key (--key).';
  if (key?.includes('\\')) {
    throw usageError(`The key ${key} has a backslash.`, `Keys have slashes: ${key.replaceAll('\\', '/')}`);
  }
  if (whyNotABuild(chosen) !== undefined) throw usageError(`The key ${chosen} does not end in .zip.`, remedy);
  if (!chosen.startsWith(prefix)) {
    throw usageError(`The pipeline only takes keys that start with '${prefix}', and ${chosen} does not.`, remedy);
  }
  if (findRoute(routes, chosen) === undefined) {
    throw usageError(`No route matches the key ${chosen}.`, `Choose another key (--key), or a route: ${list}.`);
  }
  return chosen;
}
