/** Which Streampixel account and project the keys under a prefix belong to. */
export interface Route {
  /** Keys that start with this belong to the route; the longest matching prefix wins. `''` takes every key. */
  readonly prefix: string;
  /** 24 hex digits; the vendor's rate limit is per `userId`. */
  readonly userId: string;
  /** 24 hex digits. */
  readonly projectId: string;
  /** Always sent: the vendor's default is `true`, and a forgotten field would ship to live viewers. */
  readonly autoRelease: boolean;
  /** Who releases an approved build where the vendor does not (`autoRelease` false). Default `manual`. */
  readonly release?: 'manual' | 'on-approval';
  /** Name of the SSM SecureString that holds the API key. */
  readonly apiKeyParameter: string;
  /** Older builds still waiting in line give way to a newer one of this route. */
  readonly onlyLatest?: boolean;
  /** Submit a version even when a newer one of the same key has been dropped before its turn. */
  readonly everyVersion?: boolean;
}

/** The route with the longest prefix of `key`, or `undefined`. */
export function findRoute(routes: readonly Route[], key: string): Route | undefined {
  let best: Route | undefined;
  for (const route of routes) {
    if (key.startsWith(route.prefix) && (best === undefined || route.prefix.length > best.prefix.length)) best = route;
  }
  return best;
}

/** The route to a build's project with its user's key, or `undefined` where none leads there any more. */
export function routeTo(
  routes: readonly Route[],
  { projectId, userId }: { readonly projectId?: string; readonly userId?: string },
): Route | undefined {
  return routes.find((route) => route.projectId === projectId && route.userId === userId);
}

/** Names the route in the ledger: two routes may share a project, and one project may be fed from two prefixes. */
export function routeId(route: Route): string {
  return `${route.userId}/${route.projectId}/${route.prefix}`;
}

/**
 * How an approved build of a route goes live, and so what `Approved` means:
 *
 * - `automatic`: the vendor distributes it by itself (`autoRelease`). Its pages disagree on whether that happens before or
 *   after the approval: live by then, or within minutes.
 * - `manual`: it is good and waits on the dashboard; a person releases it.
 * - `on-approval`: we order its distribution, once.
 */
export type ReleaseMode = 'automatic' | 'manual' | 'on-approval';

export function releaseMode({ autoRelease, release }: Pick<Route, 'autoRelease' | 'release'>): ReleaseMode {
  return autoRelease ? 'automatic' : (release ?? 'manual');
}
