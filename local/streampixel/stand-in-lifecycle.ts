import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { unreachable } from '../../functions/domain/model/outcome.ts';
import { fetchBuild } from './stand-in-download.ts';
import type { Deliveries, WebhookLine, Webhooks } from './stand-in-webhooks.ts';

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
/** A stage that takes its time, and that a build comes out of again. */
export type OpenStage = Exclude<Stage, 'approved' | 'rejected'>;

/** Every event about a build: one for each stage that is entered. */
export const BUILD_EVENTS = Object.keys(STATUS_OF).map((stage) => `build.${stage}`);

/** What every build goes through before it is approved. */
const PROCESSING: readonly OpenStage[] = ['uploaded', 'downloading', 'extracting', 'saving'];

/**
 * What becomes of an accepted upload. Whatever the course, a file that can't be downloaded or is no whole zip is
 * rejected.
 *
 * `distributing` comes before the approval where `autoRelease` is true, and with each `distribute-file`: a course that
 * ends there ends then.
 */
export type Course =
  | { readonly kind: 'documented'; readonly deliveries?: Deliveries }
  /** Enters the stage and is rejected instead of leaving it. At `downloading`, `fileUrl` is not asked for anything. */
  | {
      readonly kind: 'rejected';
      readonly at: OpenStage;
      readonly objection: string;
      readonly deliveries?: Deliveries;
    }
  /** Enters the stage, does the work of it and never leaves: no more webhooks, no approval. */
  | { readonly kind: 'stuck'; readonly after: OpenStage; readonly deliveries?: Deliveries }
  /** The documented course, of which no webhook tells. */
  | { readonly kind: 'silent' };

export type StandInEvent =
  /** The zip's bytes have been read to their end through `fileUrl`. */
  | ({ readonly kind: 'downloaded'; readonly size: number; readonly sha256: string } & StandInBuild)
  /** As the vendor's `build.rejected`: it was accepted, and turned out unusable. */
  | ({ readonly kind: 'rejected'; readonly objection: string } & StandInBuild)
  /** As the vendor's `build.approved`: it passed. */
  | ({ readonly kind: 'approved' } & StandInBuild)
  /** It is what the project's viewers get from now on. */
  | ({ readonly kind: 'live'; readonly by: ReleasedBy } & StandInBuild);

export type ReleasedBy = 'auto-release' | 'distribute-file';

interface StandInBuild {
  readonly uploadId: string;
  /** Path of `fileUrl`, still percent-encoded. Of its query only what is no secret: */
  readonly path: string;
  readonly versionId: string | undefined;
}

/** What `upload-file` asked for. */
export interface UploadOrder {
  readonly projectId: string;
  readonly fileUrl: string;
  readonly autoRelease: boolean;
}

/** An accepted upload, as far as it has come. */
export interface Upload extends Readonly<UploadOrder> {
  readonly uploadId: string;
  readonly acceptedAt: Date;
  /** Of the pipeline, in the vendor's words. */
  readonly status: string;
  /** Why it was rejected. */
  readonly objection: string | undefined;
  /** It was approved, and not rejected since: it may be distributed. */
  readonly isReleasable: boolean;
}

export interface Lifecycle {
  /** Lines up courses for the next uploads that are accepted. */
  plan(courses: readonly Course[]): void;
  /** Starts an upload on its course. */
  accept(order: UploadOrder): Upload;
  /** Starts to make a releasable upload the live one. */
  distribute(upload: Upload): void;
  /** Oldest first. */
  uploadsOf(projectId: string): readonly Upload[];
  /** Upload id of the build that is live. */
  live(projectId: string): string | undefined;
}

export interface LifecycleOptions {
  /** How long a stage takes, in ms; asked at each. */
  readonly stageMs: () => number;
  /** Shortest time that a build is queued, in ms. */
  readonly queueMs: () => number;
  readonly webhooks: Webhooks;
  readonly onEvent: (event: StandInEvent) => void;
  /** Is told of every course under way. */
  readonly track: (course: Promise<void>) => void;
  /** Ends every course where it is. */
  readonly signal: AbortSignal;
}

/** An upload with what only its course may change. */
interface Followed extends Upload {
  status: string;
  objection: string | undefined;
  isReleasable: boolean;
  readonly course: Course;
  readonly line: WebhookLine;
}

/** How a stage ends. */
type StageEnd =
  | { readonly kind: 'passed' }
  | { readonly kind: 'rejected'; readonly objection: string }
  | { readonly kind: 'stuck' };

const PASSED: StageEnd = { kind: 'passed' };
const SILENCE: WebhookLine = { add() {}, release() {} };

