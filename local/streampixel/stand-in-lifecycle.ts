import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AFTER_THE_END_MS,
  acceptedUpload,
  afterStep,
  endOfUrl,
  isOpen,
  isRead,
  nextStep,
  type Course as PlainCourse,
  type Stage,
  type Step,
  type Upload,
  type UploadRequest,
  webhookAbout,
} from '../../functions/streampixel-stand-in/lifecycle.ts';
import { downloadBuild } from './stand-in-download.ts';
import type { Deliveries, WebhookSequence, Webhooks } from './stand-in-webhooks.ts';

/** What happens to an accepted upload, and how its webhooks arrive. */
export type Course = PlainCourse & { readonly deliveries?: Deliveries };

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

const NO_WEBHOOKS: WebhookSequence = { add() {}, release() {} };

/** An upload, and the state that it is in now. */
interface FollowedUpload {
  upload: Upload;
  readonly webhooks: WebhookSequence;
}

/** What Streampixel does with accepted uploads. It sends a webhook for every stage that a build enters. */
export function createLifecycle(options: LifecycleOptions) {
  const { stageMs, queueMs, webhooks, onEvent, track, signal } = options;
  const planned: Course[] = [];
  const uploads: FollowedUpload[] = [];
  const liveOf = new Map<string, string>();

  /** From this stage on, to approval or rejection, or until it gets stuck. */
  async function follow(followed: FollowedUpload, from: Stage | undefined): Promise<void> {
    let stage = from;
    do {
      const step = nextStep(followed.upload, stage, await endOfStage(followed.upload, stage));
      stage = step.kind === 'enters' ? step.stage : undefined;
      take(followed, step);
    } while (stage !== undefined && isOpen(stage));
  }

  function take(followed: FollowedUpload, step: Step): void {
    if (step.kind === 'stays') {
      followed.webhooks.release();
      return;
    }
    followed.upload = afterStep(followed.upload, step);
    const { upload } = followed;
    if (step.kind === 'distributed') {
      goLive(upload, 'distribute-file');
      return;
    }
    followed.webhooks.add(webhookAbout(upload, Date.now()));
    if (isOpen(step.stage)) return;
    const { objection = '' } = step;
    onEvent({
      ...(step.stage === 'approved' ? { kind: 'approved' } : { kind: 'rejected', objection }),
      ...buildOf(upload),
    });
    followed.webhooks.release();
    if (step.stage === 'approved' && upload.autoRelease) goLive(upload, 'auto-release');
  }

  /** Waits until the time of the stage is over. @returns what is wrong with the file, where it was read */
  async function endOfStage(upload: Upload, stage: Stage | undefined): Promise<string | undefined> {
    if (stage === undefined || !isOpen(stage)) return undefined;
    const [problem] = await Promise.all([
      isRead(upload, stage) ? download(upload) : undefined,
      sleep(Math.max(stageMs(), stage === 'uploaded' ? queueMs() : 0), undefined, { signal }),
    ]);
    return problem;
  }

  /** @returns what is wrong with the file */
  async function download(upload: Upload): Promise<string | undefined> {
    if (upload.course.kind === 'late-download') {
      await sleep(Math.max(0, endOfUrl(upload.fileUrl) + AFTER_THE_END_MS - Date.now()), undefined, { signal });
    }
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
      const upload = acceptedUpload(request, randomBytes(12).toString('hex'), course, Date.now());
      const sequence = course.kind === 'silent' ? NO_WEBHOOKS : webhooks.sequence(course.deliveries);
      const followed = { upload, webhooks: sequence };
      uploads.push(followed);
      track(untilStopped(follow(followed, undefined)));
      return upload;
    },
    /** Makes a releasable upload the live one, after a while. */
    distribute({ uploadId }: Upload): void {
      const followed = uploads.find(({ upload }) => upload.uploadId === uploadId);
      if (followed !== undefined) track(untilStopped(follow(followed, 'approved')));
    },
    /** Oldest first. */
    uploadsOf: (projectId: string): Upload[] =>
      uploads.flatMap(({ upload }) => (upload.projectId === projectId ? upload : [])),
    /** Upload id of the live build. */
    live: (projectId: string): string | undefined => liveOf.get(projectId),
  };
}

function buildOf({ uploadId, fileUrl }: Upload): StandInBuild {
  const { host, pathname, searchParams } = new URL(fileUrl);
  return { uploadId, host, path: pathname, versionId: searchParams.get('versionId') ?? undefined };
}
