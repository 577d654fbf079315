import { describeError } from '../../functions/domain/model/redaction.ts';
import { SettingsError } from '../../infra/settings/read.ts';
import { EXIT, OperatorError, type Remedy } from '../operator-error.ts';

type Explanation = readonly [
  pattern: RegExp,
  code: string,
  message: (text: string, endpoint: string) => string,
  remedy: Remedy,
];

/** Errors of AWS and of the network, by what their name, code or text matches. The first match counts. */
const EXPLANATIONS: readonly Explanation[] = [
  [
    /ECONNREFUSED/,
    'NothingThere',
    (_, endpoint) => `Nothing answers at ${endpoint}.`,
    'Start the embedded stack with `npm start` in another terminal, or name its port: --local PORT. With HTTPS_PROXY: check that the proxy is there.',
  ],
  [
    /ERR_PROXY_TUNNEL/,
    'ProxyRefused',
    (text) => `The proxy of HTTPS_PROXY does not let it through. ${text}`,
    'Check HTTPS_PROXY (address, user, password) and NO_PROXY.',
  ],
  [
    /CredentialsProviderError|Could not load credentials/,
    'NoCredentials',
    () => {
      const { AWS_PROFILE: profile } = process.env;
      return `There are no AWS credentials${profile ? ` in the profile ${profile} (AWS_PROFILE)` : ''}.`;
    },
    'Sign in (`aws sso login`), or set AWS_PROFILE. For the embedded stack of `npm start` add --local instead.',
  ],
  [/Region is missing/, 'NoRegion', () => 'No AWS region is set.', 'Add --region, or set AWS_REGION or AWS_PROFILE.'],
  [
    /ExpiredToken|InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|SignatureDoesNotMatch|TokenRefresh/,
    'CredentialsRefused',
    () => 'AWS refuses the credentials: they have expired or are not valid.',
    'Sign in again (`aws sso login`), or check which profile is used: `aws sts get-caller-identity`.',
  ],
  [
    /AccessDenied|AuthorizationError|UnauthorizedOperation|NotAuthorized|^Forbidden$/,
    'AccessDenied',
    (text) => `AWS does not allow it. ${text}`,
    "Use a profile that is allowed to, or ask the account's administrator. The message names the action.",
  ],
  [
    /Throttl|TooManyRequests|SlowDown|ProvisionedThroughputExceeded|RequestLimitExceeded/,
    'Throttled',
    () => 'AWS limits the rate of requests, and did so for several attempts.',
    'Wait a minute and run the same command again: it continues where it stopped.',
  ],
  [
    /QueueDoesNotExist|NonExistentQueue|ResourceNotFound|NoSuchBucket|NotFoundException/,
    'ResourceGone',
    (text) => `A part of the stack is missing. ${text}`,
    (commands) => `It was deleted by hand, or --region is wrong. Deploy again: ${commands.deploy()}`,
  ],
  [
    /ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNRESET|EHOSTUNREACH|TimeoutError|socket hang up/,
    'Unreachable',
    (text) => `AWS cannot be reached. ${text}`,
    'Check the region (--region, AWS_REGION), the network and the proxy, then try again.',
  ],
  [
    /Invalid URL/,
    'BadAddress',
    () => 'The address in AWS_ENDPOINT_URL is not a URL.',
    'Correct it, or unset it to use AWS itself.',
  ],
];

/** Any error as a sentence and what to do about it. */
export function explained(error: unknown, endpoint = 'the AWS endpoint'): OperatorError {
  if (error instanceof OperatorError) return error;
  if (error instanceof SettingsError)
    return new OperatorError('Settings', error.message, 'Correct it, and run the same command again.');
  const { name, code } = error instanceof Error ? (error as Error & { readonly code?: unknown }) : { name: '' };
  if (name === 'ExitPromptError') {
    // Ctrl-C at a prompt.
    const remedy = 'Run the same command again.';
    return new OperatorError('Interrupted', 'Interrupted: nothing was changed.', remedy, EXIT.interrupted);
  }
  // Where the ledger's adapter has wrapped the error, its text names the first one.
  const text = describeError(error);
  const found = EXPLANATIONS.find(([pattern]) => [name, String(code), text].some((part) => pattern.test(part)));
  if (found === undefined) {
    return new OperatorError(
      'Unexpected',
      text,
      (commands) => `Run the same command again; if the error comes again: ${commands.doctor()}`,
    );
  }
  const [, id, message, remedy] = found;
  return new OperatorError(id, message(text, endpoint), remedy);
}
