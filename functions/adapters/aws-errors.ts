/**
 * The answer of AWS to a call.
 *
 * @throws Error with AWS's name for the failure (such as `ParameterNotFound`) and its HTTP status, and nothing else: the SDK's
 * messages may quote what was sent and what came back, and its error objects hold both.
 */
export async function answerOf<Answer>(service: string, sent: Promise<Answer>): Promise<Answer> {
  try {
    return await sent;
  } catch (error) {
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
    const message = status === undefined ? `${service} gave no answer` : `${service} answered ${status}`;
    throw Object.assign(new Error(message), { name: errorName(error) });
  }
}

/** What a failed call is known by. The name of a broken connection's error is just "Error"; its code says more. */
export function errorName(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error ? String(error.code) : error.name;
}