/** What the vendor does with uploads once it has accepted them. Every stage that is entered is told by webhook. */
export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { stageMs, queueMs, webhooks, onEvent, track, signal } = options;
  const planned: Course[] = [];
  const uploads = new Map<string, Followed>();
  const liveOf = new Map<string, string>();

  /** From acceptance to approval or rejection, or to where it gets stuck. */
  async function follow(upload: Followed): Promise<void> {
    const stages: readonly OpenStage[] = upload.autoRelease ? [...PROCESSING, 'distributing'] : PROCESSING;
    for (const stage of stages) {
      if (!(await passes(upload, stage))) return;
    }
    enter(upload, 'approved');
    upload.isReleasable = true;
    onEvent({ kind: 'approved', ...buildOf(upload) });
    upload.line.release();
    if (upload.autoRelease) goLive(upload, 'auto-release');
  }

  async function release(upload: Followed): Promise<void> {
    if (!(await passes(upload, 'distributing'))) return;
    // Whether a second `build.approved` is sent is documented nowhere; none is sent here.
    upload.status = STATUS_OF.approved;
    goLive(upload, 'distribute-file');
  }

  /** Brings the build through a stage. @returns whether it goes on */
  async function passes(upload: Followed, stage: OpenStage): Promise<boolean> {
    enter(upload, stage);
    const end = await endOf(upload, stage);
    switch (end.kind) {
      case 'passed':
        return true;
      case 'rejected': {
        const { objection } = end;
        enter(upload, 'rejected', objection);
        upload.isReleasable = false;
        onEvent({ kind: 'rejected', objection, ...buildOf(upload) });
        break;
      }
      case 'stuck':
        break;
      default:
        return unreachable(end);
    }
    upload.line.release();
    return false;
  }

  function enter(upload: Followed, stage: Stage, objection?: string): void {
    upload.status = STATUS_OF[stage];
    upload.objection = objection;
    const { projectId, uploadId, fileUrl, status } = upload;
    const timestamp = new Date().toISOString();
    const event = `build.${stage}`;
    upload.line.add({ event, projectId, uploadId, fileUrl, status, objection: objection ?? null, timestamp });
  }

  async function endOf(upload: Followed, stage: OpenStage): Promise<StageEnd> {
    const end = plannedEnd(upload.course, stage);
    const isRead = stage === 'downloading' && end.kind !== 'rejected';
    const [objection] = await Promise.all([
      isRead ? download(upload) : undefined,
      sleep(Math.max(stageMs(), stage === 'uploaded' ? queueMs() : 0), undefined, { signal }),
    ]);
    return objection === undefined ? end : { kind: 'rejected', objection };
  }

  /** @returns what is wrong with the file */
  async function download(upload: Followed): Promise<string | undefined> {
    const download = await fetchBuild(upload.fileUrl, signal);
    signal.throwIfAborted();
    if (download.kind === 'unusable') return download.objection;
    onEvent({ ...download, ...buildOf(upload) });
    return undefined;
  }

  function goLive(upload: Followed, by: ReleasedBy): void {
    liveOf.set(upload.projectId, upload.uploadId);
    onEvent({ kind: 'live', by, ...buildOf(upload) });
  }

  /** Runs until the stand-in is stopped, at the latest. */
  async function untilStopped(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  return {
    plan: (courses) => void planned.push(...courses),
    accept(order) {
      const course = planned.shift() ?? { kind: 'documented' };
      const upload: Followed = {
        ...order,
        uploadId: randomBytes(12).toString('hex'),
        acceptedAt: new Date(),
        status: STATUS_OF.uploaded,
        objection: undefined,
        isReleasable: false,
        course,
        line: course.kind === 'silent' ? SILENCE : webhooks.line(course.deliveries),
      };
      uploads.set(upload.uploadId, upload);
      track(untilStopped(follow(upload)));
      return upload;
    },
    distribute({ uploadId }) {
      const upload = uploads.get(uploadId);
      if (!upload?.isReleasable) throw new Error(`The upload ${uploadId} can't be distributed.`);
      track(untilStopped(release(upload)));
    },
    uploadsOf: (projectId) => [...uploads.values()].filter((upload) => upload.projectId === projectId),
    live: (projectId) => liveOf.get(projectId),
  };
}

/** What the course has in store for a build in this stage. */
function plannedEnd(course: Course, stage: OpenStage): StageEnd {
  switch (course.kind) {
    case 'documented':
    case 'silent':
      return PASSED;
    case 'rejected':
      return course.at === stage ? { kind: 'rejected', objection: course.objection } : PASSED;
    case 'stuck':
      return course.after === stage ? { kind: 'stuck' } : PASSED;
    default:
      return unreachable(course);
  }
}

function buildOf({ uploadId, fileUrl }: Upload): StandInBuild {
  const { pathname, searchParams } = new URL(fileUrl);
  return { uploadId, path: pathname, versionId: searchParams.get('versionId') ?? undefined };
}
