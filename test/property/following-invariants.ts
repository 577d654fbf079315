import { expect } from 'vitest';
import { releaseLane } from '../../functions/domain/model/lane.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { GoLive } from '../../functions/domain/model/live.ts';
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
    expectReleasedOnce(followed, simulation);
    expectOutcomeNotified(followed, entry, simulation);
    expectRequestsFinished(followed, entry, simulation);
    expectSilenceNotified(followed, entry, simulation);
    await expectLive(followed, entry, simulation);
  }
}

/** The queue is empty because every message in it was handled. */
function expectNothingLeft({ queue, deadLetters }: FollowSimulation): void {
  expect(
    queue.messages.map(({ body }) => body),
    'messages left in the queue',
  ).toEqual([]);
  expect(queue.expired, 'messages that SQS deleted unhandled').toEqual([]);
  expect(deadLetters.size, 'dead letters').toBe(0);
}

/** Whether a webhook has reported it. */
export function hasReported({ planned }: Followed, stage: Stage): boolean {
  return planned.reports.some((report) => report.stage === stage);
}

/** The state is the result of all webhooks, in whatever order they arrived, and of our own requests. */
function expectState(followed: Followed, entry: LedgerEntry, { calls }: FollowSimulation): void {
  const { planned, uploadId } = followed;
  if (planned.answer !== 'recorded' && planned.reports.length === 0) return;
  expect(entry.uploadId).toBe(uploadId);
  const reported = new Set(planned.reports.flatMap(({ stage }) => (stage === undefined ? [] : [stage])));
  expect(new Set(entry.news?.map(({ stage }) => stage)), `news of ${uploadId}`).toEqual(reported);
  if (hasReported(followed, 'rejected')) {
    const first = Math.min(...planned.reports.filter(({ stage }) => stage === 'rejected').map((report) => report.at));
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
  expect(entry.state, uploadId).toBe(hasReported(followed, 'approved') ? 'approved' : 'submitted');
}

/** It went live when webhooks and answers say so: not once more, not once less, and never where it was rejected. */
async function expectLive(followed: Followed, entry: LedgerEntry, { calls }: FollowSimulation): Promise<void> {
  const { instantOf, planned, uploadId } = followed;
  const goLives = await followed.goLives();
  const timesOf = (source: GoLive['source']) => goLives.filter((each) => each.source === source).map(({ at }) => at);
  const reported = (stage: Stage) => planned.reports.filter((report) => report.stage === stage).map(({ at }) => at);
  if (hasReported(followed, 'rejected')) {
    expect(goLives, `go-lives of a rejected ${uploadId}`).toEqual([]);
    return;
  }
  const approvedAt = Math.min(...reported('approved'));
  const isAutomatic = planned.mode === 'automatic' && hasReported(followed, 'approved');
  expect(timesOf('approved'), `approvals of ${uploadId}`).toEqual(isAutomatic ? [instantOf(approvedAt)] : []);
  const accepted = calls.filter((call) => call.uploadId === uploadId && call.reply === 'released');
  expect(timesOf('released').length, `releases of ${uploadId}`).toBeLessThanOrEqual(accepted.length);
  if (entry.release?.state === 'released') expect(timesOf('released').length).toBeGreaterThan(0);
  const later = reported('distributing').filter((at) => at > approvedAt);
  const distributed = timesOf('distributing');
  if (later.length > 0) expect(distributed, `distributions of ${uploadId}`).toContain(instantOf(Math.max(...later)));
  expect(later.map(instantOf), `distributions of ${uploadId}`).toEqual(expect.arrayContaining(distributed));
}

/** Whether Streampixel may have accepted the call. */
function isPerhapsAccepted({ reply }: ReleaseCall): boolean {
  return reply === 'released' || reply === 'released-lost' || reply === 'lost';
}

/** A request is sent once, unless Streampixel has refused it. */
function expectReleasedOnce(followed: Followed, { calls }: FollowSimulation): void {
  const { planned, requests, uploadId } = followed;
  const isRequested = planned.mode === 'on-approval' && hasReported(followed, 'approved');
  const accepted = calls.filter((call) => call.uploadId === uploadId && isPerhapsAccepted(call));
  expect(accepted.length, `calls for ${uploadId}`).toBeLessThanOrEqual(requests + (isRequested ? 1 : 0));
}

/** People and pipelines were notified of an outcome at least once. */
function expectOutcomeNotified(followed: Followed, entry: LedgerEntry, simulation: FollowSimulation): void {
  const { uploadId } = followed;
  expect(entry.pendingNotification, `the pending notification of ${uploadId}`).toBeUndefined();
  if (entry.state === 'rejected') {
    expect(alertsOf(simulation, 'rejected', uploadId).length, `alerts of the rejection of ${uploadId}`).toBeGreaterThan(
      0,
    );
    expect(timesEmitted(simulation, 'Build Rejected', followed), `events of ${uploadId}`).toBeGreaterThan(0);
    return;
  }
  // The approval of a build that a person has released before is not notified.
  if (hasReported(followed, 'approved') && followed.requests === 0) {
    expect(timesEmitted(simulation, 'Build Approved', followed), `events of ${uploadId}`).toBeGreaterThan(0);
  }
}

/** No request is forgotten: the build was released, a newer one is live, or people were notified that it was not. */
function expectRequestsFinished(followed: Followed, entry: LedgerEntry, simulation: FollowSimulation): void {
  const { planned, requests, uploadId } = followed;
  const { release, state } = entry;
  const isRequested = planned.mode === 'on-approval' && state !== 'rejected' && hasReported(followed, 'approved');
  if (isRequested || requests > 0) expect(release, `the request for ${uploadId}`).toBeDefined();
  if (release === undefined) return;
  expect(['released', 'failed'], `the request for ${uploadId}`).toContain(release.state);
  expect(release.pendingNotification, `the pending notification of the release of ${uploadId}`).toBeUndefined();
  if (release.state === 'released') {
    expect(timesEmitted(simulation, 'Build Released', followed), `events of ${uploadId}`).toBeGreaterThan(0);
  } else if (state !== 'rejected' && release.failure !== 'superseded') {
    expect(alertsOf(simulation, 'release-failed', uploadId).length, `alerts of ${uploadId}`).toBeGreaterThan(0);
  }
}

/** People were notified of a build without an outcome. */
function expectSilenceNotified(followed: Followed, entry: LedgerEntry, simulation: FollowSimulation): void {
  const { planned, uploadId } = followed;
  const isWatched =
    planned.answer === 'recorded'
      ? planned.watched.length > 0
      : planned.answer === 'lost-and-dead-lettered' && planned.reports.length > 0;
  if (entry.state !== 'submitted' || !isWatched) return;
  expect(entry.stuckAt, `when ${uploadId} was found stuck`).toBeDefined();
  const silent = simulation.alerts.filter(
    (alert) => alert.kind === 'webhook-silent' && alert.projectId === entry.projectId,
  );
  const alerts = alertsOf(simulation, 'stuck', uploadId).length + silent.length;
  expect(alerts, `alerts of a stuck ${uploadId}`).toBeGreaterThan(0);
}

export function alertsOf(
  { alerts }: FollowSimulation,
  kind: 'rejected' | 'release-failed' | 'stuck',
  uploadId: string,
) {
  return alerts.filter((alert) => alert.kind === kind && 'uploadId' in alert && alert.uploadId === uploadId);
}

/** An event that EventBridge did not take is not sent again: it counts as emitted. */
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
