import { S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { partition } from '@aws-sdk/util-endpoints';
import { Sha256 } from '@smithy/core/checksum';
import { HttpRequest } from '@smithy/core/protocols';
import type { Build } from '../domain/model/build.ts';
import type { Inspection } from '../domain/model/inspection.ts';
import { present } from '../domain/model/optional-fields.ts';
import { redact } from '../domain/model/redaction.ts';
import { PresignedUrl } from '../domain/model/secret.ts';
import { beginsAsZip, HEAD_BYTES, looksLike } from '../domain/package/first-bytes.ts';
import { labelsIn } from '../domain/package/labels.ts';
import { TAIL_BYTES } from '../domain/package/zip-end.ts';
import type { BuildStore, Clock } from '../domain/ports.ts';
import { exchange, type HttpExchange } from './http-exchange.ts';
import type { UrlSigner } from './url-signer.ts';
import { readZip } from './zip-content.ts';

export interface S3BuildStoreOptions {
  readonly credentials: ConstructorParameters<typeof S3RequestPresigner>[0]['credentials'];
  readonly clock: Pick<Clock, 'now'>;
  /** How long a `fileUrl` is signed for, in s: 1 to 604,800. The session of the signing role may end it sooner. */
  readonly lifetimeS: number;
  /** Another S3 than AWS's, addressed path-style: an emulator has no wildcard DNS. */
  readonly endpoint: string | undefined;
  /** Makes URLs of another kind. Default: presigned URLs. With it, `inspect` throws what it throws. */
  readonly signer?: UrlSigner | undefined;
}

/** The longest SigV4 signs for, in s. */
export const LONGEST_LIFETIME_S = 604_800;

/** How long the URL of a check is signed for, in s: it is used at once. */
const CHECK_LIFETIME_S = 60;
/** Longest a check may take, in ms. */
const CHECK_TIMEOUT_MS = 10_000;
/** An error of S3 is XML of a few hundred bytes; of a build no more than this is read either. */
const ANSWER_LIMIT = 4_096;

/** Codes by which S3 refuses the signature or the moment, not the object: a later try may succeed. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'RequestTimeTooSkewed',
  'RequestTimeout',
  'SlowDown',
  'TokenRefreshRequired',
]);

/**
 * Signs and checks builds. Uses the presigner without the S3 client, which would cost the cold start 140 KB.
 *
 * @throws RangeError for a lifetime that SigV4 can't sign
 */
export function createS3BuildStore(options: S3BuildStoreOptions): BuildStore {
  const { credentials, clock, lifetimeS, endpoint, signer } = options;
  if (!Number.isInteger(lifetimeS) || lifetimeS < 1 || lifetimeS > LONGEST_LIFETIME_S) {
    throw new RangeError(`A presigned URL lives 1 to ${LONGEST_LIFETIME_S} s, not ${lifetimeS} s.`);
  }

  async function presign(build: Build, versionId: string | undefined, expiresIn: number): Promise<PresignedUrl> {
    if (signer !== undefined) return signer.sign(build, versionId, expiresIn);
    // The bucket's region, not the function's: another region's endpoint answers with a redirect, which Streampixel forbids.
    const presigner = new S3RequestPresigner({ credentials, region: build.region, sha256: Sha256 });
    const { protocol, host, hostname, path } = addressOf(build, endpoint);
    const request = new HttpRequest({
      method: 'GET',
      protocol,
      hostname,
      path,
      headers: { host },
      ...present({ query: versionId === undefined ? undefined : { versionId } }),
    });
    const now = clock.now();
    const { query } = await presigner.presign(request, { expiresIn, signingDate: new Date(now) });
    const pairs = Object.entries(query ?? {}).map(([name, value]) => `${encode(name)}=${encode(String(value))}`);
    return new PresignedUrl(`${protocol}//${host}${path}?${pairs.join('&')}`, now + expiresIn * 1000);
  }

  /** @param range as HTTP writes it: `0-3`, or `-100` for the last 100 bytes */
  async function fetchRange(
    build: Build,
    versionId: string | undefined,
    range: string,
    deadline: number,
    maxBytes = ANSWER_LIMIT,
  ): Promise<HttpExchange> {
    const url = await presign(build, versionId, CHECK_LIFETIME_S);
    const result = await exchange(
      {
        method: 'GET',
        url: url.reveal(),
        headers: { range: `bytes=${range}` },
        deadline: Math.min(deadline, clock.now() + CHECK_TIMEOUT_MS),
        maxBytes,
      },
      clock,
    );
    signer?.examine(url, result);
    return result;
  }

  const fetchFirstBytes = (build: Build, versionId: string | undefined, deadline: number) =>
    fetchRange(build, versionId, `0-${HEAD_BYTES - 1}`, deadline);

  /** The zip's directory is at its end: the last bytes, and what of it does not fit in them. */
  async function readBuild(build: Build, deadline: number): Promise<Inspection> {
    const first = await fetchFirstBytes(build, build.versionId, deadline);
    const problem = problemOf(first);
    if (problem !== undefined) return problem;
    if (first.kind !== 'answered') return BROKEN_OFF;
    const head = first.body.subarray(0, HEAD_BYTES);
    const labels = present({ labels: labelsIn(first.headers) });
    // A store that ignores ranges serves its objects all the same; what is in them is not known then.
    const unread: Inspection = beginsAsZip(head) ? { kind: 'ready', ...labels } : { ...notAZip(head), ...labels };
    const fetchPart = async (range: string, maxBytes: number) => {
      const result = await fetchRange(build, build.versionId, range, deadline, maxBytes);
      const isPart = result.kind === 'answered' && result.status === 206;
      if (isPart && result.extent === 'whole') return result;
      const isWhole = result.kind === 'answered' && result.status === 200;
      throw new Unread(isWhole ? unread : ((isPart ? undefined : problemOf(result)) ?? BROKEN_OFF));
    };
    try {
      const last = await fetchPart(`-${TAIL_BYTES}`, TAIL_BYTES);
      const size = Number(/\/(\d+)$/.exec(last.headers['content-range'] ?? '')?.[1] ?? Number.NaN);
      if (!Number.isSafeInteger(size) || size < last.body.length) return unread;
      const { content, verdict } = await readZip(size, head, last.body, async (start, end) => {
        const part = await fetchPart(`${start}-${end - 1}`, end - start);
        // Without versions the object may have been replaced meanwhile: the parts of two zips make no directory.
        if (part.headers.etag !== last.headers.etag) throw new Unread(BROKEN_OFF);
        return part.body;
      });
      const [refusal] = verdict.refusals;
      if (refusal?.code === 'NotAZip') return { ...refused('NotAZip', refusal.detail), ...labels };
      return { kind: 'ready', verdict, ...present({ content }), ...labels };
    } catch (error) {
      if (error instanceof Unread) return error.inspection;
      throw error;
    }
  }

  return {
    presign: (build) => presign(build, build.versionId, lifetimeS),

    async inspect(build, check, deadline) {
      if (check === 'readable') return readBuild(build, deadline);
      const result = await fetchFirstBytes(build, undefined, deadline);
      if (result.kind === 'answered' && result.status < 300) {
        const other = heldInstead(build, result);
        if (other !== undefined) return { kind: 'superseded', detail: `The key now holds ${other}.` };
      }
      // What it holds was judged when it was read.
      return problemOf(result) ?? { kind: 'ready' };
    },
  };
}

/** A part of the zip could not be read: what that says of the build. */
class Unread extends Error {
  readonly inspection: Inspection;
  constructor(inspection: Inspection) {
    super('a part could not be read');
    this.inspection = inspection;
  }
}
const BROKEN_OFF: Inspection = { kind: 'unavailable', detail: 'S3 served a part of the zip incompletely.' };

/** What the key holds now, where that is not this build any more. */
function heldInstead(build: Build, { headers }: Extract<HttpExchange, { kind: 'answered' }>): string | undefined {
  const versionId = headers['x-amz-version-id'];
  if (build.versionId !== undefined && typeof versionId === 'string') {
    return versionId === build.versionId ? undefined : `version ${versionId}`;
  }
  const eTag = headers.etag?.replaceAll('"', '');
  if (build.eTag === undefined || eTag === undefined || eTag === build.eTag) return undefined;
  return `an object with ETag ${eTag}`;
}

type Refused = Extract<Inspection, { kind: 'refused' }>;

/** Why S3's answer to a ranged GET is not the object; `undefined` where it is. */
function problemOf(result: HttpExchange): Inspection | undefined {
  if (result.kind !== 'answered') return { kind: 'unavailable', detail: `S3 gave no answer: ${result.detail}` };
  const { body, extent, status } = result;
  // S3 always says how long its answer is.
  if (status === 200 || status === 206) {
    const isCut = extent === 'unproven' && !beginsAsZip(body);
    return isCut ? { kind: 'unavailable', detail: 'S3 broke off its answer.', status } : undefined;
  }
  // Some have a dot: `KMS.DisabledException`.
  const code = /<Code>([\w.]+)<\/Code>/.exec(body.toString('utf8'))?.[1] ?? '';
  const answered = `S3 answered ${status} ${code}`.trim();
  if (status === 416) return refused('NotAZip', 'The object is empty.', status);
  if (status === 404) return refused('BuildMissing', `${answered}.`, status);
  if (status === 307 || status >= 500 || PASSING_CODES.has(code)) {
    return { kind: 'unavailable', detail: redact(answered), status };
  }
  return refused('BuildUnreadable', `${answered} to a presigned GET.`, status);
}

function refused(reason: 'BuildMissing' | 'BuildUnreadable' | 'NotAZip', detail: string, status?: number): Refused {
  return { kind: 'refused', reason, detail: redact(detail), ...present({ status }) };
}

function notAZip(head: Buffer): Refused {
  return refused('NotAZip', `It is ${looksLike(head)}, not a zip.`);
}

/** Regional and virtual-hosted, except where TLS forbids it (a dot in the bucket's name) or the endpoint is not AWS's. */
function addressOf({ bucket, key, region }: Build, endpoint: string | undefined) {
  const path = `/${key.split('/').map(encode).join('/')}`;
  if (endpoint !== undefined && endpoint !== '') {
    const { protocol, host, hostname } = new URL(endpoint);
    return { protocol, host, hostname, path: `/${bucket}${path}` };
  }
  const regional = `s3.${region}.${partition(region).dnsSuffix}`;
  const dotted = bucket.includes('.');
  const host = dotted ? regional : `${bucket}.${regional}`;
  return { protocol: 'https:', host, hostname: host, path: dotted ? `/${bucket}${path}` : path };
}

/** RFC 3986: `encodeURIComponent` leaves five characters that a signature counts as encoded. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
