import type { Reason, RetryCause } from './reasons.ts';

/** Certainly not accepted; may succeed later. */
interface FailedAnswer {
  readonly kind: 'failed';
  readonly cause: RetryCause;
  readonly status?: number;
  /** Where Streampixel says when to come back. */
  readonly retryAfterMs?: number;
  readonly detail: string;
}

/** Every answer and non-answer of `upload-file`. Messages are the vendor's words, redacted and trimmed. */
export type UploadAnswer = {
  /** When the request went onto the wire, in ms since the epoch; absent if it never did. */
  readonly sentAt?: number;
} & (
  | { readonly kind: 'accepted'; readonly uploadId: string; readonly status: number }
  | { readonly kind: 'rate-limited'; readonly status: number; readonly retryAfterMs?: number; readonly detail: string }
  | { readonly kind: 'refused'; readonly reason: Reason; readonly status: number; readonly detail: string }
  | FailedAnswer
  /** May have been accepted: the answer never came, or can't be read. */
  | { readonly kind: 'lost'; readonly status?: number; readonly detail: string }
);
/** Every answer and non-answer of `distribute-file`. Messages are the vendor's words, redacted and trimmed. */
export type ReleaseAnswer = {
  /** When the request went onto the wire, in ms since the epoch; absent if it never did. */
  readonly sentAt?: number;
} & (
  | { readonly kind: 'released'; readonly status: number }
  /** 400 (no URL yet) and 404 `File not found in project`: the vendor is not done with the upload. */
  | { readonly kind: 'too-early'; readonly status: number; readonly detail: string }
  | { readonly kind: 'rate-limited'; readonly status: number; readonly retryAfterMs?: number; readonly detail: string }
  | { readonly kind: 'refused'; readonly reason: Reason; readonly status: number; readonly detail: string }
  | FailedAnswer
  | { readonly kind: 'lost'; readonly status?: number; readonly detail: string }
);
