import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { downloadBuild } from './stand-in-download.ts';
import type { Deliveries, WebhookSequence, Webhooks } from './stand-in-webhooks.ts';

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
  | { readonly kind: 'documented'; readonly deliveries?: Deliveries }
  /** Enters the stage and is rejected at its end. At `downloading`, `fileUrl` is not requested. */
  | {
      readonly kind: 'rejected';
      readonly at: OpenStage;
      readonly objection: string;
      readonly deliveries?: Deliveries;
    }
  /** Enters the stage and never leaves it: no more webhooks, no approval. */
  | { readonly kind: 'stuck'; readonly after: OpenStage; readonly deliveries?: Deliveries }
  /** The documented course without webhooks. */
  | { readonly kind: 'silent' };

export type StandInEvent =
  /** The whole zip was read through `fileUrl`. */
  | ({ readonly kind: 'downloaded'; readonly size: number; readonly sha256: string } & StandInBuild)
  /** As Streampixel's `build.rejected`: it was accepted, and can't be used. */
  | ({ readonly kind: 'rejected'; readonly objection: string } & StandInBuild)
  /** As Streampixel's `build.approved`. */
  | ({ readonly kind: 'approved' } & StandInBuild)
  /** The project's viewers get it from now on. */
  | ({ readonly kind: 'live'; readonly by: ReleasedBy } & StandInBuild);

export type ReleasedBy = 'auto-release' | 'distribute-file';

interface StandInBuild {
  readonly uploadId: string;
  /** Host of `fileUrl`, with its port. */
  readonly host: string;
  /** Path of `fileUrl`, percent-encoded. */
  readonly path: string;
  /** The only part of the query of `fileUrl` that is no secret. */
  readonly versionId: string | undefined;
}

/** A request of `upload-file`. */
export interface UploadRequest {
  readonly projectId: string;
  readonly fileUrl: string;
  readonly autoRelease: boolean;
}

/** An accepted upload and its state. */
export interface Upload extends UploadRequest {
  readonly uploadId: string;
  readonly acceptedAt: Date;
  /** Of the pipeline, in Streampixel's words. */
  status: string;
  /** Why it was rejected. */
  objection: string | undefined;
  /** It was approved, and not rejected since: it may be distributed. */
  isReleasable: boolean;
  readonly course: Course;
  readonly webhooks: WebhookSequence;
}

export interface LifecycleOptions {
  /** How long a stage takes, in ms; asked at each. */
  readonly stageMs: () => number;
  /** Shortest time that a build is queued, in ms. */
  readonly queueMs: () => number;
  readonly webhooks: Webhooks;
  readonly onEvent: (event: StandInEvent) => void;
  /** Gets every course that is in progress. */
  readonly track: (course: Promise<void>) => void;
  /** Ends every course. */
  readonly signal: AbortSignal;
}

/** How a stage ends. */
type StageEnd =
  | { readonly kind: 'passed' }
  | { readonly kind: 'rejected'; readonly objection: string }
  | { readonly kind: 'stuck' };

const NO_WEBHOOKS: WebhookSequence = { add() {}, release() {} };

