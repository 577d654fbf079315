import type { Reason, RetryCause } from './reasons.ts';

/** Every result of a call of `upload-file`. `detail` is Streampixel's message, redacted and shortened. */
export type UploadAnswer = {
  /** When the request was sent, in ms since the epoch; absent if it never was. */
  readonly sentAt?: number;
} & (
  | { readonly kind: 'accepted'; readonly uploadId: string; readonly status: number }
  | { readonly kind: 'rate-limited'; readonly status: number; readonly retryAfterMs?: number; readonly detail: string }
  | { readonly kind: 'refused'; readonly reason: Reason; readonly status: number; readonly detail: string }
  /** Certainly not accepted. It may succeed later. */
  | { readonly kind: 'failed'; readonly cause: RetryCause; readonly status?: number; readonly detail: string }
  /** It may have been accepted: no answer came, or it can't be read. */
  | { readonly kind: 'lost'; readonly status?: number; readonly detail: string }
);

/** Every result of a call of `distribute-file`. `detail` is Streampixel's message, redacted and shortened. */
export type ReleaseAnswer = {
  /** When the request was sent, in ms since the epoch; absent if it never was. */
  readonly sentAt?: number;
} & (
  | { readonly kind: 'released'; readonly status: number }
  /** 400 (no URL yet) and 404 `File not found in project`: Streampixel is still processing the upload. */
  | { readonly kind: 'too-early'; readonly status: number; readonly detail: string }
  | { readonly kind: 'rate-limited'; readonly status: number; readonly retryAfterMs?: number; readonly detail: string }
  | { readonly kind: 'refused'; readonly reason: Reason; readonly status: number; readonly detail: string }
  | { readonly kind: 'failed'; readonly cause: RetryCause; readonly status?: number; readonly detail: string }
  | { readonly kind: 'lost'; readonly status?: number; readonly detail: string }
);
