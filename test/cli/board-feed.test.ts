import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it, vi } from 'vitest';
import { createLedgerMirror } from '../../cli/board/ledger-mirror.ts';
import { expectationFrom } from '../../cli/builds/expected.ts';
import { findStack } from '../../cli/stack/stack.ts';
import { buildId } from '../../functions/domain/model/build.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { deadLettered } from '../../functions/domain/model/submission-transitions.ts';
import { openBoard } from './board-client.ts';
import { anEntry, approvedAt, MANUAL, MINUTE } from './entries.ts';
import { openFaulty } from './faulty-stack.ts';
import { DEAD_LETTERS, openQuietStack } from './quiet-stack.ts';
import { EVENTUALLY, PATIENCE } from './tool.ts';

vi.setConfig(PATIENCE);

const NOW = Date.now();
const BUILDS = 1_000;

/** Builds that wait, one a second. */
function waiting(count: number): LedgerEntry[] {
  return Array.from({ length: count }, (_, index) =>
    anEntry({ key: `game-${index}.zip`, droppedAt: NOW - index * 1_000 }),
  );
}

/** The build as another drop has it. */
function elsewhere(entry: LedgerEntry): LedgerEntry {
  return { ...inBucket('elsewhere', entry), projectId: 'e'.repeat(24) };
}

function inBucket(bucket: string, entry: LedgerEntry): LedgerEntry {
  const build = { ...entry.build, bucket };
  return { ...entry, build, id: buildId(build) };
}

