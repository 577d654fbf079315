import type { Labels, Verdict } from './package-verdict.ts';
import type { Reason } from './reasons.ts';

/** What came of a look at the object that a build is. */
export type Inspection =
  | {
      readonly kind: 'ready';
      /** Digest of what is in the zip; absent where its directory could not be read, or was not asked for. */
      readonly content?: string;
      /** Whether Streampixel can run what is in it; absent where it was not read. */
      readonly verdict?: Verdict;
      readonly labels?: Labels;
    }
  | { readonly kind: 'superseded'; readonly detail: string }
  | {
      readonly kind: 'refused';
      readonly reason: Extract<Reason, 'BuildMissing' | 'BuildUnreadable' | 'NotAZip'>;
      readonly detail: string;
      readonly status?: number;
      readonly labels?: Labels;
    }
  | { readonly kind: 'unavailable'; readonly detail: string; readonly status?: number };
/**
 * - `readable`: this version can be fetched through a presigned URL, as Streampixel will, and is a zip; what is in it is judged, too
 * - `current`: the key still holds this version
 */
export type Check = 'readable' | 'current';
