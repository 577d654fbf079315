import { describe, expect, it } from 'vitest';
import { buildId } from '../../functions/domain/model/build.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { Failure } from '../../functions/domain/model/outcome.ts';
import {
  answerLost,
  deadLettered,
  discarded,
  failed,
  heldBack,
  opened,
  reopened,
  routed,
  skipped,
  submitted,
  submittedAgain,
  submitting,
  waiting,
} from '../../functions/domain/model/submission-transitions.ts';

const NOW = Date.UTC(2026, 10, 23, 12);
const LATER = NOW + 60_000;
const RESERVATION = { slot: NOW + 121_000, pushed: 0 };
const build = { bucket: 'drop', key: 'a.zip', versionId: '1', region: 'eu-central-1', droppedAt: NOW - 5_000 };
const route = { prefix: 'game/', userId: 'user', projectId: 'project', autoRelease: false, apiKeyParameter: '/key' };
const vendorError: Failure = { code: 'VendorError', detail: 'Bad Gateway', status: 502, at: LATER };
const lost: Failure = { code: 'AnswerLost', detail: 'socket hang up', at: LATER };
const wrongKey = { code: 'InvalidApiKey', detail: 'Invalid API Key', status: 401, at: LATER } as const;

/** A build whose submission is in flight: with a reservation, a lease and a route, saved twice. */
function inFlight(change: Partial<LedgerEntry> = {}): LedgerEntry {
  const entry = submitting(
    waiting(routed(opened(build, NOW), route), NOW, 'slot', RESERVATION),
    NOW + 1_000,
    NOW + 31_000,
  );
  return { ...entry, revision: 2, ...change };
}