describe('the board with many builds', () => {
  it('sends a start page that does not grow with them, and reads again only what has changed', async ({
    onTestFinished,
  }) => {
    const stack = await openQuietStack(onTestFinished);
    const builds = waiting(BUILDS);
    for (let from = 0; from < BUILDS; from += 40) {
      await Promise.all(builds.slice(from, from + 40).map((entry) => stack.ledger.save(entry)));
    }
    const found = await findStack({ local: stack.port });
    let read = 0;
    const list: typeof found.ledger.list = async (...args) => {
      const page = await found.ledger.list(...args);
      read += page.entries.length;
      return page;
    };
    const board = await openBoard({ ...found, ledger: { ...found.ledger, list } }, onTestFinished);
    const page = await board.page('page0000');
    const { lanes } = await page.event('summary');
    expect(lanes).toMatchObject([{ builds: { count: BUILDS } }]);
    expect(lanes[0]?.builds.items).toHaveLength(20);
    expect(JSON.stringify(page.received).length).toBeLessThan(60_000);
    expect(read).toBeGreaterThanOrEqual(BUILDS);

    read = 0;
    const [one] = builds;
    if (one === undefined) throw new Error('no build');
    await stack.change(one.id, (entry) => ({ ...entry, attempts: 1, updatedAt: Date.now() }));
    const { builds: changed } = await page.event('changed');
    expect(changed).toEqual([one.id]);
    expect(read).toBeLessThan(BUILDS / 2);

    read = 0;
    expect((await board.get('/api/builds?q=game-777.zip')).body).toMatchObject({ builds: [{ key: 'game-777.zip' }] });
    const { body } = await board.get('/api/builds');
    expect(body).toMatchObject({ next: expect.any(String) });
    expect(body.builds).toHaveLength(50);
    expect(read).toBeLessThan(BUILDS / 2);
    const keys = [...body.builds, ...(await board.get(`/api/builds?from=${body.next}`)).body.builds].map(
      ({ key }: { key: string }) => key,
    );
    expect(new Set(keys).size).toBe(100);
  });

  it('reads nothing while no page is open, and once for all pages that are', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const found = await findStack({ local: stack.port });
    let looks = 0;
    const mayLook = Promise.withResolvers<void>();
    const list: typeof found.ledger.list = async (state, options) => {
      if (state === 'waiting') looks += 1;
      await mayLook.promise;
      return found.ledger.list(state, options);
    };
    const board = await openBoard({ ...found, ledger: { ...found.ledger, list } }, onTestFinished);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(looks).toBe(0);
    const pages = await Promise.all(['page0000', 'page1111', 'page2222'].map((client) => board.page(client)));
    expect(looks).toBe(1);
    mayLook.resolve();
    await Promise.all(pages.map((page) => page.event('summary')));
    await vi.waitFor(() => expect(looks).toBeGreaterThanOrEqual(3), EVENTUALLY);
    // Nothing has changed since the first one, which was for all three.
    for (const { received } of pages) expect(received.filter(({ name }) => name === 'summary')).toHaveLength(1);
    for (const page of pages) page.close();
    // The board notices that they have gone while it does nothing else.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const then = looks;
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(looks).toBe(then);
  });

  it('says when AWS does not answer, and when it does again', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const found = await findStack({ local: stack.port });
    let isDown = true;
    const list: typeof found.ledger.list = (...args) => {
      if (isDown)
        throw Object.assign(new Error('connect ECONNREFUSED https://x?X-Amz-Signature=c4nary'), { name: 'Error' });
      return found.ledger.list(...args);
    };
    const board = await openBoard({ ...found, ledger: { ...found.ledger, list } }, onTestFinished);
    const page = await board.page('page0000');
    expect(await page.event('trouble')).toMatchObject({ code: 'NothingThere', remedy: expect.any(String) });
    isDown = false;
    await page.event('trouble', (trouble) => trouble === null);
    await page.event('summary');
    expect(JSON.stringify(page.received)).not.toContain('c4nary');
  });

  it('says that SQS does not let it read the queues, and shows the rest', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const stopped = deadLettered(
      anEntry({ droppedAt: NOW }),
      NOW,
      { code: 'NotAZip', detail: 'no zip', at: NOW },
      'letter',
    );
    await stack.put(approvedAt(NOW, { key: 'approved.zip' }), stopped);
    let isDenied = true;
    const port = await openFaulty(onTestFinished, stack, ({ target }) => {
      if (!isDenied || !target.startsWith('AmazonSQS.')) return undefined;
      const body = { __type: 'AccessDenied', message: 'alice is not authorized to perform: sqs:getqueueattributes' };
      return { status: 403, body: JSON.stringify(body) };
    });
    const { page: open, post } = await openBoard(port, onTestFinished);
    const page = await open('page0000');
    const { failed, notices, waitsForPerson } = await page.event('summary');
    expect(waitsForPerson).toMatchObject({ items: [{ key: 'approved.zip' }] });
    expect(failed).toMatchObject([{ reason: 'NotAZip', builds: { count: 1 } }]);
    expect(notices).toMatchObject([{ text: expect.stringMatching(/queues can't be read.*sqs:getqueueattributes/) }]);
    expect(await post('/api/plan', { action: 'redrive', reason: 'NotAZip' })).toMatchObject({
      status: 502,
      body: { error: { code: 'AccessDenied', remedy: expect.stringContaining('profile') } },
    });
    isDenied = false;
    await page.event('summary', (each) => each.notices.length === 0);
  });

  it('shows nothing of another drop that shares its ledger, but what was dropped where its own builds were before', async ({
    onTestFinished,
  }) => {
    const stack = await openQuietStack(onTestFinished, undefined, { prefix: 'games/' });
    const own = approvedAt(NOW, { key: 'games/own.zip' });
    const former = inBucket('former', approvedAt(NOW - MINUTE, { key: 'game.zip' }));
    const others = [
      elsewhere(approvedAt(NOW, { key: 'games/approved.zip' })),
      elsewhere(anEntry({ key: 'games/waiting.zip', droppedAt: NOW })),
      { ...approvedAt(NOW, { key: 'other-prefix/approved.zip' }), projectId: 'e'.repeat(24) },
    ];
    await stack.put(own, former, ...others);
    const { get, page: open } = await openBoard(stack.port, onTestFinished);
    const page = await open('page0000');
    const summary = JSON.stringify(await page.event('summary'));
    expect([own, ...others].filter(({ id }) => summary.includes(id))).toEqual([own]);
    expect((await get('/api/builds')).body.builds).toMatchObject([{ id: own.id }, { id: former.id }]);
    await stack.put(elsewhere(anEntry({ key: 'games/new.zip', droppedAt: Date.now() })), {
      ...own,
      updatedAt: Date.now(),
      revision: own.revision + 1,
    });
    expect(await page.event('changed')).toEqual({ builds: [own.id], more: false });
  });

  it('takes over what a deployment changes', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const { page: open, post } = await openBoard(stack.port, onTestFinished);
    const page = await open('page0000');
    await page.event('hello', ({ drop }) => drop.routes.length === 1);
    const added = { ...MANUAL, prefix: 'added/', projectId: 'a'.repeat(24) };
    stack.deploy({ routes: [MANUAL, added] });
    await page.event('hello', ({ drop }) => drop.routes.some(({ prefix }) => prefix === 'added/'));
    await page.event('summary', ({ projects }) => projects.length === 2);
    expect(await post('/api/plan', { action: 'roll-back', projectId: added.projectId })).toMatchObject({
      body: { error: { code: 'NothingBefore' } },
    });
  });

  it('names no action with --read-only, and shows the rest', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await stack.put(...waiting(1), approvedAt(NOW, { key: 'approved.zip' }));
    for (const readOnly of [true, false]) {
      const { page: open } = await openBoard(stack.port, onTestFinished, { readOnly });
      const page = await open('page0000');
      expect(await page.event('hello')).toMatchObject({ readOnly });
      const { lanes, waitsForPerson } = await page.event('summary');
      expect(lanes).toMatchObject([{ builds: { count: 1 } }]);
      const actions = readOnly ? [] : ['release', 'submit-again'];
      expect(waitsForPerson.items).toMatchObject([{ key: 'approved.zip', actions }]);
    }
  });

  it('shows dead letters of which no function has recorded why', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    await stack.sqs.send(new SendMessageCommand({ QueueUrl: stack.urlOf(DEAD_LETTERS), MessageBody: 'no event' }));
    const { page: open, post } = await openBoard(stack.port, onTestFinished);
    const page = await open('page0000');
    const { failed } = await page.event('summary', (each) => each.failed.length > 0);
    expect(failed).toMatchObject([{ kind: 'unexplained', reason: 'none', builds: { count: 1, items: [] } }]);
    const plan = await post('/api/plan', { action: 'redrive', reason: 'none' });
    expect(plan.body).toMatchObject({ title: 'Redrive 1 dead letter', isEmpty: false });
  });

  it('shows a build as being at Streampixel until the first webhook of its project may have come', async ({
    onTestFinished,
  }) => {
    const stack = await openQuietStack(onTestFinished);
    const submitted = (key: string, minutesAgo: number) =>
      anEntry({ key, droppedAt: NOW - 10 * MINUTE, submittedAt: NOW - minutesAgo * MINUTE });
    await stack.put(submitted('new.zip', 0), submitted('silent.zip', 6));
    const { page: open } = await openBoard(stack.port, onTestFinished);
    const page = await open('page0000');
    const { atStreampixel, finished, notices } = await page.event('summary');
    expect(atStreampixel).toMatchObject({ count: 1, items: [{ key: 'new.zip' }] });
    expect(finished).toMatchObject([{ key: 'silent.zip' }]);
    expect(notices).toMatchObject([{ text: expect.stringContaining('The result of 1 build ') }]);
  });

  it('says to its pages that it ends', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const { board, page: open } = await openBoard(stack.port, onTestFinished);
    const page = await open('page0000');
    await page.event('hello');
    const closed = board.close();
    await page.event('end');
    await closed;
  });

  it('says first that their uploads have stopped', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const { board, page: open, post } = await openBoard(stack.port, onTestFinished);
    const page = await open('page0000');
    page.answerOnly(0);
    const files = [{ path: 'game.zip', size: 100 }];
    const { body } = await post('/api/uploads', { client: 'page0000', kind: 'zip', name: 'game.zip', files });
    await page.event('need');
    const closed = board.close();
    await page.upload(body.id, 'stopped');
    await closed;
  });

  it('does what was confirmed once', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const { id } = approvedAt(NOW - MINUTE);
    await stack.put(approvedAt(NOW - MINUTE));
    const { post } = await openBoard(stack.port, onTestFinished);
    const request = { action: 'release', build: id };
    const plans = [await post('/api/plan', request), await post('/api/plan', request)];
    const [first, second] = plans.map(({ body }) => ({ request, confirm: body.confirm }));
    expect(await post('/api/do', first)).toMatchObject({ status: 200 });
    const again = await post('/api/do', first);
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'PlanChanged' } } });
    expect(await post('/api/do', second)).toMatchObject({ status: 200 });
    expect(await post('/api/do', { request, confirm: again.body.plan.confirm })).toMatchObject({ status: 200 });
  });

  it('ends what a person has asked for, and answers, before it ends', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const found = await findStack({ local: stack.port });
    const isAsked = Promise.withResolvers<void>();
    const mayAnswer = Promise.withResolvers<void>();
    const list: typeof found.ledger.list = async (...args) => {
      isAsked.resolve();
      await mayAnswer.promise;
      return found.ledger.list(...args);
    };
    const { board, post } = await openBoard({ ...found, ledger: { ...found.ledger, list } }, onTestFinished);
    const answer = post('/api/plan', { action: 'release', build: 'game' });
    await isAsked.promise;
    const closed = board.close();
    setTimeout(mayAnswer.resolve, 100);
    expect(await answer).toMatchObject({ status: 404 });
    await closed;
  });
});

