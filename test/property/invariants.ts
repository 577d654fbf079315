import { expect } from 'vitest';
import { uploadLane } from '../../functions/domain/model/lane.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { DEAD_LETTER_ATTRIBUTES } from '../../functions/domain/model/message-attributes.ts';
import type { Reason } from '../../functions/domain/model/reasons.ts';
import type { LogFields } from '../../functions/domain/ports.ts';
import { expectIntervalKept } from './paced-calls.ts';
import type { Dropped, Simulation } from './simulation.ts';

/** A dead letter as it lies in its queue. */
export interface WaitingDeadLetter {
  readonly id: string | undefined;
  readonly reason: Reason | undefined;
  readonly build: string | undefined;
}

export function deadLettersOf({ design }: Simulation): readonly WaitingDeadLetter[] {
  return design.deadLetters.messages.map(({ attributes }) => ({
    id: attributes[DEAD_LETTER_ATTRIBUTES.id]?.stringValue,
    reason: attributes[DEAD_LETTER_ATTRIBUTES.reason]?.stringValue as Reason | undefined,
    build: attributes[DEAD_LETTER_ATTRIBUTES.build]?.stringValue,
  }));
}

export async function expectAllRulesKept(simulation: Simulation): Promise<void> {
  expectNothingLost(simulation);
  await expectEveryBuildEnded(simulation);
  await expectNoUnmarkedDouble(simulation);
  expectIntervalKeptByAll(simulation);
  await expectDeadLettersDeserved(simulation);
  await expectMarksDeserved(simulation);
  await expectRewritesHarmless(simulation);
}

/** Nothing is lost: the queue is empty because everything in it was dealt with. */
export function expectNothingLost({ design }: Simulation): void {
  expect(design.queue.size, 'messages left in the queue').toBe(0);
  expect(design.queue.expired, 'messages that outlived their retention').toEqual([]);
  expect(design.deadLetters.expired, 'dead letters that outlived their retention').toEqual([]);
}

/** Each build ended submitted, skipped or dead-lettered, and what the ledger says of it is true. */
async function expectEveryBuildEnded(simulation: Simulation): Promise<void> {
  const deadLetters = deadLettersOf(simulation);
  for (const each of deadLetters) expect(each.reason, `the reason of ${JSON.stringify(each)}`).toBeDefined();
  for (const dropped of simulation.dropped) {
    const entry = await simulation.entryOf(dropped);
    const accepted = simulation.design.vendor.acceptancesOf(dropped.id);
    if (entry?.state === 'submitting' && wasNeverRecorded(simulation, dropped)) continue;
    switch (entry?.state) {
      case 'submitted':
        expect(uploadIdsOf(accepted), `upload ids of ${dropped.id}`).toContain(entry.uploadId);
        break;
      case 'skipped':
        expect(isUnwanted(simulation, dropped, entry), `${dropped.id} may be skipped as ${entry.skipCause}`).toBe(true);
        break;
      case 'dead-lettered':
        expect(deadLetters, `dead letter of ${dropped.id}`).toContainEqual({
          id: entry.deadLetterId,
          reason: entry.reason,
          build: dropped.id,
        });
        break;
      default:
        expect.fail(`${dropped.id} has not ended: ${JSON.stringify(entry)}`);
    }
  }
}

/** Twice accepted, or accepted and not known to be: only what is marked as possibly doubled. */
export async function expectNoUnmarkedDouble(simulation: Simulation): Promise<void> {
  for (const dropped of simulation.dropped) {
    const acceptances = simulation.design.vendor.acceptancesOf(dropped.id).length;
    if (acceptances === 0) continue;
    const entry = await simulation.entryOf(dropped);
    if (acceptances === 1 && entry?.state === 'submitted') continue;
    if (acceptances === 1 && wasNeverRecorded(simulation, dropped)) continue;
    expect(entry, `${dropped.id}, accepted ${acceptances} times`).toMatchObject({ possiblyDoubled: true });
  }
}

