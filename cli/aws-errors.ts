import { describeError } from '../functions/domain/model/redaction.ts';
import { EXIT, OperatorError } from './operator-error.ts';

/** An error of AWS, of the network or of nobody knows what, as a sentence and what to do about it. */
export function explained(error: unknown, endpoint: string | undefined): OperatorError {
  if (error instanceof OperatorError) return error;
  const name = error instanceof Error ? error.name : '';
  // Where the ledger's adapter has wrapped the error, its text names the first one.
  const text = describeError(error);
  const has = (pattern: RegExp) => pattern.test(name) || pattern.test(codeOf(error)) || pattern.test(text);

  // Ctrl-C at a prompt.
  if (name === 'ExitPromptError') {
    return new OperatorError(
      'Interrupted',
      'Interrupted: nothing was changed.',
      'Run the same command again.',
      EXIT.interrupted,
    );
  }
  if (has(/ECONNREFUSED/)) {
    const where = endpoint ?? 'the AWS endpoint';
    const remedy = 'Start the embedded stack with `npm start` in another terminal, or name its port: --local PORT.';
    return new OperatorError('NothingThere', `Nothing answers at ${where}.`, remedy);
  }
  if (has(/CredentialsProviderError|Could not load credentials/)) {
    const remedy =
      'Sign in (`aws sso login`), or set AWS_PROFILE. For the embedded stack of `npm start` add --local instead.';
    return new OperatorError('NoCredentials', 'There are no AWS credentials.', remedy);
  }
  if (has(/Region is missing/)) {
    return new OperatorError('NoRegion', 'No AWS region is set.', 'Add --region, or set AWS_REGION or AWS_PROFILE.');
  }
  if (
    has(/ExpiredToken|InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|SignatureDoesNotMatch|TokenRefresh/)
  ) {
    const remedy = 'Sign in again (`aws sso login`), or check which profile is in use: `aws sts get-caller-identity`.';
    return new OperatorError('CredentialsRefused', 'AWS refuses the credentials: expired, or not valid.', remedy);
  }
  if (has(/AccessDenied|AuthorizationError|UnauthorizedOperation|NotAuthorized|^Forbidden$/)) {
    const remedy = 'Use a profile that may do it, or ask who manages the account. The message names the action.';
    return new OperatorError('AccessDenied', `AWS does not allow it. ${text}`, remedy);
  }
  if (has(/Throttl|TooManyRequests|SlowDown|ProvisionedThroughputExceeded|RequestLimitExceeded/)) {
    const remedy = 'Wait a minute and run the same command again: it goes on where it stopped.';
    return new OperatorError('Throttled', 'AWS answers "not so fast", after several tries.', remedy);
  }
  if (has(/QueueDoesNotExist|NonExistentQueue|ResourceNotFound|NoSuchBucket|NotFoundException/)) {
    const remedy = 'Part of the stack has been deleted by hand, or --region is wrong. Deploy again: npx cdk deploy.';
    return new OperatorError('ResourceGone', `Something of the stack is not there. ${text}`, remedy);
  }
  if (has(/ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNRESET|EHOSTUNREACH|TimeoutError|socket hang up/)) {
    return new OperatorError(
      'Unreachable',
      `AWS can not be reached. ${text}`,
      'Check network and proxy, then try again.',
    );
  }
  return new OperatorError('Unexpected', text, 'Run the same command again; if it stays, `streampixel-drop doctor`.');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
