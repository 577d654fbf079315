import { type Build, buildId } from '../../functions/domain/model/build.ts';
import type { Inspection } from '../../functions/domain/model/inspection.ts';
import type { VirtualTime } from './virtual-time.ts';

const REGION = 'eu-central-1';

/** A versioned S3 bucket in virtual time: knows what each key holds, and what it held. */
export class SimulatedBucket {
  readonly name: string;
  readonly #time: VirtualTime;
  readonly #versions = new Map<string, { readonly isZip: boolean; readonly content: string }>();
  /** `undefined`: a delete marker. */
  readonly #current = new Map<string, string | undefined>();
  #puts = 0;

  constructor(time: VirtualTime, name = 'drop') {
    this.#time = time;
    this.name = name;
  }

  /** @param content two builds with the same content are copies of one another */
  put(key: string, isZip = true, content = `content-${this.#puts}`): Build {
    const number = this.#puts++;
    const build: Build = {
      bucket: this.name,
      key,
      versionId: `v${number}`,
      sequencer: number.toString(16).toUpperCase().padStart(16, '0'),
      size: 5_000_000_000,
      region: REGION,
      droppedAt: this.#time.now(),
    };
    this.#versions.set(buildId(build), { isZip, content });
    this.#current.set(key, buildId(build));
    return build;
  }

  /** Writes the bytes that the key holds once more, as an edit of the metadata does; `undefined` where it holds none. */
  rewrite(key: string): { readonly build: Build; readonly isZip: boolean } | undefined {
    const held = this.#versions.get(this.#current.get(key) ?? '');
    return held && { build: this.put(key, held.isZip, held.content), isZip: held.isZip };
  }

  contentOf(build: Build): string | undefined {
    return this.#versions.get(buildId(build))?.content;
  }

  /** Deletes the key: its versions stay under a delete marker. */
  delete(key: string): void {
    this.#current.set(key, undefined);
  }

  /** Deletes a version for good. */
  deleteVersion(build: Build): void {
    const id = buildId(build);
    this.#versions.delete(id);
    if (this.#current.get(build.key) === id) this.#current.set(build.key, undefined);
  }

  /** A ranged GET of a build's first bytes: of its own version, or of what the key holds now. */
  get(build: Build, pinned: boolean): Inspection {
    const id = buildId(build);
    const held = pinned ? id : this.#current.get(build.key);
    const version = held === undefined ? undefined : this.#versions.get(held);
    if (version === undefined)
      return { kind: 'refused', reason: 'BuildMissing', detail: 'S3 answered 404.', status: 404 };
    if (held !== id) return { kind: 'superseded', detail: `The key now holds ${held}.` };
    if (!version.isZip) return { kind: 'refused', reason: 'NotAZip', detail: 'Not a zip.', status: 206 };
    return { kind: 'ready', content: version.content };
  }
}

/** S3's own notification of these builds, as the queue gets it. */
export function notificationOf(builds: readonly Build[]): string {
  return JSON.stringify({
    Records: builds.map(({ bucket, key, versionId, sequencer, size, region, droppedAt }) => ({
      eventVersion: '2.1',
      eventSource: 'aws:s3',
      awsRegion: region,
      eventTime: new Date(droppedAt).toISOString(),
      eventName: 'ObjectCreated:CompleteMultipartUpload',
      s3: {
        bucket: { name: bucket },
        object: { key: encodeURIComponent(key).replaceAll('%20', '+'), versionId, sequencer, size },
      },
    })),
  });
}
