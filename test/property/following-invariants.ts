import { expect } from 'vitest';
import { releaseLane } from '../../functions/domain/model/lane.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { Stage } from '../../functions/domain/model/news.ts';
import type { Followed, FollowSimulation, ReleaseCall } from './following-simulation.ts';
import { expectIntervalKept } from './paced-calls.ts';

export async function expectAllFollowed(simulation: FollowSimulation): Promise<void> {
  expectNothingLeft(simulation);
  expectReleasesApart(simulation);
  for (const followed of simulation.followed) {
    const entry = await followed.entry();
    if (entry === undefined) throw new Error(`the ledger does not know ${followed.uploadId}`);
    expectState(followed, entry, simulation);
    expectCalledOutOnce(followed, simulation);
    expectEndTold(followed, entry, simulation);
    expectOrdersEnded(followed, entry, simulation);
    expectSilenceTold(followed, entry, simulation);
  }
}

/** The queue is empty because everything in it was dealt with. */
function expectNothingLeft({ queue, deadLetters }: FollowSimulation): void {
  expect(
    queue.messages.map(({ body }) => body),
    'messages left in the queue',
  ).toEqual([]);
  expect(queue.expired, 'messages that outlived their retention').toEqual([]);
  expect(deadLetters.size, 'dead letters').toBe(0);
}

/** Whether the vendor has told of it. */
export function hasTold({ planned }: Followed, stage: Stage): boolean {
  return planned.deliveries.some((delivery) => delivery.stage === stage);
}

/** The state is what all the vendor's words come to, whatever order they came in, and what our own orders did. */
function expectState(followed: Followed, entry: LedgerEntry, { calls }: FollowSimulation): void {
  const { planned, uploadId } = followed;
  if (planned.answer !== 'recorded' && planned.deliveries.length === 0) return;
  expect(entry.uploadId).toBe(uploadId);
  const told = new Set(planned.deliveries.flatMap(({ stage }) => (stage === undefined ? [] : [stage])));
  expect(new Set(entry.news?.map(({ stage }) => stage)), `news of ${uploadId}`).toEqual(told);
  if (hasTold(followed, 'rejected')) {
    const first = Math.min(
      ...planned.deliveries.filter(({ stage }) => stage === 'rejected').map((delivery) => delivery.at),
    );
    expect(entry, uploadId).toMatchObject({ state: 'rejected', objection: `objection of ${first}` });
    return;
  }
  if (entry.state === 'released') {
    expect(
      calls.filter((call) => call.uploadId === uploadId).map(({ reply }) => reply),
      `calls of a released ${uploadId}`,
    ).toContain('released');
    return;
  }
  expect(entry.state, uploadId).toBe(hasTold(followed, 'approved') ? 'approved' : 'submitted');
}

/** Calls that the vendor may have taken: what it said no to is none of them. */
function isPerhapsTaken({ reply }: ReleaseCall): boolean {
  return reply === 'released' || reply === 'released-lost' || reply === 'lost';
}

/** An order goes out once, unless the vendor has said no to it. */
function expectCalledOutOnce({ orders, planned, uploadId, ...rest }: Followed, { calls }: FollowSimulation): void {
  const isOrdered = planned.mode === 'on-approval' && hasTold({ orders, planned, uploadId, ...rest }, 'approved');
  const taken = calls.filter((call) => call.uploadId === uploadId && isPerhapsTaken(call));
  expect(taken.length, `calls for ${uploadId}`).toBeLessThanOrEqual(orders + (isOrdered ? 1 : 0));
}

/** Whoever has to know of an end has been told at least once. */
function expectEndTold(followed: Followed, entry: LedgerEntry, simulation: FollowSimulation): void {
  const { uploadId } = followed;
  expect(entry.pendingNotification, `left pendingNotification of ${uploadId}`).toBeUndefined();
  if (entry.state === 'rejected') {
    expect(alertsOf(simulation, 'rejected', uploadId).length, `alerts of the rejection of ${uploadId}`).toBeGreaterThan(
      0,
    );
    expect(timesEmitted(simulation, 'Build Rejected', followed), `events of ${uploadId}`).toBeGreaterThan(0);
    return;
  }
  // One that a person has released before is no news by its approval.
  if (hasTold(followed, 'approved') && followed.orders === 0) {
    expect(timesEmitted(simulation, 'Build Approved', followed), `events of ${uploadId}`).toBeGreaterThan(0);
  }
}

/** No order is forgotten: it was released, or a person knows that it was not. */
function expectOrdersEnded(followed: Followed, entry: LedgerEntry, simulation: FollowSimulation): void {
  const { orders, planned, uploadId } = followed;
  const { release, state } = entry;
  const isOrdered = planned.mode === 'on-approval' && state !== 'rejected' && hasTold(followed, 'approved');
  if (isOrdered || orders > 0) expect(release, `the order for ${uploadId}`).toBeDefined();
  if (release === undefined) return;
  expect(['released', 'failed'], `the order for ${uploadId}`).toContain(release.state);
  expect(release.pendingNotification, `left pendingNotification of the release of ${uploadId}`).toBeUndefined();
  if (release.state === 'released') {
    expect(timesEmitted(simulation, 'Build Released', followed), `events of ${uploadId}`).toBeGreaterThan(0);
  } else if (state !== 'rejected') {
    expect(alertsOf(simulation, 'release-failed', uploadId).length, `alerts of ${uploadId}`).toBeGreaterThan(0);
  }
}

/** A build without an end does not go unnoticed. */
function expectSilenceTold(followed: Followed, entry: LedgerEntry, simulation: FollowSimulation): void {
  const { planned, uploadId } = followed;
  const isWatched =
    planned.answer === 'recorded'
      ? planned.watched.length > 0
      : planned.answer === 'lost-and-dead-lettered' && planned.deliveries.length > 0;
  if (entry.state !== 'submitted' || !isWatched) return;
  expect(entry.stuckAt, `when ${uploadId} was found stuck`).toBeDefined();
  const silent = simulation.alerts.filter(
    (alert) => alert.kind === 'webhook-silent' && alert.projectId === entry.projectId,
  );
  const told = alertsOf(simulation, 'stuck', uploadId).length + silent.length;
  expect(told, `alerts of a silent ${uploadId}`).toBeGreaterThan(0);
}

export function alertsOf(
  { alerts }: FollowSimulation,
  kind: 'rejected' | 'release-failed' | 'stuck',
  uploadId: string,
) {
  return alerts.filter((alert) => alert.kind === kind && 'uploadId' in alert && alert.uploadId === uploadId);
}

/** An event that EventBridge did not take is not sent again: it counts as told. */
export function timesEmitted(
  { events, log }: FollowSimulation,
  name: 'Build Approved' | 'Build Rejected' | 'Build Released',
  { uploadId }: Followed,
): number {
  const emitted = events.filter(
    (event) => event.name === name && 'uploadId' in event && event.uploadId === uploadId,
  ).length;
  return emitted + log.filter(({ event, fields }) => event === 'event-not-emitted' && fields.name === name).length;
}

/** See {@link expectIntervalKept}. */
function expectReleasesApart({ calls, log, plan, settings }: FollowSimulation): void {
  const skewMs = Math.max(...plan.skews) - Math.min(...plan.skews);
  for (const [userId, ofUser] of Map.groupBy(calls, (call) => call.userId)) {
    expectIntervalKept(releaseLane(userId), ofUser, { intervalMs: settings.intervalMs, skewMs, log });
  }
}
