import { beforeEach, describe, expect, it } from 'vitest';
import type { Build } from '../../functions/domain/model/build.ts';
import type { BuildState } from '../../functions/domain/model/ledger-entry.ts';
import type { Delivery } from '../../functions/domain/submit/visit.ts';
import { aBuild, ROUTE, SPACING_MS, START, World } from '../support/world.ts';

const OLD = aBuild({ key: 'Game-1.0.zip' });
const NEW = aBuild({ key: 'Game-2.0.zip', droppedAt: START + 1_000 });
/** The same bytes once more, as S3 announces them after an edit of the metadata. */
const rewritten = (build: Build, version = 'v2') => ({ ...build, versionId: version, droppedAt: START + 3_600_000 });

let world: World;
beforeEach(() => {
  world = new World();
});

async function submit(build: Build, content: string, changes: Partial<Delivery> = {}) {
  world.now += 2 * SPACING_MS;
  world.inspection = { kind: 'ready', content };
  return world.submit(build, changes);
}

async function becomes(build: Build, state: BuildState): Promise<void> {
  await world.ledger.save({ ...(await world.entry(`drop/${build.key}@${build.versionId}`)), state });
}

describe('a key whose bytes are written again', () => {
  it('is not submitted again: the old build does not go live over the newer one', async () => {
    await submit(OLD, 'one');
    await submit(NEW, 'two');
    expect(await submit(rewritten(OLD), 'one')).toEqual({
      kind: 'skipped',
      cause: 'Unchanged',
      detail: 'The content is that of drop/Game-1.0.zip@v1, upload id upload-1, which Streampixel has.',
    });
    expect(world.calls).toHaveLength(2);
    expect(await world.entry('drop/Game-1.0.zip@v2')).toMatchObject({ state: 'skipped', skipCause: 'Unchanged' });
    expect(world.events.at(-1)).toMatchObject({ name: 'Build Skipped', cause: 'Unchanged' });
  });

  it.each(['submitted', 'approved', 'released'] as const)(
    'is unchanged while the build before is %s',
    async (state) => {
      await submit(OLD, 'one');
      await becomes(OLD, state);
      expect(await submit(rewritten(OLD), 'one')).toMatchObject({ cause: 'Unchanged' });
      expect(await submit(rewritten(OLD, 'v3'), 'one')).toMatchObject({ cause: 'Unchanged' });
    },
  );

  it.each(['rejected', 'dead-lettered', 'skipped', 'unknown', 'waiting'] as const)(
    'is tried again where the build before is %s',
    async (state) => {
      await submit(OLD, 'one');
      await becomes(OLD, state);
      expect(await submit(rewritten(OLD), 'one')).toMatchObject({ kind: 'submitted' });
    },
  );

  it('is a new build with other content, also with that of the build before the last', async () => {
    await submit(OLD, 'one');
    expect(await submit(rewritten(OLD), 'two')).toMatchObject({ kind: 'submitted' });
    expect(await submit(rewritten(OLD, 'v3'), 'one')).toMatchObject({ kind: 'submitted' });
  });

  it('is compared with the last build that was not rejected', async () => {
    await submit(OLD, 'one');
    await submit(rewritten(OLD), 'two');
    await becomes(rewritten(OLD), 'rejected');
    expect(await submit(rewritten(OLD, 'v3'), 'one')).toMatchObject({ cause: 'Unchanged' });
    expect(await submit(rewritten(OLD, 'v4'), 'two')).toMatchObject({ kind: 'submitted' });
  });

  it('is unchanged although the ledger has forgotten the build itself', async () => {
    await world.ledger.noteContent(OLD, 'one');
    world.now += 91 * 24 * 3_600_000;
    expect(await submit(rewritten(OLD), 'one')).toMatchObject({
      cause: 'Unchanged',
      detail: 'The content is that of drop/Game-1.0.zip@v1, which Streampixel has.',
    });
  });

  it('is submitted where the build before is only being looked at: one of the two must go', async () => {
    await world.ledger.noteContent(OLD, 'one');
    expect(await submit(rewritten(OLD), 'one')).toMatchObject({ kind: 'submitted' });
  });

  it('goes through where a person asks for it', async () => {
    await submit(OLD, 'one');
    expect(await submit(rewritten(OLD), 'one', { submitAgain: 'request-1' })).toMatchObject({ kind: 'submitted' });
    expect(await submit(OLD, 'one', { submitAgain: 'request-2' })).toMatchObject({ kind: 'submitted' });
  });

  it('is submitted where its content can’t be read: Streampixel checks it as well', async () => {
    await submit(OLD, 'one');
    world.inspection = { kind: 'ready' };
    world.now += SPACING_MS;
    expect(await world.submit(rewritten(OLD))).toMatchObject({ kind: 'submitted' });
  });

  it('is submitted where neither content can be read: two that are not known are not the same', async () => {
    expect(await world.submit(OLD)).toMatchObject({ kind: 'submitted' });
    world.now += 2 * SPACING_MS;
    expect(await world.submit(rewritten(OLD))).toMatchObject({ kind: 'submitted' });
  });

  it('is compared with the build that was dropped last, in whatever order they came', async () => {
    await submit({ ...OLD, versionId: 'v2', droppedAt: START + 1_000 }, 'two');
    await submit(OLD, 'one');
    expect(await submit(rewritten(OLD, 'v3'), 'two')).toMatchObject({ cause: 'Unchanged' });
  });

  it('is tried again where the build before was rejected, however long ago', async () => {
    await submit(OLD, 'one');
    await becomes(OLD, 'rejected');
    world.now += 31 * 24 * 3_600_000;
    expect(await submit(rewritten(OLD), 'one')).toMatchObject({ kind: 'submitted' });
  });

  it.each([
    [0, { kind: 'submitted' }],
    [1, { kind: 'skipped', cause: 'Unchanged' }],
  ])('whose build before has no entry counts as unchanged 30 days after its drop, and %i ms', async (ms, outcome) => {
    await world.ledger.noteContent(OLD, 'one');
    world.now = START + 30 * 24 * 3_600_000 + ms;
    world.inspection = { kind: 'ready', content: 'one' };
    expect(await world.submit(rewritten(OLD))).toMatchObject(outcome);
  });

  it('keeps its content where only the latest build counts', async () => {
    world.settings = { ...world.settings, routes: [{ ...ROUTE, onlyLatest: true }] };
    await submit(OLD, 'one');
    expect(await world.entry('drop/Game-1.0.zip@v1')).toMatchObject({ content: 'one' });
  });

  it('is compared once where it gets its slot on its first visit', async () => {
    await submit(OLD, 'one');
    await becomes(OLD, 'rejected');
    const found: string[] = [];
    world.instead.find = async (id) => {
      found.push(id);
      return world.ledger.find(id);
    };
    expect(await submit(rewritten(OLD), 'one')).toMatchObject({ kind: 'submitted' });
    expect(found.filter((id) => id === 'drop/Game-1.0.zip@v1')).toHaveLength(1);
  });

  it('does not touch other keys with the same content', async () => {
    await submit(OLD, 'one');
    expect(await submit(NEW, 'one')).toMatchObject({ kind: 'submitted' });
  });

  it('is looked at again at its slot: the build before may have been accepted meanwhile', async () => {
    await submit(OLD, 'one');
    world.now -= SPACING_MS / 2;
    world.inspection = { kind: 'ready', content: 'one' };
    await becomes(OLD, 'dead-lettered');
    const again = rewritten(OLD);
    expect(await world.submit(again)).toMatchObject({ kind: 'postponed', cause: 'Slot' });
    await becomes(OLD, 'submitted');
    world.now += 2 * SPACING_MS;
    expect(await world.submit(again)).toMatchObject({ kind: 'skipped', cause: 'Unchanged' });
    expect(world.calls).toHaveLength(1);
  });
});

