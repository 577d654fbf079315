import { createHash, timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { tokensIn } from '../domain/follow/webhook-tokens.ts';
import { describeError } from '../domain/model/redaction.ts';
import type { Clock, Log, WebhookTokens } from '../domain/ports.ts';
import type { GetParameter } from './ssm-parameters.ts';

/** How long tokens are used without asking again, in ms: a token that was replaced is accepted for that long. */
const TTL_MS = 60_000;

/** An unknown token may be a new one. However many come, SSM is asked once in this time at most, in ms. */
const ASK_AGAIN_AFTER_MS = 10_000;

/** The same while no token was ever read, in ms. */
const FIRST_AGAIN_AFTER_MS = 1_000;

/** Longest wait for SSM, in ms: Streampixel waits for 10 s in all. Tokens that are known already are used after a shorter wait. */
const PATIENCE_MS = 6_000;
const PATIENCE_WHILE_KNOWN_MS = 2_000;

/** Takes the place of a missing token, so that every check makes the same number of comparisons. */
const NO_TOKEN = digest('');

/**
 * Checks the tokens of webhooks against an SSM SecureString. A token that is nearly right takes as long to check as any other, and
 * only digests are kept in memory.
 */
export function createSsmWebhookTokens(
  getParameter: GetParameter,
  parameter: string,
  clock: Pick<Clock, 'now'>,
  log: Pick<Log, 'warn'>,
): WebhookTokens {
  let known: readonly Buffer[] | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  async function read(): Promise<void> {
    try {
      const answer = await getParameter(parameter);
      // A String is not encrypted: everyone who may read parameters may have read it.
      const value = answer?.Type === 'SecureString' ? (answer.Value ?? '') : '';
      known = tokensIn(value).map(digest);
      if (known.length === 0) log.warn('webhook-token-missing', { parameter });
    } catch (error) {
      if (error instanceof Error && error.name === 'ParameterNotFound') known = [];
      // Known tokens stay valid while SSM does not answer.
      log.warn('webhook-token-not-read', { parameter, error: describeError(error) });
    } finally {
      readAt = clock.now();
      reading = undefined;
    }
  }

  async function refresh(olderThanMs: number): Promise<void> {
    if (clock.now() - readAt < olderThanMs) return;
    reading ??= read();
    const patience = known === undefined ? PATIENCE_MS : PATIENCE_WHILE_KNOWN_MS;
    await Promise.race([reading, sleep(patience, undefined, { ref: false })]);
  }

  return {
    async check(token) {
      const asked = digest(token);
      await refresh(known === undefined ? FIRST_AGAIN_AFTER_MS : TTL_MS);
      if (verdictOn(asked, known) === 'valid') return 'valid';
      await refresh(known === undefined ? FIRST_AGAIN_AFTER_MS : ASK_AGAIN_AFTER_MS);
      return verdictOn(asked, known);
    },
  };
}

/** Characters of a digest that name an address: the token can't be found from them, and two tokens never share them. */
const ADDRESS_ID_LENGTH = 16;

/** Names the address with this token, where the token itself must not be. */
export function addressId(token: string): string {
  return digest(token).toString('hex').slice(0, ADDRESS_ID_LENGTH);
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Always compares with two tokens. */
function verdictOn(asked: Buffer, known: readonly Buffer[] | undefined): Awaited<ReturnType<WebhookTokens['check']>> {
  const [current, former] = known ?? [];
  const isCurrent = timingSafeEqual(asked, current ?? NO_TOKEN);
  const isFormer = timingSafeEqual(asked, former ?? NO_TOKEN);
  if (known === undefined) return 'unavailable';
  return (isCurrent && current !== undefined) || (isFormer && former !== undefined) ? 'valid' : 'unknown';
}
