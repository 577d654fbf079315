import type { Build } from '../domain/model/build.ts';
import type { Inspection } from '../domain/model/inspection.ts';
import type { PresignedUrl } from '../domain/model/secret.ts';
import type { HttpExchange } from './http-exchange.ts';

/** Makes the URLs that builds are downloaded by, in place of presigned URLs of S3. */
export interface UrlSigner {
  /**
   * @param versionId absent for the current one
   * @param lifetimeS in s
   * @throws Undeliverable where there is nothing to sign with
   */
  sign(build: Build, versionId: string | undefined, lifetimeS: number): Promise<PresignedUrl>;
  /** @throws Undeliverable for an answer that is not about the build but about the delivery */
  examine(url: PresignedUrl, answer: HttpExchange): void;
}

/** No build can be downloaded in this way now. */
export class Undeliverable extends Error {
  override name = 'Undeliverable';
  readonly inspection: Extract<Inspection, { kind: 'refused' | 'unavailable' }>;
  /** The key whose signature was refused. */
  readonly refusedKeyId: string | undefined;
  constructor(inspection: Undeliverable['inspection'], refusedKeyId?: string) {
    super(inspection.detail);
    this.inspection = inspection;
    this.refusedKeyId = refusedKeyId;
  }
}