describe('a build’s entry in the ledger', () => {
  it('starts waiting, with no attempts and no history', () => {
    expect(opened(build, NOW)).toStrictEqual({
      id: buildId(build),
      build,
      state: 'waiting',
      attempts: 0,
      possiblyDoubled: false,
      createdAt: NOW,
      updatedAt: NOW,
      history: [],
      revision: 0,
    });
  });

  it('remembers the account, the project and the route it goes to', () => {
    expect(routed(opened(build, NOW), route)).toMatchObject({
      userId: 'user',
      projectId: 'project',
      route: 'user/project/game/',
    });
  });

  it('sleeps with its reservation and without costing an attempt', () => {
    const entry = waiting(opened(build, NOW), LATER, 'slot at 12:02', RESERVATION);

    expect(entry).toMatchObject({
      state: 'waiting',
      reservation: RESERVATION,
      attempts: 0,
      updatedAt: LATER,
      createdAt: NOW,
    });
    expect(entry.history).toEqual([{ at: LATER, state: 'waiting', note: 'slot at 12:02' }]);
  });

  it('has a lease while it is being submitted, and keeps its reservation', () => {
    expect(inFlight()).toMatchObject({ state: 'submitting', leaseUntil: NOW + 31_000, reservation: RESERVATION });
    expect(inFlight().history.at(-1)).toEqual({ at: NOW + 1_000, state: 'submitting' });
  });

  it.each<[string, LedgerEntry, LedgerEntry['state']]>([
    ['submitted', submitted(inFlight(), LATER, 'upload-1'), 'submitted'],
    ['failed', failed(inFlight(), LATER, vendorError), 'waiting'],
    ['unanswered', answerLost(inFlight(), LATER, lost), 'unknown'],
    ['skipped', skipped(inFlight(), LATER, 'Superseded'), 'skipped'],
    ['dead-lettered', deadLettered(inFlight(), LATER, wrongKey, 'dead-letter-1'), 'dead-lettered'],
    ['sent back to sleep without a slot', waiting(inFlight(), LATER, 'KeyChanged'), 'waiting'],
  ])('gives up lease and reservation when it is %s', (_, entry, state) => {
    expect(entry.state).toBe(state);
    expect(entry.updatedAt).toBe(LATER);
    expect(entry).not.toHaveProperty('leaseUntil');
    expect(entry).not.toHaveProperty('reservation');
    expect(entry.history.at(-1)).toMatchObject({ at: LATER, state });
    // Only saving raises the revision: a transition that did would overwrite another worker's change.
    expect(entry).toMatchObject({ id: buildId(build), createdAt: NOW, revision: 2 });
  });

  it('counts a failed attempt, answered or not, and remembers why it failed', () => {
    expect(failed(inFlight({ attempts: 1 }), LATER, vendorError)).toMatchObject({
      attempts: 2,
      lastFailure: vendorError,
    });
    expect(answerLost(inFlight({ attempts: 1 }), LATER, lost)).toMatchObject({ attempts: 2, lastFailure: lost });
  });

  it('has Streampixel’s answer in its history', () => {
    expect(failed(inFlight(), LATER, vendorError).history.at(-1)?.note).toBe('VendorError (HTTP 502): Bad Gateway');
    expect(answerLost(inFlight(), LATER, lost).history.at(-1)?.note).toBe('AnswerLost: socket hang up');
    expect(submitted(inFlight(), LATER, 'upload-1').history.at(-1)?.note).toBe('upload id upload-1');
    expect(skipped(inFlight(), LATER, 'NewerBuild').history.at(-1)?.note).toBe('NewerBuild');
  });

  it('stays unknown and possibly doubled after a lost answer, whatever later attempts result in', () => {
    const unknown = answerLost(inFlight(), LATER, lost);

    expect(unknown.possiblyDoubled).toBe(true);
    expect(waiting(unknown, LATER, 'slot', RESERVATION).state).toBe('unknown');
    expect(failed(unknown, LATER, vendorError).state).toBe('unknown');
    expect(submitted(submitting(unknown, LATER, LATER + 1), LATER, 'upload-1')).toMatchObject({
      state: 'submitted',
      possiblyDoubled: true,
    });
  });

  it('remembers why it was skipped, or dead-lettered and the id of the dead letter', () => {
    expect(skipped(inFlight(), LATER, 'Superseded').skipCause).toBe('Superseded');
    expect(deadLettered(inFlight({ attempts: 3 }), LATER, wrongKey, 'dead-letter-1')).toMatchObject({
      reason: 'InvalidApiKey',
      lastFailure: wrongKey,
      deadLetterId: 'dead-letter-1',
      attempts: 3,
    });
  });

  it('starts over with a clean count when its dead letter is redriven, and says after what', () => {
    const entry = reopened(deadLettered(inFlight({ attempts: 3 }), LATER, wrongKey, 'dead-letter-1'), LATER + 1);

    expect(entry).toMatchObject({ state: 'waiting', attempts: 0, updatedAt: LATER + 1 });
    expect(entry).not.toHaveProperty('reason');
    expect(entry).not.toHaveProperty('deadLetterId');
    expect(entry.history.at(-1)?.note).toBe('redriven after InvalidApiKey');
  });

  it('has no former upload id when it is submitted again and never had one', () => {
    const entry = submittedAgain(deadLettered(inFlight(), LATER, wrongKey, 'dead-letter-1'), LATER, 'request-1');
    expect(entry).not.toHaveProperty('formerUploadIds');
  });

  it('stays in its state when it is held back, in the history too', () => {
    const entry = heldBack(inFlight(), LATER, 'older content than drop/b.zip@1');
    expect(entry).toMatchObject({ state: 'submitting', releaseMode: 'manual' });
    expect(entry.history.at(-1)).toMatchObject({ at: LATER, state: 'submitting' });
  });

  it('keeps its slot where it goes to the same user, and gives it up where the route has another one', () => {
    expect(routed(inFlight(), route).reservation).toEqual(RESERVATION);
    expect(routed(inFlight(), { ...route, userId: 'another' })).not.toHaveProperty('reservation');
  });

  it('stays unknown when it is redriven after a lost answer: it may still be doubled', () => {
    const entry = deadLettered(answerLost(inFlight(), LATER, lost), LATER, wrongKey, 'dead-letter-1');

    expect(reopened(entry, LATER)).toMatchObject({ state: 'unknown', possiblyDoubled: true });
  });

  it('is discarded as it was, gives its slot up, and until something happens to it again', () => {
    const dead = { ...deadLettered(inFlight(), LATER, wrongKey, 'letter-1'), reservation: RESERVATION };
    const gone = discarded(dead, LATER + 1);
    expect(gone).toMatchObject({
      state: 'dead-lettered',
      reason: 'InvalidApiKey',
      deadLetterId: 'letter-1',
      discardedAt: LATER + 1,
    });
    expect(gone).not.toHaveProperty('reservation');
    expect(reopened(gone, LATER + 2)).not.toHaveProperty('discardedAt');
    expect(waiting(discarded(opened(build, NOW), LATER), LATER + 1, 'slot')).not.toHaveProperty('discardedAt');
  });

  it('keeps the last 30 lines of its history', () => {
    let entry = opened(build, NOW);
    for (let n = 1; n <= 45; n++) entry = waiting(entry, NOW + n, `sleep ${n}`);

    expect(entry.history).toHaveLength(30);
    expect([entry.history[0]?.note, entry.history.at(-1)?.note]).toEqual(['sleep 16', 'sleep 45']);
  });

  it('is never changed in place', () => {
    const entry = Object.freeze(inFlight());
    Object.freeze(entry.history);

    submitted(entry, LATER, 'upload-1');
    failed(entry, LATER, vendorError);

    expect(entry).toStrictEqual(inFlight());
  });
});
