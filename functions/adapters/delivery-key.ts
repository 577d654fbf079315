import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describeError } from '../domain/model/redaction.ts';
import { Secret } from '../domain/model/secret.ts';
import type { ApiKeys } from '../domain/ports.ts';

/** A private key that CloudFront takes signatures of. */
export interface DeliveryKey {
  /** PEM, PKCS #8. */
  readonly privateKey: Secret;
  /** CloudFront's id of the public half. */
  readonly id: string;
}

export type DeliveryKeysRead =
  /** At least one, in the order of the parameter. */
  | { readonly kind: 'found'; readonly keys: readonly [DeliveryKey, ...DeliveryKey[]] }
  | { readonly kind: 'missing' | 'unavailable'; readonly detail: string };

/** Reads the keys that sign download URLs. Never throws. */
export interface DeliveryKeys {
  /** @param pastCache whether to ask SSM again although the keys are cached */
  read(pastCache?: boolean): Promise<DeliveryKeysRead>;
}

/**
 * The private keys in an SSM SecureString whose public halves are deployed. It holds one key, and two while they are rotated: the new
 * one first, which is of use only once its public half is deployed.
 *
 * @param parameters cache and read SecureStrings
 * @param ids CloudFront's ids of the deployed public keys, by {@link fingerprintOf}
 */
export function createDeliveryKeys(
  parameters: ApiKeys,
  parameter: string,
  ids: Readonly<Record<string, string>>,
): DeliveryKeys {
  return {
    async read(pastCache = false) {
      const read = await (pastCache ? parameters.readAgain(parameter) : parameters.read(parameter));
      if (read.kind !== 'found') return read;
      const version = `Version ${read.key.version} of the SSM parameter ${parameter}`;
      let publicHalves: readonly (readonly [Secret, string])[];
      try {
        publicHalves = privateKeysIn(read.key.secret).map((key) => [key, fingerprintOf(publicHalfOf(key))]);
      } catch (error) {
        return { kind: 'missing', detail: `${version} holds no private key: ${describeError(error)}` };
      }
      const [first, ...others] = publicHalves.flatMap(([privateKey, fingerprint]): DeliveryKey[] => {
        const id = ids[fingerprint];
        return id === undefined ? [] : [{ privateKey, id }];
      });
      if (first !== undefined) return { kind: 'found', keys: [first, ...others] };
      const held = publicHalves.length === 0 ? 'holds no private key' : 'holds no key of deliveryPublicKeys';
      return { kind: 'missing', detail: `${version} ${held}.` };
    },
  };
}

const PRIVATE_KEY = /-----BEGIN PRIVATE KEY-----.+?-----END PRIVATE KEY-----/gs;

/** The private keys in a parameter's value: PEM, one after the other. */
export function privateKeysIn(value: Secret): readonly Secret[] {
  return [...value.reveal().matchAll(PRIVATE_KEY)].map(([pem]) => new Secret(pem));
}

/**
 * The public half of a private key: base64 of its SPKI, on one line, as the setting `deliveryPublicKeys` holds it.
 *
 * @throws Error for what is no private key, without a word of it
 */
export function publicHalfOf(privateKey: Secret): string {
  const publicKey = createPublicKey(createPrivateKey(privateKey.reveal()));
  return publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
}

/** A short name of a public key: 16 hexadecimal digits. */
export function fingerprintOf(publicHalf: string): string {
  return createHash('sha256').update(publicHalf).digest('hex').slice(0, 16);
}

/** A new key of the kind that CloudFront takes: ECDSA on P-256. */
export function newPrivateKey(): Secret {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return new Secret(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
}
