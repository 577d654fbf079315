import { REASONS } from '../../functions/domain/model/reasons.ts';
import { Secret } from '../../functions/domain/model/secret.ts';
import { OperatorError, usageError } from '../operator-error.ts';
import { checkKey, keyParameters, type UserVerdict } from '../stack/api-keys.ts';
import { writeSecureString } from '../stack/parameters.ts';
import type { Stack } from '../stack/stack.ts';

/** Where the keys are, and what they are for. */
export interface KeyPlace extends Pick<Stack, 'agents'> {
  readonly settings: Pick<Stack['settings'], 'routes' | 'streampixelBaseUrl'>;
  readonly clients: Pick<Stack['clients'], 'ssm'>;
}

/** A new key, and what Streampixel says of it. */
export interface CheckedKey {
  readonly parameter: string;
  readonly apiKey: Secret;
  readonly verdicts: readonly UserVerdict[];
  /** Why it is not stored unless a person insists. */
  readonly refusal?: OperatorError;
}

/** @throws OperatorError (usage) where the text can't be a key; the error does not have the text */
export function keyIn(typed: string): Secret {
  const value = typed.trim();
  if (value === '') throw usageError('There is no key to store.', 'Type or paste it, or pipe it in.');
  if (/\s/.test(value)) throw usageError('An API key contains no white space.', 'Give the key and nothing else.');
  // Such as of UTF-16, which PowerShell may pipe.
  if (/[^\x21-\x7e]/.test(value)) {
    throw usageError(
      'That is no API key: it has characters that no key has.',
      'Pipe the key in as plain text, or type or paste it.',
    );
  }
  return new Secret(value);
}

/** Asks Streampixel whether a key is valid for the users that need it. Nothing is stored. */
export async function checkNewKey(place: KeyPlace, parameter: string, apiKey: Secret): Promise<CheckedKey> {
  const userIds = keyParameters(place.settings.routes).get(parameter) ?? [];
  const verdicts = await checkKey(place, userIds, apiKey);
  const refused = verdicts.find(({ verdict }) => verdict.kind === 'refused');
  if (refused?.verdict.kind !== 'refused') return { parameter, apiKey, verdicts };
  const { reason } = refused.verdict;
  const refusal = new OperatorError(
    reason,
    `Streampixel rejects this key for user ${refused.userId}. Nothing was stored.`,
    reason === 'InvalidUser'
      ? REASONS.InvalidUser.remedy
      : 'Check it for a typing error. Only the newest key of an account works. You can store it anyway (--force).',
  );
  return { parameter, apiKey, verdicts, refusal };
}

/**
 * @param force stores it although Streampixel refuses it
 * @returns the new version of the parameter
 * @throws OperatorError where Streampixel refuses it
 */
export async function storeCheckedKey(
  { clients }: KeyPlace,
  { apiKey, parameter, refusal }: CheckedKey,
  force: boolean,
): Promise<number> {
  if (refusal !== undefined && !force) throw refusal;
  return writeSecureString(clients.ssm, parameter, apiKey.reveal());
}

/** What happens next, for people. */
export const AFTER_NEW_KEY = 'Builds that the old key stopped are sent again within a minute, without another command';
export const AFTER_FORCED_KEY = 'Builds that need it go to the dead-letter queue until a valid key is stored.';