describe('content that failed before and is written again', () => {
  beforeEach(() => {
    world.settings = { ...world.settings, routes: [{ ...ROUTE, autoRelease: true }] };
  });
  const sent = () => world.calls.map(({ request }) => request.route.autoRelease);

  it('is submitted, but a person releases it where the project got a newer build meanwhile', async () => {
    await submit(OLD, 'one');
    await becomes(OLD, 'rejected');
    await submit(NEW, 'two');
    expect(await submit(rewritten(OLD), 'one')).toMatchObject({ kind: 'submitted' });
    expect(sent()).toEqual([true, true, false]);
    const entry = await world.entry('drop/Game-1.0.zip@v2');
    expect(entry).toMatchObject({ releaseMode: 'manual' });
    expect(entry.history.map(({ note }) => note)).toContain(
      'older content than drop/Game-2.0.zip@v1: a person releases it',
    );
  });

  it.each([
    ['there is no newer build', async () => undefined],
    [
      'the newer build is of another project',
      async () => {
        const other = { ...ROUTE, prefix: 'Game-2', projectId: 'f'.repeat(24), autoRelease: true };
        world.settings = { ...world.settings, routes: [...world.settings.routes, other] };
        await submit(NEW, 'two');
      },
    ],
  ])('goes live as its route says where %s', async (_, given) => {
    await submit(OLD, 'one');
    await becomes(OLD, 'rejected');
    await given();
    await submit(rewritten(OLD), 'one');
    expect(sent().at(-1)).toBe(true);
  });

  it('goes live as its route says where a person asks for it', async () => {
    await submit(OLD, 'one');
    await becomes(OLD, 'rejected');
    await submit(NEW, 'two');
    await submit(rewritten(OLD), 'one', { submitAgain: 'request-1' });
    expect(sent().at(-1)).toBe(true);
  });

  it('is held back as well where only the latest build of the route counts', async () => {
    world.settings = { ...world.settings, routes: [{ ...ROUTE, autoRelease: true, onlyLatest: true }] };
    await submit(OLD, 'one');
    await becomes(OLD, 'rejected');
    await submit(NEW, 'two');
    await submit(rewritten(OLD), 'one');
    expect(sent()).toEqual([true, true, false]);
  });

  it('holds back no new content under a key that was dropped before', async () => {
    await submit(OLD, 'one');
    await submit(NEW, 'two');
    await submit(rewritten(OLD), 'three');
    expect(sent()).toEqual([true, true, true]);
  });

  it.each([
    ['its content can’t be read now', 'one', undefined],
    ['it could not be read at any time', undefined, undefined],
  ])('is held back where %s', async (_, before, now) => {
    world.inspection = { kind: 'ready', ...(before === undefined ? {} : { content: before }) };
    await world.submit(OLD);
    await submit(NEW, 'two');
    world.now += 2 * SPACING_MS;
    world.inspection = { kind: 'ready', ...(now === undefined ? {} : { content: now }) };
    expect(await world.submit(rewritten(OLD))).toMatchObject({ kind: 'submitted' });
    expect(sent()).toEqual([true, true, false]);
    const { history } = await world.entry('drop/Game-1.0.zip@v2');
    expect(history.map(({ note }) => note)).toContain(
      "content that can't be read, which may be that of drop/Game-1.0.zip@v1: a person releases it",
    );
  });

  it('is held back where it was refused before, and no check refuses it any more', async () => {
    const verdict = { refusals: [{ code: 'NotAPackage', detail: 'no' }], warnings: [] } as const;
    world.inspection = { kind: 'ready', content: 'one', verdict };
    expect(await world.submit(OLD)).toMatchObject({ kind: 'dead-lettered' });
    await submit(NEW, 'two');
    world.settings = { ...world.settings, packageCheck: 'off' };
    expect(await submit(rewritten(OLD), 'one')).toMatchObject({ kind: 'submitted' });
    expect(sent()).toEqual([true, false]);
  });

  it('goes live as its route says where it can’t be read, and its key had no build before', async () => {
    await submit(OLD, 'one');
    world.inspection = { kind: 'ready' };
    world.now += SPACING_MS;
    await world.submit(NEW);
    expect(sent()).toEqual([true, true]);
  });

  it('is as old as its drop where it can’t be read', async () => {
    await world.submit(OLD);
    const older = { ...OLD, key: 'older.zip', droppedAt: 0 };
    expect(await world.ledger.announce(`project/${ROUTE.projectId}`, older)).toEqual({
      id: 'drop/Game-1.0.zip@v1',
      droppedAt: START,
    });
  });

  it('holds back no new content that is dropped late', async () => {
    await submit(NEW, 'two');
    await submit(OLD, 'one');
    expect(sent()).toEqual([true, true]);
  });
});

