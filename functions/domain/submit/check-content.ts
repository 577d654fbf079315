import type { LedgerEntry } from '../model/ledger-entry.ts';
import type { Route } from '../model/route.ts';
import { heldBack } from '../model/submission-transitions.ts';
import type { KnownContent } from '../ports.ts';
import type { Visit } from './visit.ts';

/**
 * The ledger forgets a build 90 days after its last change. No entry and older than this, in ms: the entry expired, so count the
 * build as submitted. No entry and younger: it is processed for the first time.
 */
const FORGOTTEN_AFTER_MS = 30 * 24 * 3_600_000;

/**
 * S3 announces a "new" object whenever the bytes of an old one are written again: an edit of its metadata, another storage class or
 * key, a gateway. So a build is compared, by what is in it, with the last build of its key that Streampixel has: what is rejected,
 * skipped or dead-lettered may be tried again by dropping it again, and other content under the key is a new build.
 *
 * @returns why it need not be submitted; `undefined` where it must be, or where a person asked for it
 */
export async function checkContent(
  entry: LedgerEntry,
  contents: readonly KnownContent[],
  { delivery, ports }: Visit,
): Promise<string | undefined> {
  if (delivery.submitAgain !== undefined || entry.content === undefined) return undefined;
  const newestFirst = contents.toSorted((a, b) => b.droppedAt - a.droppedAt);
  for (const known of newestFirst) {
    if (known.id === entry.id) continue;
    const earlier = await ports.ledger.find(known.id);
    const isForgotten = earlier === undefined && ports.clock.now() - known.droppedAt > FORGOTTEN_AFTER_MS;
    if (!isForgotten && !isAccepted(earlier)) continue;
    if (known.content !== entry.content) return undefined;
    const uploadId = earlier?.uploadId === undefined ? '' : `, upload id ${earlier.uploadId}`;
    return `The content is that of ${known.id}${uploadId}, which Streampixel has.`;
  }
  return undefined;
}

/** Stands for a content that can't be read. It is the same as no other. */
const UNKNOWN_CONTENT = '';

/** Remembers what is in a build, and that it was there where that is not known; returns all that is known of its key then. */
export function noteContent({ build, content = UNKNOWN_CONTENT }: LedgerEntry, { ports }: Visit) {
  return ports.ledger.noteContent(build, content);
}

/** Streampixel took the build, and has not rejected it. */
function isAccepted(entry: LedgerEntry | undefined): boolean {
  return entry?.state === 'submitted' || entry?.state === 'approved' || entry?.state === 'released';
}

/**
 * Content that was dropped before, failed then, and is written again now, may be older than what viewers have: it is submitted,
 * but a person releases it. A tool that rewrites the whole bucket puts nothing old in front of viewers. What can't be read may be that
 * of any build of its key.
 */
export async function holdBackOlderContent(
  entry: LedgerEntry,
  contents: readonly KnownContent[],
  { projectId }: Route,
  { delivery, ports }: Visit,
): Promise<LedgerEntry> {
  const { build, content } = entry;
  const firstDroppedAt = Math.min(
    build.droppedAt,
    ...contents.filter((known) => known.content === content).map(({ droppedAt }) => droppedAt),
  );
  // By the age of the content. Announced before the call, because the call may succeed even if we never see its answer.
  const newest = await ports.ledger.announce(`project/${projectId}`, { ...build, droppedAt: firstDroppedAt });
  const isOlder = firstDroppedAt < build.droppedAt && newest.droppedAt > firstDroppedAt;
  const earlier = content === undefined ? contents.findLast(({ id }) => id !== entry.id) : undefined;
  const why =
    earlier !== undefined
      ? `content that can't be read, which may be that of ${earlier.id}`
      : isOlder
        ? `older content than ${newest.id}`
        : undefined;
  return why === undefined || delivery.submitAgain !== undefined ? entry : heldBack(entry, ports.clock.now(), why);
}
