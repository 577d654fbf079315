import { createSignedCall, type SignedCallOptions } from './signed-call.ts';

/** A parameter as SSM gives it out, as far as it is used. */
export interface Parameter {
  readonly Value?: string;
  readonly Type?: string;
  /** Rises by one with each overwrite. */
  readonly Version?: number;
}

/**
 * Reads one parameter of SSM, decrypted.
 *
 * @throws Error named by SSM's code, such as `ParameterNotFound`
 */
export type GetParameter = (name: string) => Promise<Parameter | undefined>;

const HEADERS = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AmazonSSM.GetParameter' };

/**
 * `GetParameter` without the SDK's client for SSM: 78 KB of a bundle of 370, most of it errors of 150 other operations that can't
 * be left out.
 */
export function createGetParameter(options: SignedCallOptions): GetParameter {
  const call = createSignedCall('ssm', options);
  return async (name) => {
    const answer = await call(HEADERS, JSON.stringify({ Name: name, WithDecryption: true }));
    try {
      return (JSON.parse(answer) as { readonly Parameter?: Parameter }).Parameter;
    } catch {
      // Not the parser's own error: it quotes what it could not read, and that may be the key.
      throw new Error('SSM answered with something that is not JSON.');
    }
  };
}