/** See {@link expectIntervalKept}. */
export function expectIntervalKeptByAll({ design, plan }: Simulation): void {
  const skewMs = Math.max(...plan.skews) - Math.min(...plan.skews);
  const { intervalMs } = design.settings;
  for (const [userId, calls] of Map.groupBy(design.submissions, (submission) => submission.userId)) {
    expectIntervalKept(uploadLane(userId), calls, { intervalMs, skewMs, log: design.log });
  }
}

/** Whatever is in the dead-letter queue has failed, and not by waiting: something has happened that is the reason. */
async function expectDeadLettersDeserved(simulation: Simulation): Promise<void> {
  const { design, plan } = simulation;
  for (const dropped of simulation.dropped) {
    const entry = await simulation.entryOf(dropped);
    if (entry?.state !== 'dead-lettered' || entry.reason === undefined) continue;
    const answers = design.vendor.arrivals
      .filter(({ call }) => call.buildId === dropped.id)
      .map(({ reply }) => reply.status);
    const said = `${dropped.id} was dead-lettered as ${entry.reason}`;
    switch (entry.reason) {
      case 'InvalidApiKey':
        // One build finds out; those behind it are not sent with a key that is known to be refused.
        expect(
          design.vendor.arrivals.map(({ reply }) => reply.status),
          said,
        ).toContain(401);
        break;
      case 'InvalidUser':
        expect(answers, said).toContain(401);
        break;
      case 'ProjectForbidden':
        expect(answers, said).toContain(403);
        break;
      case 'ProjectNotFound':
        expect(answers, said).toContain(404);
        break;
      case 'RequestRejected':
        expect(answers, said).toContain(400);
        break;
      case 'BuildMissing':
        expect(
          plan.deletions.map(({ key }) => key),
          said,
        ).toContain(dropped.key);
        break;
      case 'NotAZip':
        expect(dropped.isZip, said).toBe(false);
        break;
      case 'NoRoute':
        expect(dropped.route, said).toBeUndefined();
        break;
      case 'SubmissionUnknown':
        expect(plan.onLostAnswer, said).toBe('dead-letter');
        break;
      case 'RetriesExhausted': {
        const failures = answers.filter((status) => status === 'none' || Number(status) >= 500).length;
        expect(entry.attempts, said).toBeGreaterThanOrEqual(design.settings.maxAttempts);
        expect(failures + simulation.faults.length, said).toBeGreaterThanOrEqual(entry.attempts);
        break;
      }
      default:
        expect.fail(said);
    }
  }
}

/** Nothing passes for possibly doubled unless an answer was lost, or a worker or the table had trouble in between. */
async function expectMarksDeserved(simulation: Simulation): Promise<void> {
  const { design, dropped, entryOf, faults } = simulation;
  const isHarmless = ({ call, fault }: Simulation['faults'][number]) =>
    fault.kind === 'sent-twice' ||
    (fault.kind === 'unavailable' && call.service !== 'dynamodb' && call.service !== 'vendor');
  if (!faults.every(isHarmless)) return;
  for (const one of dropped) {
    const calls = design.vendor.arrivals.filter(({ call }) => call.buildId === one.id);
    if (calls.some(({ reply }) => reply.status === 'none' || reply.status === 502)) continue;
    expect((await entryOf(one))?.possiblyDoubled ?? false, `${one.id} passes for possibly doubled`).toBe(false);
  }
}

function wasNeverRecorded({ design }: Simulation, { id }: Dropped): boolean {
  return design.log.some(
    ({ event, fields }) => event === 'not-recorded' && fields.build === id && fields.state === 'submitted',
  );
}