describe('the mirror of the ledger', () => {
  it('has what the ledger has, also where a build moves on between two looks', async ({ onTestFinished }) => {
    const stack = await openQuietStack(onTestFinished);
    const builds = waiting(12);
    await stack.put(...builds);
    const mirror = createLedgerMirror(await findStack({ local: stack.port }));
    expect(await mirror.refresh(NOW)).toEqual([]);
    const [one] = builds;
    if (one === undefined) throw new Error('no build');
    await stack.change(one.id, (entry) => ({ ...entry, state: 'skipped', updatedAt: NOW + 1_000 }));
    await stack.put(anEntry({ key: 'new.zip', droppedAt: NOW }));
    expect(await mirror.refresh(NOW + 2_000)).toHaveLength(2);
    for (const state of ['waiting', 'skipped', 'submitted'] as const) {
      const own = (await mirror.list(state)).entries.map(({ id }) => id).sort();
      const theirs = (await stack.ledger.list(state, { limit: 100 })).entries.map(({ id }) => id).sort();
      expect(own).toEqual(theirs);
    }
    expect(await mirror.refresh(NOW + 4_000)).toEqual([]);
  });
});

describe('when a build is expected', () => {
  const took = (minutes: number, key: string) =>
    approvedAt(NOW, { key, submittedAt: NOW - minutes * MINUTE, news: [['approved', NOW]] });
  const known = [took(10, 'a.zip'), took(12, 'b.zip'), took(500, 'c.zip')];

  it('is known by how long the last ones of its project took, without the one that was stuck', () => {
    const entry = anEntry({ key: 'd.zip', droppedAt: NOW });
    expect(expectationFrom(known)({ entry, status: 'waiting', slot: NOW })).toBe(NOW + 12 * MINUTE);
    const submitted = anEntry({ key: 'd.zip', droppedAt: NOW, submittedAt: NOW });
    expect(expectationFrom(known)({ entry: submitted, status: 'under-way' })).toBe(NOW + 12 * MINUTE);
  });

  it('is unknown without a slot, without such a build, and for one that is over', () => {
    const entry = anEntry({ key: 'd.zip', droppedAt: NOW });
    expect(expectationFrom(known)({ entry, status: 'waiting' })).toBeUndefined();
    expect(expectationFrom([])({ entry, status: 'waiting', slot: NOW })).toBeUndefined();
    expect(expectationFrom(known)({ entry, status: 'discarded', slot: NOW })).toBeUndefined();
    expect(
      expectationFrom(known)({ entry: { ...entry, projectId: 'other' }, status: 'waiting', slot: NOW }),
    ).toBeUndefined();
  });
});
