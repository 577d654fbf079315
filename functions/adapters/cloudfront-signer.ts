import { getSignedUrl } from '@aws-sdk/cloudfront-signer';
import { present } from '../domain/model/optional-fields.ts';
import { redact } from '../domain/model/redaction.ts';
import { PresignedUrl } from '../domain/model/secret.ts';
import type { BuildStore, Clock } from '../domain/ports.ts';
import type { DeliveryKey, DeliveryKeys } from './delivery-key.ts';
import { type HttpAnswer, type HttpExchange, isSafeForSecrets } from './http-exchange.ts';
import { Undeliverable, type UrlSigner } from './url-signer.ts';

export interface CloudFrontOptions {
  /** The distribution's, such as `d111111abcdef8.cloudfront.net`. HTTPS, except on this machine. */
  readonly domain: string;
  readonly keys: DeliveryKeys;
  readonly clock: Pick<Clock, 'now'>;
}

/** How long a key that CloudFront has refused is used only where there is no other, in ms: a new key needs minutes to get there. */
const REFUSED_FOR_MS = 300_000;

/**
 * Delivers builds through CloudFront: each URL is signed for one object and version, and proved by the check, which fetches through a
 * URL of the same kind. Where CloudFront refuses a signature, the keys are read again, and another one is tried.
 *
 * @param createStore makes the store that checks and signs with this signer
 */
export function deliverByCloudFront(
  { domain, keys, clock }: CloudFrontOptions,
  createStore: (signer: UrlSigner) => BuildStore,
): BuildStore {
  const origin = `${isSafeForSecrets(`http://${domain}`) ? 'http' : 'https'}://${domain}`;
  const refusedAt = new Map<string, number>();
  const isRefused = ({ id }: DeliveryKey) =>
    clock.now() - (refusedAt.get(id) ?? Number.NEGATIVE_INFINITY) < REFUSED_FOR_MS;

  async function chooseKey(): Promise<DeliveryKey> {
    const read = await keys.read();
    if (read.kind === 'found') return read.keys.find((key) => !isRefused(key)) ?? read.keys[0];
    const detail = redact(read.detail);
    if (read.kind === 'unavailable') throw new Undeliverable({ kind: 'unavailable', detail });
    throw unreadable(`${detail} Make a key (delivery-key create), put it into deliveryPublicKeys, and deploy.`);
  }

  const signer: UrlSigner = {
    async sign({ key }, versionId, lifetimeS) {
      const { id, privateKey } = await chooseKey();
      const path = key.split('/').map(encodeURIComponent).join('/');
      const query = versionId === undefined ? '' : `?versionId=${encodeURIComponent(versionId)}`;
      // CloudFront counts in s.
      const expiresAt = Math.floor(clock.now() / 1000 + lifetimeS) * 1000;
      const url = getSignedUrl({
        url: `${origin}/${path}${query}`,
        keyPairId: id,
        privateKey: privateKey.reveal(),
        dateLessThan: new Date(expiresAt),
        algorithm: 'SHA256',
      });
      return new PresignedUrl(url, expiresAt, 'cloudfront');
    },

    examine(url, answer) {
      const problem = problemOf(answer, url, domain);
      if (problem !== undefined) throw problem;
    },
  };

  const store = createStore(signer);
  return {
    presign: store.presign,
    async inspect(build, check, deadline) {
      for (;;) {
        try {
          return await store.inspect(build, check, deadline);
        } catch (error) {
          if (!(error instanceof Undeliverable)) throw error;
          if (error.refusedKeyId === undefined) return error.inspection;
          refusedAt.set(error.refusedKeyId, clock.now());
          // A key that was replaced is still in the cache, and a new one may not be at CloudFront yet.
          const again = await keys.read(true);
          if (again.kind !== 'found' || again.keys.every(isRefused)) return error.inspection;
        }
      }
    },
  };
}

/** What an answer says of the delivery, if anything. */
function problemOf(answer: HttpExchange, url: PresignedUrl, domain: string): Undeliverable | undefined {
  if (answer.kind !== 'answered') {
    const { detail } = answer;
    return detail === 'ENOTFOUND'
      ? unreadable(`There is no distribution at ${domain}: its name is unknown (${detail}). Deploy again.`)
      : new Undeliverable({ kind: 'unavailable', detail: `CloudFront gave no answer: ${detail}` });
  }
  const { status } = answer;
  // 404 and 416 are about the object.
  if (status < 400 || status === 404 || status === 416) return undefined;
  const { code, text } = errorOf(answer);
  const words = `${status} ${text.slice(0, WORDS_LIMIT)}`;
  // What S3 answers comes through with S3's name.
  if (String(answer.headers.server).toLowerCase() !== 'cloudfront') {
    if (code === 'SignatureDoesNotMatch') return unreadable(`S3 refused CloudFront: ${words}. ${ODD_KEY}`, status);
    if (code !== 'AccessDenied') return undefined;
    return unreadable(`S3 refused CloudFront: ${words}. ${/kms/i.test(text) ? NO_KMS_GRANT : NO_GRANT}`, status);
  }
  const failure = `CloudFront answered ${words}`;
  if (status >= 500 || status === 429)
    return new Undeliverable({ kind: 'unavailable', detail: redact(failure), status });
  // Its errors about signatures are XML, all others pages.
  if (status !== 403 || code === undefined)
    return unreadable(`${failure}. Is the distribution enabled? Deploy again.`, status);
  const keyId = new URL(url.reveal()).searchParams.get('Key-Pair-Id') ?? '';
  return unreadable(`${failure}. ${KEY_REFUSED}`, status, keyId);
}

/** What is quoted of an error, in characters: what to do has to fit behind it. */
const WORDS_LIMIT = 120;
const NO_GRANT =
  "A statement is missing in the bucket's policy. Deploy again; for an existing bucket add those of the output DeliveryBucketPolicy.";
const NO_KMS_GRANT = "A statement is missing in the KMS key's policy: add that of the output DeliveryKmsKeyPolicy.";
/** Some clients of S3 disagree with it on how a plus or a space is written. */
const ODD_KEY =
  'CloudFront does not sign this key as S3 expects it: drop the build under a key of letters, digits, "-", "_", "." and "/".';
const KEY_REFUSED =
  'The key group of the distribution does not take the key that signs. Deploy again, and wait some minutes before you redrive.';

function unreadable(detail: string, status?: number, refusedKeyId?: string): Undeliverable {
  const refused = {
    kind: 'refused',
    reason: 'BuildUnreadable',
    detail: redact(detail),
    ...present({ status }),
  } as const;
  return new Undeliverable(refused, refusedKeyId);
}

/** An error's code and what it says: both of XML, or the text of a page. */
function errorOf({ body }: HttpAnswer): { readonly code: string | undefined; readonly text: string } {
  const content = body.toString('utf8');
  const code = /<Code>([\w.]+)<\/Code>/.exec(content)?.[1];
  const message = /<Message>([^<]*)<\/Message>/.exec(content)?.[1] ?? '';
  const page = content.replaceAll(/<(?:head|style|script)\b.*?<\/(?:head|style|script)>|<[^>]*>/gis, ' ');
  const text = code === undefined ? page : `${code}: ${message}`;
  return { code, text: text.replaceAll(/\s+/g, ' ').trim().replace(/\.$/, '') };
}
