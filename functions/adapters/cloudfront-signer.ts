import { getSignedUrl } from '@aws-sdk/cloudfront-signer';
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
    throw unreadable(`${detail} Make a key with delivery-key create, and deploy with what it prints.`);
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
      const found = problemOf(answer, domain);
      if (found?.isKeyRefused !== true) {
        if (found !== undefined) throw found.problem;
        return;
      }
      const keyId = new URL(url.reveal()).searchParams.get('Key-Pair-Id') ?? '';
      throw new Undeliverable(found.problem.inspection, keyId);
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
function problemOf(
  answer: HttpExchange,
  domain: string,
): { problem: Undeliverable; isKeyRefused?: boolean } | undefined {
  if (answer.kind !== 'answered') {
    if (answer.detail === 'ENOTFOUND') {
      const detail = `There is no distribution at ${domain}: its name is unknown (${answer.detail}). Deploy again.`;
      return { problem: unreadable(detail) };
    }
    const detail = `CloudFront gave no answer: ${answer.detail}`;
    return { problem: new Undeliverable({ kind: 'unavailable', detail }) };
  }
  const { status } = answer;
  const { code, words } = wordsOf(answer);
  if (status < 400) return undefined;
  // What S3 answers comes through with S3's name.
  if (String(answer.headers.server).toLowerCase() !== 'cloudfront') {
    if (status !== 403 || code !== 'AccessDenied') return undefined;
    const output = /kms/i.test(words) ? "the KMS key's policy: output DeliveryKmsKeyPolicy" : OF_BUCKET;
    return {
      problem: unreadable(`S3 refused CloudFront: ${status} ${words}. A statement is missing in ${output}.`, status),
    };
  }
  const said = `CloudFront answered ${status} ${words}`;
  if (status >= 500) {
    return { problem: new Undeliverable({ kind: 'unavailable', detail: redact(said), status }) };
  }
  const isKeyRefused = status === 403 && code !== undefined;
  const remedy = isKeyRefused ? REFUSED_KEY_REMEDY : 'Is the distribution enabled? Deploy again.';
  return { problem: unreadable(`${said}. ${remedy}`, status), isKeyRefused };
}

const OF_BUCKET =
  "the bucket's policy. Deploy again; for an existing bucket add those of the output DeliveryBucketPolicy";
const REFUSED_KEY_REMEDY =
  'The key group of the distribution does not take the key that signs. Deploy again, and wait some minutes before you redrive.';

function unreadable(detail: string, status?: number): Undeliverable {
  const said = { kind: 'refused', reason: 'BuildUnreadable', detail: redact(detail) } as const;
  return new Undeliverable(status === undefined ? said : { ...said, status });
}

/** What an error says: the code and message of XML, or the text of a page. */
function wordsOf({ body }: HttpAnswer): { readonly code: string | undefined; readonly words: string } {
  const text = body.toString('utf8');
  const code = /<Code>([\w.]+)<\/Code>/.exec(text)?.[1];
  const message = /<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? '';
  if (code !== undefined) return { code, words: `${code}: ${message}`.replace(/\.$/, '') };
  const page = text.replaceAll(/<(?:head|style|script)\b.*?<\/(?:head|style|script)>|<[^>]*>/gis, ' ');
  return { code, words: page.replaceAll(/\s+/g, ' ').trim().slice(0, 120).replace(/\.$/, '') };
}
