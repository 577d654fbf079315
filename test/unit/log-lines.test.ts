import { beforeEach, describe, expect, it } from 'vitest';
import { buildId } from '../../functions/domain/model/build.ts';
import type { ReleaseAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import { atVendor, FollowWorld, LATE_AFTER_MS, ON_APPROVAL, STUCK_AFTER_MS } from '../support/follow-world.ts';
import { aBuild, ROUTE, START } from '../support/world.ts';

/** An operator finds what happened to a build by its id, its key or its upload id, and why in `detail`, `error` or `stage`. */

let world: FollowWorld;
beforeEach(() => {
  world = new FollowWorld();
});

const lineOf = (event: string) => world.logged.find((line) => line.event === event);
const lost: ReleaseAnswer = { kind: 'lost', detail: 'ECONNRESET' };
const tooEarly: ReleaseAnswer = { kind: 'too-early', status: 404, detail: 'File not found' };
const released: ReleaseAnswer = { kind: 'released', status: 200 };
const refused: ReleaseAnswer = { kind: 'refused', reason: 'ProjectForbidden', status: 403, detail: 'Access denied' };
const { projectId } = ROUTE;

describe('a log line about a submitted build', () => {
  it.each<[string, Record<string, unknown>, () => Promise<unknown>]>([
    ['webhook-received', { stage: 'saving' }, () => world.receiveWebhook({ stage: 'saving' })],
    [
      'build-approved',
      { releaseMode: 'on-approval', tookSeconds: 0 },
      () => world.receiveWebhook({ stage: 'approved' }),
    ],
    ['build-rejected', { detail: 'No.' }, () => world.receiveWebhook({ stage: 'rejected', objection: 'No.' })],
    ['releasing', { by: 'person', apiKeyVersion: 1 }, () => releasedWith(released)],
    ['build-released', { by: 'person' }, () => releasedWith(released)],
    ['release-postponed', { detail: tooEarly.detail }, () => releasedWith(tooEarly)],
    ['release-failed', { detail: lost.detail, isUnknown: true }, () => releasedWith(lost)],
    ['release-failed', { isUnknown: false }, () => releasedWith(refused)],
    ['build-late', {}, () => watchedAfter(LATE_AFTER_MS)],
    ['webhook-silent', { projectId }, () => watchedAfter(STUCK_AFTER_MS)],
  ])('names the build, its object and its upload id: %s', async (event, more, happens) => {
    await world.given(atVendor('upload-1', aBuild(), ON_APPROVAL));
    await happens();
    const names = { build: buildId(aBuild()), bucket: 'drop', key: 'a.zip', uploadId: 'upload-1' };
    expect(lineOf(event)).toMatchObject({ ...names, ...more });
  });

  function releasedWith(answer: ReleaseAnswer): Promise<unknown> {
    world.answers = [answer];
    return world.release();
  }

  function watchedAfter(ms: number): Promise<unknown> {
    world.now = START + ms;
    return world.watch();
  }
});

describe('a log line about a difficulty', () => {
  it('names the build whose object could not be tagged, and the error', async () => {
    world.settings = { ...world.settings, tagObjects: true };
    world.tagsFail = true;
    await world.given(atVendor());
    await world.receiveWebhook({ stage: 'approved' });
    expect(lineOf('object-not-tagged')).toMatchObject({ build: buildId(aBuild()), error: 'Error: AccessDenied' });
  });

  it('says why Streampixel’s list of builds was of no use', async () => {
    world.settings = { ...world.settings, reconcile: true };
    await world.given(atVendor());
    world.now = START + LATE_AFTER_MS;
    await world.watch();
    expect(lineOf('not-reconciled')).toMatchObject({ build: buildId(aBuild()), detail: 'HTTP 404: Not Found' });
  });

  it('names the build and the upload that were to be released and are not in the ledger', async () => {
    await world.release({ build: 'drop/none.zip@v1' });
    expect(lineOf('release-of-unknown-build')).toMatchObject({ build: 'drop/none.zip@v1', uploadId: 'upload-1' });
  });

  it('names the project of a dashboard’s test', async () => {
    await world.handle({ kind: 'webhook-test', projectId, receivedAt: START });
    expect(lineOf('webhook-tested')).toMatchObject({ projectId });
  });
});
