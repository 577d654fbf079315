import { beforeEach, describe, expect, it } from 'vitest';
import type { Verdict } from '../../functions/domain/model/package-verdict.ts';
import { deadLettered } from '../../functions/domain/model/submission-transitions.ts';
import { aBuild, SPACING_MS, START, World } from '../support/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

const FACTS = { game: 'MyGame', plugin: 'none', files: 3, unpackedSize: 7, debugSize: 0 } as const;
const NO_PLUGIN = { code: 'PluginMissing', detail: 'No plugin.' } as const;
const GOOD: Verdict = { refusals: [], warnings: [NO_PLUGIN], facts: FACTS };
const refusedAs = (code: Verdict['refusals'][number]['code']): Verdict => ({
  ...GOOD,
  refusals: [{ code, detail: 'It is a Linux package.' }],
});
const labels = { commit: '4f2c1a9' };
const judged = (verdict: Verdict, content?: string) => {
  world.inspection = { kind: 'ready', verdict, labels, ...(content === undefined ? {} : { content }) };
};

describe('what is in a build', () => {
  it('is in the ledger and in the event, with its warnings and labels', async () => {
    judged(GOOD);
    expect(await world.submit()).toMatchObject({ kind: 'submitted' });
    expect(await world.entry()).toMatchObject({ package: FACTS, warnings: [NO_PLUGIN], labels });
    expect(world.events).toMatchObject([
      { name: 'Build Submitted', package: FACTS, warnings: [NO_PLUGIN], subject: { labels } },
    ]);
  });

  it('is still known when the build has waited for its slot', async () => {
    judged(GOOD);
    await world.submit(aBuild({ key: 'first.zip' }));
    expect(await world.submit()).toMatchObject({ kind: 'postponed' });
    world.now = START + SPACING_MS;
    world.inspection = { kind: 'ready' };
    expect(await world.submit()).toMatchObject({ kind: 'submitted' });
    expect(await world.entry()).toMatchObject({ package: FACTS, labels });
  });
});

describe('a build that Streampixel can not run', () => {
  it.each(['ZipDamaged', 'ZipEncrypted', 'NotAPackage'] as const)(
    'is dead-lettered as %s before it has a slot',
    async (reason) => {
      judged(refusedAs(reason));
      const detail = 'It is a Linux package.';
      expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason, detail, attempt: 0 });
      expect(world.calls).toEqual([]);
      expect(world.deadLetters).toMatchObject([{ reason, detail }]);
      expect(world.alerts).toMatchObject([{ kind: 'dead-lettered', reason, labels, package: FACTS }]);
      expect(await world.entry()).toMatchObject({ state: 'dead-lettered', reason, package: FACTS, labels });
      // The slot is free for the next build.
      judged(GOOD);
      expect(await world.submit(aBuild({ key: 'b.zip' }))).toMatchObject({ kind: 'submitted' });
    },
  );

  it('is dead-lettered with its labels also where it is no zip', async () => {
    world.inspection = { kind: 'refused', reason: 'NotAZip', detail: 'It is an HTML page.', labels, status: 206 };
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'NotAZip' });
    expect(world.alerts).toMatchObject([{ kind: 'dead-lettered', labels }]);
    expect(await world.entry()).toMatchObject({ labels });
  });

  it('is dead-lettered only after a look whether its key holds a newer version', async () => {
    judged(refusedAs('NotAPackage'));
    const superseded = { kind: 'superseded', detail: 'The key now holds version v2.' } as const;
    world.inspectionOf = (check) => (check === 'readable' ? world.inspection : superseded);
    expect(await world.submit()).toMatchObject({ kind: 'skipped', cause: 'Superseded' });
    expect(world.deadLetters).toEqual([]);
  });

  it('is skipped where Streampixel has that content: a tool has rewritten the bucket', async () => {
    judged(GOOD, 'same');
    await world.submit();
    judged(refusedAs('NotAPackage'), 'same');
    expect(await world.submit(aBuild({ versionId: 'v2', droppedAt: START + 1 }))).toMatchObject({
      kind: 'skipped',
      cause: 'Unchanged',
    });
    expect(world.deadLetters).toEqual([]);
  });

  it.each([
    ['warn', 'NotAPackage', true],
    ['warn', 'ZipEncrypted', true],
    ['warn', 'ZipDamaged', false],
    ['off', 'NotAPackage', true],
    ['off', 'ZipDamaged', true],
  ] as const)('with packageCheck %s and %s is submitted: %s', async (packageCheck, reason, isSubmitted) => {
    world.settings = { ...world.settings, packageCheck };
    judged(refusedAs(reason));
    expect(await world.submit()).toMatchObject(isSubmitted ? { kind: 'submitted' } : { kind: 'dead-lettered', reason });
    const overridden = { code: 'NotChecked', detail: `${reason}: It is a Linux package.` };
    const warnings = packageCheck === 'off' ? [] : isSubmitted ? [overridden, NO_PLUGIN] : [NO_PLUGIN];
    expect((await world.entry()).warnings).toEqual(warnings);
  });

  it('is submitted where a person wants it, also at a later visit and after a redrive', async () => {
    judged(refusedAs('ZipDamaged'));
    await world.submit();
    await world.submit(aBuild({ key: 'first.zip' }), { isUnchecked: true });
    world.now += 1_000;
    expect(await world.submit(aBuild(), { isUnchecked: true, sentAt: world.now })).toMatchObject({ kind: 'postponed' });
    expect(await world.entry()).toMatchObject({ isUnchecked: true, warnings: [{ code: 'NotChecked' }, NO_PLUGIN] });
    world.now = START + 2 * SPACING_MS;
    expect(await world.submit()).toMatchObject({ kind: 'submitted' });
  });

  it('is checked where a person submits it later without saying so: the check counts again, and a redrive keeps that', async () => {
    judged(refusedAs('NotAPackage'));
    await world.submit(aBuild({ key: 'first.zip' }), { isUnchecked: true });
    await world.submit(aBuild(), { isUnchecked: true });
    const { uploadId: _, reservation: __, ...entry } = await world.entry();
    const failure = { code: 'NoRoute', detail: 'gone', at: world.now } as const;
    await world.ledger.save(deadLettered(entry, world.now, failure, 'letter-1'));
    world.now += 2 * SPACING_MS;
    const refused = { kind: 'dead-lettered', reason: 'NotAPackage' };
    expect(await world.submit(aBuild(), { isUnchecked: false, sentAt: world.now })).toMatchObject(refused);
    world.now += 2 * SPACING_MS;
    expect(await world.submit(aBuild(), { sentAt: world.now })).toMatchObject(refused);
  });

  it('is checked again where a person wants it submitted again without saying so', async () => {
    judged(refusedAs('NotAPackage'));
    await world.submit(aBuild(), { isUnchecked: true });
    expect((await world.entry()).state).toBe('submitted');
    expect(await world.submit(aBuild(), { submitAgain: 'again' })).toMatchObject({
      kind: 'dead-lettered',
      reason: 'NotAPackage',
    });
    expect(await world.submit(aBuild(), { submitAgain: 'again-2', isUnchecked: true })).toMatchObject({
      kind: 'postponed',
    });
  });
});
