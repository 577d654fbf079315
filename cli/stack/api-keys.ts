import type { SSMClient } from '@aws-sdk/client-ssm';
import { exchange } from '../../functions/adapters/http-exchange.ts';
import { jsonOf } from '../../functions/adapters/streampixel-answer.ts';
import { createStreampixelKeyChecks } from '../../functions/adapters/streampixel-lookups.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { Secret } from '../../functions/domain/model/secret.ts';
import type { KeyVerdict } from '../../functions/domain/ports.ts';
import { concurrently } from '../concurrently.ts';
import { groupBy } from '../group-by.ts';
import { usageError } from '../operator-error.ts';
import { listed } from '../units.ts';
import { readParameter } from './parameters.ts';
import type { Stack } from './stack.ts';

/** How long Streampixel may take to answer, in ms. */
const TIMEOUT_MS = 15_000;
/** An account has tens of projects, of a few hundred bytes each. In bytes. */
const ANSWER_LIMIT = 1024 * 1024;

/** The API key parameters of the routes, each with the users that its key has to work for. */
export function keyParameters(routes: readonly Route[]): ReadonlyMap<string, readonly string[]> {
  const groups = groupBy(routes, ({ apiKeyParameter }) => apiKeyParameter);
  return new Map([...groups].map(([name, group]) => [name, [...new Set(group.map(({ userId }) => userId))]]));
}

/**
 * The parameter that is meant.
 *
 * @throws OperatorError (usage) where that is not clear, or no route has it
 */
export function chosenParameter(routes: readonly Route[], wanted: string | undefined): string {
  const names = [...keyParameters(routes).keys()];
  const list = listed(names.map((name) => `--parameter ${name}`));
  if (wanted === undefined) {
    const [only, ...others] = names;
    if (only !== undefined && others.length === 0) return only;
    throw usageError('The routes use several API key parameters.', `Add one of: ${list}.`);
  }
  if (names.includes(wanted)) return wanted;
  throw usageError(`No route uses the parameter ${wanted}.`, `The routes use: ${list}.`);
}

/** @returns `undefined` where there is no key that the pipeline would use */
export async function storedKey(ssm: SSMClient, name: string) {
  const { Type, Value = '', Version = 0 } = (await readParameter(ssm, name)) ?? {};
  if (Value.trim() === '' || Type !== 'SecureString') return undefined;
  return { apiKey: new Secret(Value.trim()), version: Version };
}

/** Streampixel's answer about a key, for one user. */
export interface UserVerdict {
  readonly userId: string;
  readonly verdict: KeyVerdict;
}

/** How Streampixel is asked, and where it is. */
export interface KeyChecker extends Pick<Stack, 'agents'> {
  readonly settings: Pick<Stack['settings'], 'streampixelBaseUrl'>;
}

/** Asks Streampixel about a key for each of its users. Uses no upload slot. */
export async function checkKey(
  { agents, settings }: KeyChecker,
  userIds: readonly string[],
  apiKey: Secret,
): Promise<UserVerdict[]> {
  const checks = createStreampixelKeyChecks(settings.streampixelBaseUrl, { now: Date.now, agents });
  const ask = (userId: string) => checks.check(userId, apiKey, Date.now() + TIMEOUT_MS);
  return concurrently(userIds, async (userId) => ({ userId, verdict: await ask(userId) }));
}

/** Ids of the user's projects at Streampixel, or `undefined` where it does not list them. */
export async function projectIds(
  { agents, settings }: KeyChecker,
  userId: string,
  apiKey: Secret,
): Promise<readonly string[] | undefined> {
  const query = new URLSearchParams({ userId, apikey: apiKey.reveal() });
  const result = await exchange(
    {
      method: 'GET',
      // Never printed: Streampixel wants the key in the query.
      url: `${settings.streampixelBaseUrl}/projects/projects-status?${query}`,
      headers: { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'streampixel-drop' },
      deadline: Date.now() + TIMEOUT_MS,
      maxBytes: ANSWER_LIMIT,
    },
    { now: Date.now, agents },
  );
  if (result.kind !== 'answered' || result.status !== 200) return undefined;
  const projects = jsonOf(result)?.projects;
  if (!Array.isArray(projects)) return undefined;
  // An older page of Streampixel's documentation has `id`.
  return (projects as ({ _id?: string; id?: string } | null)[]).map((project) => project?._id ?? project?.id ?? '');
}

/** The answer in words, without the key. */
export function verdictText({ verdict }: UserVerdict): string {
  switch (verdict.kind) {
    case 'taken':
      return 'accepted';
    case 'refused':
      return `rejected as ${verdict.reason}: ${verdict.detail}`;
    case 'unclear':
      return `could not be checked: ${verdict.detail}`;
  }
}