function isUnwanted({ design, dropped: all, plan }: Simulation, dropped: Dropped, entry: LedgerEntry): boolean {
  // Dropped in the same millisecond, either counts as the newer one: what counts is that all workers agree which.
  const newer = all.filter((other) => other !== dropped && other.build.droppedAt >= dropped.build.droppedAt);
  switch (entry.skipCause) {
    case 'Superseded': {
      // Where every version is wanted, one that can't be served is not reported while its key holds a newer one.
      const isServed = dropped.isZip && plan.deletions.every(({ key }) => key !== dropped.key);
      return !(plan.everyVersion && isServed) && newer.some(({ key }) => key === dropped.key);
    }
    case 'Unchanged':
      // A copy of it was accepted, or is still on its way and was accepted by the time it was looked at again.
      return all.some(
        (other) =>
          other !== dropped &&
          other.key === dropped.key &&
          other.content === dropped.content &&
          design.vendor.acceptancesOf(other.id).length > 0,
      );
    case 'NewerBuild':
      return plan.onlyLatest && newer.some(({ route, isZip }) => isZip && route === dropped.route);
    default:
      return false;
  }
}

function uploadIdsOf(acceptances: ReturnType<Simulation['design']['vendor']['acceptancesOf']>): unknown[] {
  return acceptances.map(({ reply }) => ('uploadId' in reply ? reply.uploadId : undefined));
}

/** Whether a line of the log says that the content of its build has been noted. */
function isPastTheCheck(event: string, { cause }: LogFields): boolean {
  return event === 'calling' || cause === 'Slot' || cause === 'Unchanged';
}

/**
 * No older content goes live over newer content without a person's request: bytes that were written once more are accepted only where
 * the copy before was not, and go live by themselves only where the project has nothing newer.
 */
export async function expectRewritesHarmless(simulation: Simulation): Promise<void> {
  const { design, dropped } = simulation;
  const accepted = design.vendor.arrivals.filter((arrival) => arrival.accepted);
  for (const rewritten of dropped) {
    const copies = dropped.filter(
      (other) =>
        other !== rewritten &&
        other.key === rewritten.key &&
        other.content === rewritten.content &&
        other.build.droppedAt < rewritten.build.droppedAt,
    );
    const call = accepted.find(({ call: { buildId } }) => buildId === rewritten.id);
    if (copies.length === 0 || call === undefined) continue;
    const ofKey = dropped.filter(({ key }) => key === rewritten.key);
    const before = ofKey.filter(({ id }) =>
      accepted.some(({ at, call: { buildId } }) => buildId === id && at < call.at),
    );
    // Of two that were dropped in the same millisecond either counts as the newest.
    const newest = Math.max(...before.map(({ build }) => build.droppedAt));
    const last = before.filter(({ build }) => build.droppedAt === newest);
    for (const one of last.every(({ content }) => content === rewritten.content) ? last : []) {
      const entry = await simulation.entryOf(one);
      const isRecorded = entry?.uploadId !== undefined && entry.possiblyDoubled === false;
      expect(isRecorded, `${rewritten.id} is a copy of ${one.id}, which was accepted`).toBe(false);
    }
    if (!call.call.autoRelease) continue;
    // A copy that no worker has got to before the call, because S3 announced it late or the ledger did not answer, is unknown then.
    const isKnown = ({ id }: Dropped) =>
      design.log.some(({ at, event, fields }) => at <= call.at && fields.build === id && isPastTheCheck(event, fields));
    // Then it is a late build like any other, and no copy of one.
    if (!copies.some(isKnown)) continue;
    const firstDroppedAt = ({ content, key, build }: Dropped, counts: (copy: Dropped) => boolean) =>
      Math.min(
        build.droppedAt,
        ...dropped
          .filter((each) => each.key === key && each.content === content && counts(each))
          .map((each) => each.build.droppedAt),
      );
    const newer = dropped.filter((other) => firstDroppedAt(other, () => true) > firstDroppedAt(rewritten, isKnown));
    const isLive = ({ id }: Dropped) =>
      accepted.some(
        ({ at, call: { buildId, projectId } }) => buildId === id && projectId === call.call.projectId && at < call.at,
      );
    expect(
      newer.filter(isLive).map(({ id }) => id),
      `newer than the content of ${rewritten.id}`,
    ).toEqual([]);
  }
}
