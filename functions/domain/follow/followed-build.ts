import { buildId } from '../model/build.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { describeError } from '../model/redaction.ts';
import type { Route } from '../model/route.ts';
import type { Subject } from '../notify/build-events.ts';
import type { FollowQueue, Ledger, LogFields, ObjectTags, Pacer, Ports, ProjectFiles, Releases } from '../ports.ts';

/** What everything shares that is done for a build at the vendor. */

export interface FollowSettings {
  readonly routes: readonly Route[];
  /** Least distance between two releases of one user, in ms. */
  readonly intervalMs: number;
  /** From the submission until a build without an end is called late, in ms. */
  readonly lateAfterMs: number;
  /** From the last news until a build without an end is called stuck, in ms. */
  readonly stuckAfterMs: number;
  /** Whether to ask the vendor's undocumented project list before calling a build late or stuck. */
  readonly reconcile: boolean;
  /** Whether to put a build's end on its S3 object as tags. */
  readonly tagObjects: boolean;
}

export interface FollowPorts
  extends Pick<Ports, 'alerts' | 'apiKeys' | 'clock' | 'events' | 'log' | 'metrics' | 'random'> {
  readonly ledger: Ledger;
  readonly pacer: Pacer;
  readonly releases: Releases;
  readonly projectFiles: ProjectFiles;
  readonly followQueue: FollowQueue;
  readonly tags: ObjectTags;
}

/** A message of the follow queue, and how long this worker may spend on it. Times in ms since the epoch. */
export interface FollowDelivery {
  readonly body: string;
  /** How often SQS has handed the message out. */
  readonly receiveCount: number;
  /** When every call must have ended. */
  readonly deadline: number;
  /** When this worker is dead for certain. */
  readonly leaseUntil: number;
}

/** Two who write one build at a time are many: more rounds than these mean trouble. */
const MAX_ROUNDS = 10;

/**
 * Changes a build's entry and saves it, again from what is stored where another worker was faster.
 *
 * @param decide gives the next entry, or `undefined` to leave it as it is
 * @returns what is stored then; `undefined` where there is no such build
 * @throws Error where others were faster all the time
 */
export async function updateWithRetry(
  id: string,
  { ledger }: Pick<FollowPorts, 'ledger'>,
  decide: (current: LedgerEntry) => LedgerEntry | undefined,
): Promise<LedgerEntry | undefined> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const current = await ledger.find(id);
    if (current === undefined) return undefined;
    const next = decide(current);
    if (next === undefined) return current;
    const saved = await ledger.save(next);
    if (saved.kind === 'saved') return saved.entry;
  }
  throw new Error(`The build changed ${MAX_ROUNDS} times while it was to be written.`);
}

/**
 * Remembers that a project's webhook has spoken, and whether at the address before the last change: whoever ends that change has
 * to know.
 */
export async function noteWebhookReceived(
  projectId: string,
  what: 'lastWebhookAt' | 'testedAt',
  { isFormer, receivedAt }: { readonly isFormer?: true; readonly receivedAt: number },
  { ledger }: Pick<FollowPorts, 'ledger'>,
): Promise<void> {
  if (isFormer === true) await ledger.noteWebhook(projectId, 'formerAt', receivedAt);
  await ledger.noteWebhook(projectId, what, receivedAt);
}

/** A label on the object is a courtesy: the ledger is what counts. */
export async function tagWith(
  { build, uploadId = '' }: LedgerEntry,
  status: string,
  { tagObjects }: FollowSettings,
  { log, tags }: FollowPorts,
): Promise<void> {
  if (!tagObjects) return;
  try {
    await tags.add(build, { 'streampixel-status': status, 'streampixel-upload-id': uploadId });
  } catch (error) {
    log.warn('object-not-tagged', { build: buildId(build), error: describeError(error) });
  }
}

/** What events are about. */
export function eventSubject({ build, projectId, userId }: LedgerEntry): Subject {
  return { build, ...(userId === undefined ? {} : { userId }), ...(projectId === undefined ? {} : { projectId }) };
}

/** What alerts name. */
export function alertContext({ build, projectId = '', uploadId = '', userId = '' }: LedgerEntry) {
  return { build, projectId, uploadId, userId };
}

/** What lines of the log name. */
export function logFields({ build, id, uploadId }: LedgerEntry): LogFields {
  return { build: id, bucket: build.bucket, key: build.key, uploadId };
}
