import * as v from 'valibot';

const text = v.pipe(v.string(), v.nonEmpty('must not be empty'));

/** Which Streampixel account and project the keys under a prefix belong to. */
export const routeSchema = v.object({
  /** Keys that start with this belong to the route; the longest matching prefix wins. `''` takes every key. */
  prefix: v.string(),
  /** 24 hex digits; Streampixel's rate limit is per `userId`. */
  userId: text,
  /** 24 hex digits. */
  projectId: text,
  /** Always sent: Streampixel's default is `true`, and a forgotten field would ship to live viewers. */
  autoRelease: v.boolean(),
  /** Name of the SSM SecureString that holds the API key. */
  apiKeyParameter: text,
  /** Who releases an approved build where Streampixel does not (`autoRelease` false). Default `manual`. */
  release: v.exactOptional(v.picklist(['manual', 'on-approval'])),
  /** A newer build of this route supersedes older ones that still wait for their slot. */
  onlyLatest: v.exactOptional(v.boolean()),
  /** Submit a version even when a newer one of the same key was dropped before its slot came. */
  everyVersion: v.exactOptional(v.boolean()),
});

export type Route = Readonly<v.InferOutput<typeof routeSchema>>;

/** The route with the longest prefix of `key`, or `undefined`. */
export function findRoute(routes: readonly Route[], key: string): Route | undefined {
  let best: Route | undefined;
  for (const route of routes) {
    if (key.startsWith(route.prefix) && (best === undefined || route.prefix.length > best.prefix.length)) best = route;
  }
  return best;
}

/**
 * Where the key for a build under way is. The routes may have changed since it was submitted, and it ends as it was submitted: its
 * project may have left the settings, but a key is its user's, whatever the project.
 *
 * @returns the name of the parameter; `undefined` where the settings name no key of the user any more
 */
export function keyParameterOf(
  routes: readonly Route[],
  { apiKeyParameter, projectId, userId }: Partial<Pick<Route, 'apiKeyParameter' | 'projectId' | 'userId'>>,
): string | undefined {
  const ofUser = routes.filter((route) => route.userId === userId);
  const route =
    ofUser.find((each) => each.projectId === projectId) ??
    ofUser.find((each) => each.apiKeyParameter === apiKeyParameter) ??
    ofUser[0] ??
    routes.find((each) => each.apiKeyParameter === apiKeyParameter);
  return route?.apiKeyParameter;
}

/** Names the route in the ledger. The prefix is part of it, because two routes may lead to one project. */
export function routeId(route: Route): string {
  return `${route.userId}/${route.projectId}/${route.prefix}`;
}

/**
 * How an approved build of a route goes live, and so what `Approved` means:
 *
 * - `automatic`: Streampixel releases it by itself (`autoRelease`). Its pages disagree on whether that happens before or
 *   after the approval: live by then, or within minutes.
 * - `manual`: it is good and waits on the dashboard; a person releases it.
 * - `on-approval`: we request its release, once.
 */
export const RELEASE_MODES = ['on-approval', 'manual', 'automatic'] as const;
export type ReleaseMode = (typeof RELEASE_MODES)[number];

export function releaseMode({ autoRelease, release }: Pick<Route, 'autoRelease' | 'release'>): ReleaseMode {
  return autoRelease ? 'automatic' : (release ?? 'manual');
}