/** What Streampixel does with accepted uploads. It sends a webhook for every stage that a build enters. */
export function createLifecycle(options: LifecycleOptions) {
  const { stageMs, queueMs, webhooks, onEvent, track, signal } = options;
  const planned: Course[] = [];
  const uploads: Upload[] = [];
  const liveOf = new Map<string, string>();

  /** From acceptance to approval or rejection, or until it gets stuck. */
  async function process(upload: Upload): Promise<void> {
    const stages: readonly OpenStage[] = upload.autoRelease ? [...PROCESSING, 'distributing'] : PROCESSING;
    for (const stage of stages) {
      if (!(await passes(upload, stage))) return;
    }
    enter(upload, 'approved');
    upload.isReleasable = true;
    onEvent({ kind: 'approved', ...buildOf(upload) });
    upload.webhooks.release();
    if (upload.autoRelease) goLive(upload, 'auto-release');
  }

  async function release(upload: Upload): Promise<void> {
    if (!(await passes(upload, 'distributing'))) return;
    // The documentation does not say whether a second `build.approved` is sent. Here it is not.
    upload.status = STATUS_OF.approved;
    goLive(upload, 'distribute-file');
  }

  /** @returns whether the build goes on to the next stage */
  async function passes(upload: Upload, stage: OpenStage): Promise<boolean> {
    enter(upload, stage);
    const end = await endOf(upload, stage);
    if (end.kind === 'passed') return true;
    if (end.kind === 'rejected') {
      const { objection } = end;
      enter(upload, 'rejected', objection);
      upload.isReleasable = false;
      onEvent({ kind: 'rejected', objection, ...buildOf(upload) });
    }
    upload.webhooks.release();
    return false;
  }

  function enter(upload: Upload, stage: Stage, objection?: string): void {
    upload.status = STATUS_OF[stage];
    upload.objection = objection;
    const { projectId, uploadId, fileUrl, status } = upload;
    const timestamp = new Date().toISOString();
    const event = `build.${stage}`;
    upload.webhooks.add({ event, projectId, uploadId, fileUrl, status, objection: objection ?? null, timestamp });
  }

  async function endOf(upload: Upload, stage: OpenStage): Promise<StageEnd> {
    const end = plannedEnd(upload.course, stage);
    const isRead = stage === 'downloading' && end.kind !== 'rejected';
    const [objection] = await Promise.all([
      isRead ? download(upload) : undefined,
      sleep(Math.max(stageMs(), stage === 'uploaded' ? queueMs() : 0), undefined, { signal }),
    ]);
    return objection === undefined ? end : { kind: 'rejected', objection };
  }

  /** @returns what is wrong with the file */
  async function download(upload: Upload): Promise<string | undefined> {
    const result = await downloadBuild(upload.fileUrl, signal);
    signal.throwIfAborted();
    if (result.kind === 'unusable') return result.objection;
    onEvent({ ...result, ...buildOf(upload) });
    return undefined;
  }

  function goLive(upload: Upload, by: ReleasedBy): void {
    liveOf.set(upload.projectId, upload.uploadId);
    onEvent({ kind: 'live', by, ...buildOf(upload) });
  }

  /** Ends without an error when the stand-in stops. */
  async function untilStopped(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  return {
    /** Queues courses for the next uploads that are accepted. */
    plan: (...courses: Course[]): void => void planned.push(...courses),
    accept(request: UploadRequest): Upload {
      const course = planned.shift() ?? { kind: 'documented' };
      const upload: Upload = {
        ...request,
        uploadId: randomBytes(12).toString('hex'),
        acceptedAt: new Date(),
        status: STATUS_OF.uploaded,
        objection: undefined,
        isReleasable: false,
        course,
        webhooks: course.kind === 'silent' ? NO_WEBHOOKS : webhooks.sequence(course.deliveries),
      };
      uploads.push(upload);
      track(untilStopped(process(upload)));
      return upload;
    },
    /** Makes a releasable upload the live one, after a while. */
    distribute: (upload: Upload): void => track(untilStopped(release(upload))),
    /** Oldest first. */
    uploadsOf: (projectId: string): Upload[] => uploads.filter((upload) => upload.projectId === projectId),
    /** Upload id of the live build. */
    live: (projectId: string): string | undefined => liveOf.get(projectId),
  };
}

/** How the course ends this stage. */
function plannedEnd(course: Course, stage: OpenStage): StageEnd {
  if (course.kind === 'rejected' && course.at === stage) return { kind: 'rejected', objection: course.objection };
  if (course.kind === 'stuck' && course.after === stage) return { kind: 'stuck' };
  return { kind: 'passed' };
}

function buildOf({ uploadId, fileUrl }: Upload): StandInBuild {
  const { host, pathname, searchParams } = new URL(fileUrl);
  return { uploadId, host, path: pathname, versionId: searchParams.get('versionId') ?? undefined };
}
