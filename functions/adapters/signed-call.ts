import { partition } from '@aws-sdk/util-endpoints';
import { Sha256 } from '@smithy/core/checksum';
import { HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Clock } from '../domain/ports.ts';
import { exchange } from './http-exchange.ts';

export interface SignedCallOptions {
  readonly credentials: ConstructorParameters<typeof SignatureV4>[0]['credentials'];
  readonly region: string;
  readonly clock: Clock;
  /** Another endpoint than AWS's, for every service. */
  readonly endpoint: string | undefined;
}

/** Longest one try may take, in ms. */
const CALL_TIMEOUT_MS = 3_000;
/** An alert or an event sent twice does no harm; one that is lost to a broken connection does. */
const TRIES = 3;
/** Before the second try, in ms; twice that before the third. */
const PAUSE_MS = 100;
const ANSWER_LIMIT = 16 * 1024;

/** Codes of a 400 by which a service says "not so fast". */
const THROTTLED = new Set(['ThrottlingException', 'Throttling', 'ThrottledException', 'TooManyRequestsException']);

/** No try brought a 2xx. Named by AWS's code where there is one, as the SDK's errors are. */
export class SignedCallError extends Error {
  constructor(service: string, failure: string, code: string | undefined) {
    super(`${service} did not take it: ${failure}`);
    this.name = code ?? 'SignedCallError';
  }
}

/**
 * One POST to an AWS service, signed. For services of which one operation is used (SNS, EventBridge, SSM): their SDK clients
 * would add half as much again to what every cold start loads.
 *
 * @returns the answer's body, whole
 * @throws SignedCallError that names service, status and AWS's error code, where no try brought a 2xx
 */
export function createSignedCall(
  service: 'sns' | 'events' | 'ssm',
  { credentials, region, clock, endpoint }: SignedCallOptions,
) {
  const signer = new SignatureV4({ service, region, credentials, sha256: Sha256 });
  const url = new URL(endpoint ?? `https://${service}.${region}.${partition(region).dnsSuffix}`);
  return async (headers: Readonly<Record<string, string>>, body: string): Promise<string> => {
    let failure = '';
    let code: string | undefined;
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      if (attempt > 1) await clock.sleep(PAUSE_MS * (attempt - 1));
      code = undefined;
      const request = new HttpRequest({
        method: 'POST',
        protocol: url.protocol,
        hostname: url.hostname,
        path: '/',
        headers: { ...headers, host: url.host },
        body,
        ...(url.port === '' ? {} : { port: Number(url.port) }),
      });
      const signed = await signer.sign(request, { signingDate: new Date(clock.now()) });
      const deadline = clock.now() + CALL_TIMEOUT_MS;
      const result = await exchange(
        { method: 'POST', url: `${url.origin}/`, headers: signed.headers, body, deadline, maxBytes: ANSWER_LIMIT },
        clock,
      );
      if (result.kind !== 'answered') {
        failure = result.detail;
        continue;
      }
      if (!result.complete) {
        failure = 'the answer broke off';
        continue;
      }
      const answer = result.body.toString('utf8');
      if (result.status >= 200 && result.status < 300) return answer;
      // XML for SNS, JSON for the others; the code is all that is safe and needed.
      const found = /<Code>(\w+)<\/Code>|"__type":\s*"(?:[^"]*#)?(\w+)"/.exec(answer);
      code = found?.[1] ?? found?.[2];
      failure = `${result.status} ${code ?? ''}`.trim();
      if (result.status < 500 && !THROTTLED.has(code ?? '')) break;
    }
    throw new SignedCallError(service, failure, code);
  };
}
