import { createPublicKey } from 'node:crypto';

/** What a public key of ECDSA on P-256 looks like: PEM, or base64 of its SPKI, which always starts in the same way. */
export const PUBLIC_KEY =
  /^\s*(?:-----BEGIN PUBLIC KEY-----[\w+/=\s]+-----END PUBLIC KEY-----|MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE[\w+/]{86}==)\s*$/;

/**
 * A public key in the one spelling that is compared: base64 of its SPKI, on one line.
 *
 * @param text the same, or PEM
 * @returns `undefined` for what is no public key of ECDSA on P-256; a private key is none
 */
export function publicKeyOf(text: string): string | undefined {
  const base64 = /^\s*-----BEGIN PUBLIC KEY-----([\w+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(text)?.[1] ?? text;
  try {
    const key = createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return undefined;
    return key.export({ format: 'der', type: 'spki' }).toString('base64');
  } catch {
    return undefined;
  }
}
