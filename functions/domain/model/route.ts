/** Which Streampixel account and project the keys under a prefix belong to. */
export interface Route {
  /** Keys that start with this belong to the route; the longest matching prefix wins. `''` takes every key. */
  readonly prefix: string;
  /** 24 hex digits. Streampixel's rate limit is per `userId`. */
  readonly userId: string;
  /** 24 hex digits. */
  readonly projectId: string;
  /** Always sent: Streampixel's default is `true`, so without the field a build would go live to viewers. */
  readonly autoRelease: boolean;
  /** How an approved build is released where Streampixel does not do it (`autoRelease` false). Default `manual`. */
  readonly release?: 'manual' | 'on-approval';
  /** Name of the SSM SecureString that holds the API key. */
  readonly apiKeyParameter: string;
  /** A newer build of this route supersedes older ones that are still waiting. */
  readonly onlyLatest?: boolean;
  /** Submit a version even if a newer one of the same key was dropped before its slot. */
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

/** The route to a build's project and user, or `undefined` where the settings no longer have one. */
export function routeTo(
  routes: readonly Route[],
  { projectId, userId }: { readonly projectId?: string; readonly userId?: string },
): Route | undefined {
  return routes.find((route) => route.projectId === projectId && route.userId === userId);
}

/** Names the route in the ledger. The prefix is part of it, because two routes may lead to one project. */
export function routeId(route: Route): string {
  return `${route.userId}/${route.projectId}/${route.prefix}`;
}

/**
 * How an approved build of a route goes live, and so what `Approved` means:
 *
 * - `automatic`: Streampixel distributes it by itself (`autoRelease`). Its documentation is unclear whether that happens before or
 *   after the approval, so the build is live by then or within minutes.
 * - `manual`: it is ready, and a person releases it on the dashboard or with the tool.
 * - `on-approval`: this project requests its distribution, once.
 */
export type ReleaseMode = 'automatic' | 'manual' | 'on-approval';

export function releaseMode({ autoRelease, release }: Pick<Route, 'autoRelease' | 'release'>): ReleaseMode {
  return autoRelease ? 'automatic' : (release ?? 'manual');
}
