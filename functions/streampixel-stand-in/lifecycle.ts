import { present } from '../domain/model/optional-fields.ts';

/** The raw pipeline status of each stage, in their order. Source: the build-lifecycle page of docs.streampixel.io. */
const STATUS_OF = {
  uploaded: 'pending',
  downloading: 'Downloading Files',
  extracting: 'Extracting & Scanning',
  saving: 'Saving to Repository',
  distributing: 'Distribute',
  approved: 'Approved',
  rejected: 'Reject',
} as const;

export type Stage = keyof typeof STATUS_OF;
/** A stage that takes some time and is followed by another. */
export type OpenStage = Exclude<Stage, 'approved' | 'rejected'>;

/** Every event about a build: one for each stage that it enters. */
export const BUILD_EVENTS = Object.keys(STATUS_OF).map((stage) => `build.${stage}`);

/** The stages of every build before its approval. */
const PROCESSING: readonly OpenStage[] = ['uploaded', 'downloading', 'extracting', 'saving'];

/**
 * What happens to an accepted upload. Whatever the course, a file that can't be downloaded or is no whole zip is rejected.
 *
 * `distributing` comes before the approval where `autoRelease` is true, and with each `distribute-file`: a course that ends
 * there ends then.
 */
export type Course =
  | { readonly kind: 'documented' }
  /** Enters the stage and is rejected at its end. At `downloading`, `fileUrl` is not requested. */
  | { readonly kind: 'rejected'; readonly at: OpenStage; readonly objection: string }
  /** Enters the stage and never leaves it: no more webhooks, no approval. */
  | { readonly kind: 'stuck'; readonly after: OpenStage }
  /** The documented course without webhooks. */
  | { readonly kind: 'silent' }
  /** `fileUrl` is requested only once its signature has ended. */
  | { readonly kind: 'late-download' };

/** How much later than the end of its signature a late download begins, in ms: S3's clock and this one may differ. */
export const AFTER_THE_END_MS = 5_000;

/** A request of `upload-file`. */
export interface UploadRequest {
  readonly projectId: string;
  readonly fileUrl: string;
  readonly autoRelease: boolean;
}

/** An accepted upload and its state. */
export interface Upload extends UploadRequest {
  readonly uploadId: string;
  /** ms since the epoch. */
  readonly acceptedAt: number;
  /** The one that it has entered; absent until it has entered the first. */
  readonly stage?: Stage;
  /** Of the pipeline, in Streampixel's words. */
  readonly status: string;
  /** Why it was rejected. */
  readonly objection?: string;
  /** It was approved, and not rejected since: it may be distributed. */
  readonly isReleasable: boolean;
  readonly course: Course;
}

/** The body of a webhook: the same flat shape for every event. */
export interface WebhookPayload {
  /** `build.` and the stage entered, or `webhook.test`. */
  readonly event: string;
  readonly projectId: string;
  readonly uploadId: string | null;
  /** As it was given to `upload-file`, signature included: Streampixel does not say that it removes the query. */
  readonly fileUrl: string | null;
  /** Of the pipeline, in Streampixel's words. */
  readonly status: string;
  /** Why a build was rejected; `null` on every other event. */
  readonly objection: string | null;
  /** ISO 8601: when the stage was entered, not when this was sent. */
  readonly timestamp: string;
}

/** @param now ms since the epoch */
export function acceptedUpload(request: UploadRequest, uploadId: string, course: Course, now: number): Upload {
  return { ...request, uploadId, acceptedAt: now, status: STATUS_OF.uploaded, isReleasable: false, course };
}

/** What follows a stage. `distributed`: by a `distribute-file`; viewers get it, and no webhook is sent. */
export type Step =
  | { readonly kind: 'stays' }
  | { readonly kind: 'enters'; readonly stage: Stage; readonly objection?: string }
  | { readonly kind: 'distributed' };

/**
 * What happens when the time of a stage is over. After its approval an upload is left alone until it is distributed.
 *
 * @param stage without it: the upload has been accepted just now
 * @param fileProblem what is wrong with the file, where this stage has read it
 */
export function nextStep(upload: Upload, stage: Stage | undefined, fileProblem?: string): Step {
  const { autoRelease, course, isReleasable } = upload;
  const objection = fileProblem ?? (course.kind === 'rejected' && course.at === stage ? course.objection : undefined);
  if (objection !== undefined) return { kind: 'enters', stage: 'rejected', objection };
  if (course.kind === 'stuck' && course.after === stage) return { kind: 'stays' };
  switch (stage) {
    case undefined:
    case 'uploaded':
    case 'downloading':
    case 'extracting':
    case 'saving': {
      const following = stage === undefined ? PROCESSING[0] : PROCESSING[PROCESSING.indexOf(stage) + 1];
      return { kind: 'enters', stage: following ?? (autoRelease ? 'distributing' : 'approved') };
    }
    case 'approved':
      return { kind: 'enters', stage: 'distributing' };
    case 'distributing':
      return isReleasable ? { kind: 'distributed' } : { kind: 'enters', stage: 'approved' };
    case 'rejected':
      return { kind: 'stays' };
  }
}

/** The upload after a step. */
export function afterStep(upload: Upload, step: Exclude<Step, { kind: 'stays' }>): Upload {
  // The documentation does not say whether a second `build.approved` is sent. Here it is not.
  const stage = step.kind === 'distributed' ? 'approved' : step.stage;
  const { objection: _, ...rest } = upload;
  const isReleasable = stage === 'approved' || (stage !== 'rejected' && upload.isReleasable);
  const objection = step.kind === 'enters' ? step.objection : undefined;
  return { ...rest, stage, status: STATUS_OF[stage], isReleasable, ...present({ objection }) };
}

/** Whether `fileUrl` is read at the end of this stage. */
export function isRead({ course }: Upload, stage: Stage | undefined): boolean {
  return stage === 'downloading' && !(course.kind === 'rejected' && course.at === stage);
}

/** Whether the stage is followed by another, without a request. */
export function isOpen(stage: Stage): stage is OpenStage {
  return stage !== 'approved' && stage !== 'rejected';
}

/**
 * The webhook about the stage that an upload has entered.
 *
 * @param now ms since the epoch
 */
export function webhookAbout(
  { fileUrl, objection, projectId, stage, status, uploadId }: Upload,
  now: number,
): WebhookPayload {
  const timestamp = new Date(now).toISOString();
  return { event: `build.${stage}`, projectId, uploadId, fileUrl, status, objection: objection ?? null, timestamp };
}

/**
 * The webhook of the button "Test Webhook".
 *
 * @param now ms since the epoch
 */
export function testWebhook(projectId: string, now: number): WebhookPayload {
  const nothing = { uploadId: null, fileUrl: null, objection: null };
  return { event: 'webhook.test', projectId, status: 'test', timestamp: new Date(now).toISOString(), ...nothing };
}

/**
 * When the signature of a download URL ends, in ms since the epoch: of S3 (`X-Amz-Date` and `X-Amz-Expires`) or of CloudFront
 * (`Expires`). 0 for a URL without one.
 */
export function endOfUrl(fileUrl: string): number {
  const { searchParams } = new URL(fileUrl);
  const [, date, time] = /^(\d{8})T(\d{6})Z$/.exec(searchParams.get('X-Amz-Date') ?? '') ?? [];
  if (date === undefined || time === undefined) return Number(searchParams.get('Expires')) * 1000;
  const iso = `${date.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`;
  return Date.parse(iso) + Number(searchParams.get('X-Amz-Expires')) * 1000;
}