describe('an object that can’t be a build', () => {
  it.each(['NotAZip', 'BuildMissing', 'BuildUnreadable'] as const)(
    'is not reported (%s) before its key was looked at: it may hold a newer version',
    async (reason) => {
      const refused = { kind: 'refused', reason, detail: 'no' } as const;
      const inspect = async (_: Build, check: 'readable' | 'current') =>
        check === 'readable' ? refused : ({ kind: 'superseded', detail: 'The key now holds version v2.' } as const);
      Object.assign(world.ports.builds, { inspect });
      expect(await world.submit()).toMatchObject({ kind: 'skipped', cause: 'Superseded' });
      expect(world.deadLetters).toEqual([]);
      expect(world.alerts).toEqual([]);
    },
  );

  it('is reported for what was found, where its key holds a good build by then', async () => {
    const refused = { kind: 'refused', reason: 'NotAZip', detail: 'no' } as const;
    const inspect = async (_: Build, check: 'readable' | 'current') =>
      check === 'readable' ? refused : ({ kind: 'ready' } as const);
    Object.assign(world.ports.builds, { inspect });
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'NotAZip', detail: 'no' });
  });

  it('has ten seconds to be replaced where it is empty', async () => {
    world.inspection = { kind: 'refused', reason: 'NotAZip', detail: 'The object is empty.' };
    const placeholder = aBuild({ size: 0 });
    expect(await world.submit(placeholder)).toEqual({
      kind: 'postponed',
      cause: 'JustDropped',
      until: START + 10_000,
    });
    expect(world.deadLetters).toEqual([]);
    world.now = START + 10_000;
    expect(await world.submit(placeholder)).toMatchObject({ kind: 'dead-lettered', reason: 'NotAZip' });
  });

  it('is dead-lettered at once where it is not empty', async () => {
    world.inspection = { kind: 'refused', reason: 'NotAZip', detail: 'no' };
    expect(await world.submit(aBuild({ size: 1 }))).toMatchObject({ kind: 'dead-lettered', reason: 'NotAZip' });
  });
});

describe('a key that no URL can carry', () => {
  it.each(['a/../b.zip', './b.zip', '../b.zip', 'a/./b.zip', 'a/b/../../c.zip'])('%s is to be renamed', async (key) => {
    expect(await world.submit(aBuild({ key }))).toMatchObject({ kind: 'dead-lettered', reason: 'UnusableKey' });
    expect(world.inspected).toEqual([]);
  });

  it.each(['a..b.zip', '..a/b.zip', 'a/..zip', 'a//b.zip', '.hidden/b.zip', '%2e%2e/b.zip', 'a/.../b.zip'])(
    '%s is one that it can',
    async (key) => {
      expect(await world.submit(aBuild({ key }))).toMatchObject({ kind: 'submitted' });
    },
  );
});
