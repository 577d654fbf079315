import { beforeEach, describe, expect, it } from 'vitest';
import type { WebhookNotice } from '../../functions/domain/model/news.ts';
import { answerLost, deadLettered, submitted } from '../../functions/domain/model/submission-transitions.ts';
import { atVendor, beingSubmitted, FollowWorld, ON_APPROVAL } from '../support/follow-world.ts';
import { aBuild, ROUTE, START } from '../support/world.ts';

let world: FollowWorld;
beforeEach(() => {
  world = new FollowWorld();
});

const DONE = { kind: 'done' };
const FILE_URL = 'https://drop.s3.eu-central-1.amazonaws.com/a.zip';
const byUrl: WebhookNotice = { projectId: ROUTE.projectId, fileUrl: FILE_URL, stage: 'saving', at: START };
const failure = { code: 'AnswerLost', detail: 'ECONNRESET', at: START } as const;
const lost = (build = aBuild()) => answerLost(beingSubmitted(build), START, failure);

/** Handles a webhook that may lack an upload id. */
const receive = (notice: WebhookNotice, receiveCount = 2) =>
  world.handle({ kind: 'webhook', notice, receivedAt: START }, { receiveCount });

/** Another worker saves this just before the worker reads the build in order to change it. */
function beforeTheRead(save: () => Promise<unknown>): void {
  world.onTableCall = async (operation) => {
    if (operation !== 'GetItem') return;
    world.revive();
    await save();
  };
}

describe('a webhook with an upload id only', () => {
  it('that is not of ours is not looked for among the lost answers, because it has no URL', async () => {
    await world.given(lost());
    const { fileUrl: _, ...withoutUrl } = { ...byUrl, uploadId: 'upload-7' };
    expect((await receive(withoutUrl)).kind).toBe('hidden');
    // The index of upload ids, and nothing more.
    expect(world.tableCalls).toEqual(['Query']);
  });

  it('counts as the webhook of its project if that is one of several in the settings', async () => {
    world.settings = { ...world.settings, routes: [{ ...ROUTE, projectId: 'f'.repeat(24) }, ROUTE] };
    expect(await world.receiveWebhook({}, 4)).toEqual(DONE);
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({ lastWebhookAt: START });
  });
});

describe('a webhook with a URL only', () => {
  it('is not looked for by an upload id', async () => {
    world.ports.ledger.findByUploadId = async () => {
      throw new Error('DynamoDB takes no query without a value');
    };
    expect((await receive(byUrl)).kind).toBe('hidden');
  });

  it('starts no watch over a dead-lettered build, because there is no upload id to watch', async () => {
    await world.given(deadLettered(lost(), START, { ...failure, code: 'SubmissionUnknown' }, 'dead-letter-1'));
    expect(await receive(byUrl)).toEqual(DONE);
    expect(world.queued).toEqual([]);
  });

  it('is recorded for the build whose upload id another worker has recorded in between', async () => {
    const { revision } = await world.given(lost());
    beforeTheRead(() => world.ledger.save({ ...submitted(lost(), START, 'upload-8'), revision }));
    expect(await receive(byUrl)).toEqual(DONE);
    expect(world.entry()).toMatchObject({ uploadId: 'upload-8', news: [{ stage: 'saving' }] });
  });
});

describe('a webhook about a lost answer', () => {
  it('is not recorded for the build if another worker has recorded another upload id in between', async () => {
    const { revision } = await world.given(lost());
    beforeTheRead(() => world.ledger.save({ ...submitted(lost(), START, 'upload-8'), revision }));
    expect(await receive({ ...byUrl, uploadId: 'upload-7' })).toEqual(DONE);
    expect(world.entry()).toMatchObject({ uploadId: 'upload-8' });
    expect(world.entry()).not.toHaveProperty('news');
  });

  it('is matched although Streampixel has refused another version of the same key', async () => {
    const refused = aBuild({ versionId: 'v2' });
    await world.given(deadLettered(beingSubmitted(refused), START, { ...failure, code: 'NotAZip' }, 'dead-letter-1'));
    await world.given(lost());
    expect(await receive({ ...byUrl, uploadId: 'upload-7' })).toEqual(DONE);
    expect(world.entry()).toMatchObject({ state: 'submitted', uploadId: 'upload-7' });
  });

  it('is looked for among the last 500 builds of a state, and no further', async () => {
    const asked: Record<string, number> = {};
    world.ports.ledger.list = async (state) => {
      asked[state] = (asked[state] ?? 0) + 1;
      if ((asked[state] ?? 0) > 20) throw new Error('the search does not end');
      return { entries: [], next: 'the next hundred' };
    };
    await receive({ ...byUrl, uploadId: 'upload-7' });
    expect(asked).toEqual({ unknown: 5, submitting: 5, 'dead-lettered': 5 });
  });

  it('changes nothing if the build’s entry expires in between', async () => {
    await world.given(lost());
    world.ports.ledger.find = async () => undefined;
    expect(await receive({ ...byUrl, uploadId: 'upload-7' })).toEqual(DONE);
    expect(world.writes()).toEqual([]);
  });
});

describe('a webhook about a build that is approved', () => {
  it('leaves the notification to the worker that has recorded the approval and is about to notify of it', async () => {
    await world.given({ ...atVendor(), state: 'approved', pendingNotification: 'approved' });
    expect(await world.receiveWebhook({ stage: 'distributing' })).toEqual(DONE);
    expect(world.events).toEqual([]);
    expect(world.entry()).toMatchObject({ news: [{ stage: 'distributing' }], pendingNotification: 'approved' });
  });

  it('requests no release, because the approval has passed', async () => {
    await world.given({ ...atVendor('upload-1', aBuild(), ON_APPROVAL), state: 'approved' });
    await world.receiveWebhook({ stage: 'distributing' });
    expect(world.entry()).not.toHaveProperty('release');
  });

  it('requests a release while a person’s request for an earlier upload is in flight', async () => {
    const earlier = { requestId: 'release-1', uploadId: 'upload-0', by: 'person', requestedAt: START } as const;
    const release = { ...earlier, state: 'calling', leaseUntil: START + 60_000, attempts: 0 } as const;
    await world.given({ ...atVendor('upload-1', aBuild(), ON_APPROVAL), release });
    await world.receiveWebhook({ stage: 'approved' });
    expect(world.queued).toMatchObject([{ kind: 'release', uploadId: 'upload-1', by: 'approval' }]);
  });
});
