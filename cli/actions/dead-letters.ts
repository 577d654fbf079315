import { findRoute } from '../../functions/domain/model/route.ts';
import type { StoredDeadLetter } from '../../functions/domain/ports.ts';
import { collectDeadLetters, type RedriveReport, redriveDeadLetters } from '../../functions/domain/redrive/redrive.ts';
import { shortId } from '../builds/build-view.ts';
import { keyOf } from '../builds/search.ts';
import { afterSubmission } from '../builds/status-display.ts';
import { aligned, printable } from '../console.ts';
import { groupBy } from '../group-by.ts';
import { EXIT, OperatorError } from '../operator-error.ts';
import {
  asSentBy,
  type DeadLetterFacts,
  type DeadLetterFilter,
  deadLetterFacts,
  matches,
  namedAmong,
  type OpenedQueue,
  recordDiscarded,
  withDeadLetters,
} from '../stack/dead-letters.ts';
import { batchesOf, type Queue } from '../stack/queues.ts';
import type { Stack } from '../stack/stack.ts';
import { plural } from '../units.ts';

/** Which dead letters are meant. */
export interface DeadLetterSelection {
  readonly filter: DeadLetterFilter;
  /** Of builds or of messages; without any, all that the filter matches. */
  readonly names: readonly string[];
}

/** Dead letters that no other reader gets until the work with them ends. */
export type PickedDeadLetters = OpenedQueue & {
  readonly messages: readonly StoredDeadLetter[];
  /** Of each message. */
  readonly facts: readonly DeadLetterFacts[];
};

/** Reads the queue, and calls back with how many were found so far. */
type Read = (
  deadLetterQueue: Queue,
  read: (onFound: (found: number) => void) => Promise<StoredDeadLetter[]>,
) => Promise<StoredDeadLetter[]>;

/**
 * Reads the dead-letter queue to its end and gives `work` what is selected. Once the signal is aborted, it ends without a loss.
 *
 * @param shown shows how far the reading is
 * @throws OperatorError where a name fits none or several builds, or the signal is aborted before all is read
 */
export function withPicked<Result>(
  stack: Stack,
  { filter, names }: DeadLetterSelection,
  signal: AbortSignal,
  work: (picked: PickedDeadLetters) => Promise<Result>,
  shown: Read = (_, read) => read(() => {}),
): Promise<Result> {
  return withDeadLetters(stack, signal, async (opened) => {
    const { deadLetterQueue, store } = opened;
    const found = await shown(deadLetterQueue, (onFound) =>
      collectDeadLetters(store, matches(filter, Date.now()), onFound),
    );
    if (signal.aborted) {
      const remedy = 'Run the same command again.';
      throw new OperatorError('Interrupted', 'Interrupted before anything was moved.', remedy, EXIT.interrupted);
    }
    const messages = names.length === 0 ? found : await namedAmong(found, names, stack);
    const facts = messages.map((message) => deadLetterFacts(message, deadLetterQueue.retentionMs));
    return work({ ...opened, messages, facts });
  });
}

export type DeadLetterGroup = readonly [title: string, messages: readonly DeadLetterFacts[]];

/** The largest group first. */
export function groupedBy(
  titleIn: (message: DeadLetterFacts) => string,
  facts: readonly DeadLetterFacts[],
): readonly DeadLetterGroup[] {
  return [...groupBy(facts, titleIn)].sort(([, a], [, b]) => b.length - a.length);
}

export function countsByReason(facts: readonly DeadLetterFacts[]): Readonly<Record<string, number>> {
  return Object.fromEntries(groupedBy(({ reason }) => reason, facts).map(([reason, { length }]) => [reason, length]));
}

/** The builds in a dead letter, for people. */
export function nameOfDeadLetter({ builds, messageId }: DeadLetterFacts, shortName = shortId): string {
  return printable(builds.map(shortName).join(', ')) || `message ${messageId}`;
}

const NOTHING_TO_DO = 'No dead letter matches: nothing to do.';

/** What a redrive or a discard would do. */
export function previewLines(
  { settings: { routes } }: Stack,
  what: 'redrive' | 'discard',
  facts: readonly DeadLetterFacts[],
): readonly string[] {
  if (facts.length === 0) return [NOTHING_TO_DO];
  const verb = what === 'redrive' ? 'send back to the builds queue' : 'delete for good';
  const then = ({ builds }: DeadLetterFacts) =>
    what === 'discard'
      ? ''
      : [...new Set(builds.map((id) => afterSubmission(findRoute(routes, keyOf(id)))))].join('; ');
  return [
    `Would ${verb} ${plural(facts.length, 'dead letter')}:`,
    ...aligned(
      Object.entries(countsByReason(facts)).map(([reason, count]) => [`${count}`, reason]),
      2,
    ),
    ...aligned(
      facts.map((message) => [nameOfDeadLetter(message), message.reason, then(message)]),
      4,
    ),
  ];
}

/** Sends them back to the builds queue, in the name of the person who asks for it. */
export async function redrivePicked(
  { caller }: Stack,
  { messages, queue, store }: PickedDeadLetters,
  onProgress?: (moved: number) => void,
): Promise<RedriveReport> {
  return redriveDeadLetters(messages, store, asSentBy(await caller(), queue), onProgress);
}

export function redrivenText(count: number, { left, moved }: RedriveReport): string {
  const rest = left === 0 ? '.' : `, ${left} left in the dead-letter queue.`;
  return count === 0 ? NOTHING_TO_DO : `${plural(moved, 'dead letter')} sent back to the builds queue${rest}`;
}

/**
 * Deletes them for good, and records at each build who did.
 *
 * @returns those that are deleted
 */
export async function discardPicked(
  { caller, ledger }: Stack,
  { messages, store }: PickedDeadLetters,
  signal: AbortSignal,
  onProgress: (deleted: number) => void = () => {},
): Promise<ReadonlySet<StoredDeadLetter>> {
  const by = await caller();
  const deleted = new Set<StoredDeadLetter>();
  for (const batch of batchesOf(messages)) {
    if (signal.aborted) break;
    await Promise.all(batch.map((message) => recordDiscarded(message, ledger, Date.now(), by)));
    for (const message of await store.delete(batch)) deleted.add(message);
    onProgress(deleted.size);
  }
  return deleted;
}

export function discardedText(count: number, deleted: number): string {
  if (count === 0) return NOTHING_TO_DO;
  const left = count - deleted;
  return `${plural(deleted, 'dead letter')} discarded${left === 0 ? '.' : `, ${left} left.`}`;
}
