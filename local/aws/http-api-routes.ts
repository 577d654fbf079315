/** The key of a route of an HTTP API, read: `POST /{projectId}/{token}`. */
export interface RouteKey {
  readonly text: string;
  /** `ANY` for all of them. */
  readonly method: string;
  readonly segments: readonly RouteSegment[];
}

type RouteSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: string };

/** A request's path as API Gateway sees it. */
export interface RequestPath {
  /** Decoded once: what routes are matched by. */
  readonly segments: readonly string[];
  /** Decoded twice: what functions are told. */
  readonly text: string;
}

/**
 * A route key as the template has it, as far as the local stack can go by it: literal segments and variables.
 *
 * @throws Error that says what is not known about it
 */
export function readRouteKey(text: string): RouteKey {
  const [, method, path] = /^([A-Z]+) \/(.*)$/.exec(text) ?? [];
  if (method === undefined || path === undefined) throw new Error(`its route ${text} is no method with a path`);
  return { text, method, segments: path.split('/').map((segment) => readSegment(segment, text)) };
}

function readSegment(segment: string, routeKey: string): RouteSegment {
  const [, name] = /^\{([\w.:-]+)\}$/.exec(segment) ?? [];
  if (name !== undefined) return { kind: 'variable', name };
  if (/[{}]/.test(segment)) throw new Error(`its route ${routeKey} has ${segment}`);
  return { kind: 'literal', text: segment };
}

/**
 * Decodes a path as API Gateway does it for HTTP APIs, not as one would expect: twice, so that `%2F` parts segments and
 * `%252F` is a slash in one; what follows a question mark that the first time brings to light is dropped. Seen at AWS by
 * the authors of github.com/hotsock/voker, vokerhttp/testdata/ingress-paths.json.
 *
 * @param rawPath starts with a slash
 * @returns `undefined` for one that can't be decoded, which API Gateway refuses
 */
export function decodePath(rawPath: string): RequestPath | undefined {
  try {
    const [path = ''] = decodeURIComponent(rawPath).split('?');
    return { segments: path.slice(1).split('/'), text: decodeURIComponent(path) };
  } catch {
    return undefined;
  }
}

/** The route that takes the request, the one with the fewest variables first, and what its variables stand for. */
export function findRoute<Route extends { readonly key: RouteKey }>(
  routes: readonly Route[],
  method: string,
  { segments }: RequestPath,
): { readonly route: Route; readonly pathParameters: Readonly<Record<string, string>> } | undefined {
  const [route] = routes
    .filter(({ key }) => (key.method === method || key.method === 'ANY') && fits(key, segments))
    .sort((a, b) => variablesOf(a.key) - variablesOf(b.key) || rankOf(a.key) - rankOf(b.key));
  if (route === undefined) return undefined;
  const parameters = route.key.segments.flatMap((segment, index) =>
    segment.kind === 'variable' ? [[segment.name, decodeURIComponent(segments[index] ?? '')] as const] : [],
  );
  return { route, pathParameters: Object.fromEntries(parameters) };
}

function fits(key: RouteKey, segments: readonly string[]): boolean {
  return (
    key.segments.length === segments.length &&
    key.segments.every((segment, index) =>
      // A variable stands for something: an empty segment is no match.
      segment.kind === 'variable' ? segments[index] !== '' : segments[index] === segment.text,
    )
  );
}

function variablesOf({ segments }: RouteKey): number {
  return segments.filter(({ kind }) => kind === 'variable').length;
}

function rankOf({ method }: RouteKey): number {
  return method === 'ANY' ? 1 : 0;
}
