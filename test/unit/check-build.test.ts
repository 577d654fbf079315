import { beforeEach, describe, expect, it } from 'vitest';
import type { Route } from '../../functions/domain/model/route.ts';
import { aBuild, ROUTE, SPACING_MS, START, World } from '../support/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

function setRoute(changes: Partial<Route>): void {
  world.settings = { ...world.settings, routes: [{ ...ROUTE, ...changes }] };
}

const first = aBuild({ key: 'first.zip', droppedAt: START });
const second = aBuild({ key: 'second.zip', droppedAt: START + 1 });
const third = aBuild({ key: 'third.zip', droppedAt: START + 2 });
const superseded = { kind: 'superseded', detail: 'The key now holds version v2.' } as const;

describe('a build that waited for its slot', () => {
  it('is checked again, also where every version is wanted', async () => {
    setRoute({ everyVersion: true });
    await world.submit(first);
    expect(await world.submit()).toMatchObject({ kind: 'postponed', cause: 'Slot' });
    expect(world.inspected).toEqual(['readable', 'readable']);

    world.now = START + SPACING_MS;
    world.inspection = { kind: 'refused', reason: 'BuildMissing', detail: 'not there', status: 404 };
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'BuildMissing', status: 404 });
    expect(world.calls).toHaveLength(1);
    // At its slot, and once more before the object is reported.
    expect(world.inspected.slice(2)).toEqual(['readable', 'current']);
  });

  it('is checked once on its first visit where every version is wanted', async () => {
    setRoute({ everyVersion: true });
    await world.submit();
    expect(world.inspected).toEqual(['readable']);
  });
});

describe('a build that is refused at its slot', () => {
  it('is dead-lettered without another look where its key was looked at already', async () => {
    await world.submit(first);
    await world.submit();
    world.now = START + SPACING_MS;
    const inspected = world.inspected.length;
    world.inspection = { kind: 'refused', reason: 'BuildMissing', detail: 'not there', status: 404 };
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'BuildMissing' });
    expect(world.inspected.slice(inspected)).toEqual(['current']);
  });
});

describe('a build whose object looks bad', () => {
  it('is tried again, and not reported, where S3 does not say whether its key holds a newer version', async () => {
    const bad = { kind: 'refused', reason: 'NotAZip', detail: 'text' } as const;
    world.inspectionOf = (check) => (check === 'readable' ? bad : { kind: 'unavailable', detail: 'S3 is slow' });
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'BuildStoreUnavailable' });
    expect(world.deadLetters).toEqual([]);

    world.inspectionOf = (check) => (check === 'readable' ? bad : superseded);
    expect(await world.submit()).toMatchObject({ kind: 'skipped', cause: 'Superseded' });
  });
});

describe('a build that is superseded', () => {
  it('is skipped with an event, and stays skipped', async () => {
    world.inspection = superseded;
    const outcome = await world.submit();
    expect(outcome).toEqual({ kind: 'skipped', cause: 'Superseded', detail: superseded.detail });
    expect(world.inspected).toEqual(['readable']);
    expect(await world.entry()).toMatchObject({ state: 'skipped', skipCause: 'Superseded' });
    expect(world.events).toEqual([
      {
        name: 'Build Skipped',
        at: START,
        subject: { build: aBuild(), userId: ROUTE.userId, projectId: ROUTE.projectId },
        cause: 'Superseded',
        detail: superseded.detail,
      },
    ]);

    world.inspection = { kind: 'ready' };
    expect(await world.submit()).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
  });

  it('is skipped at its slot, also where it is the newest of its route', async () => {
    setRoute({ onlyLatest: true });
    await world.submit(first);
    await world.submit(second);
    world.now = START + SPACING_MS;
    world.inspection = superseded;
    expect(await world.submit(second)).toMatchObject({ kind: 'skipped', cause: 'Superseded' });
    expect(world.calls).toHaveLength(1);
  });

  it('is left to another worker that has changed it meanwhile', async () => {
    world.inspection = superseded;
    world.overtake('skipped', { state: 'submitting' });
    expect(await world.submit()).toEqual({ kind: 'postponed', cause: 'InProgress', until: START + 61_000 });
    expect(world.events).toEqual([]);
  });
});

describe('a build that is not the newest of its route', () => {
  it('is skipped where only the latest counts', async () => {
    setRoute({ onlyLatest: true });
    await world.submit(first);
    await world.submit(second);
    await world.submit(third);

    world.now = START + SPACING_MS;
    expect(await world.submit(second)).toEqual({
      kind: 'skipped',
      cause: 'NewerBuild',
      detail: 'Superseded by drop/third.zip@v1.',
    });
    world.now = START + 2 * SPACING_MS;
    expect(await world.submit(third)).toMatchObject({ kind: 'submitted' });
  });

  it('is skipped on its first visit, before it reserves a slot', async () => {
    setRoute({ onlyLatest: true });
    await world.submit(first);
    await world.submit(third);
    const before = world.pacer.lane(`upload-file/${ROUTE.userId}`);
    expect(await world.submit(second)).toMatchObject({ kind: 'skipped', cause: 'NewerBuild' });
    expect(world.pacer.lane(`upload-file/${ROUTE.userId}`)).toEqual(before);
  });

  it('does not replace a newer one that waits since before the route had another project', async () => {
    setRoute({ onlyLatest: true });
    await world.submit(first);
    await world.submit(third);
    setRoute({ onlyLatest: true, projectId: 'another-project' });
    await world.submit(second);
    world.now = START + SPACING_MS;
    expect(await world.submit(third)).toMatchObject({ kind: 'submitted' });
  });

  it('is submitted where the newer one is no zip', async () => {
    setRoute({ onlyLatest: true });
    await world.submit(first);
    await world.submit(second);
    world.inspection = { kind: 'refused', reason: 'NotAZip', detail: 'text' };
    await world.submit(third);

    world.inspection = { kind: 'ready' };
    world.now = START + SPACING_MS;
    expect(await world.submit(second)).toMatchObject({ kind: 'submitted' });
  });

  it('is submitted where the route does not want only the latest any more', async () => {
    setRoute({ onlyLatest: true });
    for (const build of [first, second, third]) await world.submit(build);
    setRoute({});
    world.now = START + SPACING_MS;
    expect(await world.submit(second)).toMatchObject({ kind: 'submitted' });
  });

  it('is submitted where it waited already when the route began to want only the latest', async () => {
    await world.submit(first);
    await world.submit(second);
    setRoute({ onlyLatest: true });
    world.now = START + SPACING_MS;
    expect(await world.submit(second)).toMatchObject({ kind: 'submitted' });
  });
});
