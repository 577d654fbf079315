import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { LedgerUnavailable } from '../domain/ports.ts';

/**
 * The table's answer to a command, or `undefined` where the command's condition did not hold.
 *
 * @throws LedgerUnavailable for every other error, after the client's own retries. It names operation and error only: the
 * SDK's messages may quote items, and its error objects hold the request.
 */
export async function undefinedIfConditionFailed<Answer>(
  operation: string,
  sent: Promise<Answer>,
): Promise<Answer | undefined> {
  try {
    return await sent;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw new LedgerUnavailable(`The ledger table did not answer ${operation} (${errorName(error)}).`);
  }
}

function errorName(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  // A broken connection's name is just "Error"; its code says more.
  return 'code' in error ? String(error.code) : error.name;
}
