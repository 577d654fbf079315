import { describe, expect, it } from 'vitest';
import { applyNotice } from '../../functions/domain/follow/apply-webhook.ts';
import { noteReported } from '../../functions/domain/follow/note-live.ts';
import { releaseChanged, requestRelease } from '../../functions/domain/model/following-transitions.ts';
import { liveSpans, releasedGoLive, withGoLives } from '../../functions/domain/model/live.ts';
import type { Stage } from '../../functions/domain/model/news.ts';
import { MemoryLedger } from '../simulation/memory-ledger.ts';
import { fc } from '../support/fast-check.ts';
import { atVendor } from '../support/follow-world.ts';
import { aBuild, ROUTE, START } from '../support/world.ts';

/** One upload of the project and all that happens to it. Times in s. */
interface PlannedUpload {
  readonly isAutomatic: boolean;
  readonly approved: readonly number[];
  /** Streampixel distributes it at most twice. */
  readonly distributing: readonly number[];
  readonly isRejected: boolean;
  /** When Streampixel accepts requests of a person. */
  readonly released: readonly number[];
}

interface Happening {
  readonly upload: number;
  readonly at: number;
  readonly what: Stage | 'released';
}

// Few times, so that much happens at one time.
const time = fc.nat({ max: 40 });
const upload: fc.Arbitrary<PlannedUpload> = fc.record({
  isAutomatic: fc.boolean(),
  approved: fc.array(time, { maxLength: 2 }),
  distributing: fc.array(time, { maxLength: 2 }),
  isRejected: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
  released: fc.uniqueArray(time, { maxLength: 2 }),
});

function happeningsOf(uploads: readonly PlannedUpload[]): Happening[] {
  return uploads.flatMap(({ approved, distributing, isRejected, released }, index) => {
    const all = (what: Happening['what'], times: readonly number[]) => times.map((at) => ({ upload: index, at, what }));
    return [
      ...all('uploaded', [0]),
      ...all('approved', approved),
      ...all('distributing', distributing),
      ...all('rejected', isRejected ? [20] : []),
      ...all('released', released),
    ];
  });
}

/** Everything that happens, in any order, and some of it twice. */
const plans = fc.array(upload, { minLength: 1, maxLength: 4 }).chain((uploads) => {
  const happenings = happeningsOf(uploads);
  const order = fc
    .subarray(happenings)
    .chain((repeated) =>
      fc.shuffledSubarray([...happenings, ...repeated], { minLength: happenings.length + repeated.length }),
    );
  return fc.record({ uploads: fc.constant(uploads), order });
});

const nameOf = (index: number) => `upload-${index}`;

/** What viewers got, as upload id and second, worked out from the plan. */
function expected(uploads: readonly PlannedUpload[]): readonly (readonly [string, number])[] {
  const goLives = uploads.flatMap(({ approved, distributing, isAutomatic, isRejected, released }, index) => {
    if (isRejected) return [];
    const approvedAt = Math.min(...approved);
    const times = [
      ...released,
      ...distributing.filter((at) => at > approvedAt),
      ...(isAutomatic && approved.length > 0 ? [approvedAt] : []),
    ];
    return times.map((at) => [nameOf(index), at] as const);
  });
  const sorted = goLives.sort(([a, x], [b, y]) => x - y || a.localeCompare(b));
  return sorted.filter(([name], index) => name !== sorted[index - 1]?.[0]);
}

describe('what is live', () => {
  it('is what went live last, one upload for the project, in whatever order it is reported and however often', () =>
    fc.assert(
      fc.asyncProperty(plans, async ({ uploads, order }) => {
        // Prepare
        const ledger = new MemoryLedger();
        const builds = uploads.map((_, index) => aBuild({ key: `${index}.zip` }));
        for (const [index, build] of builds.entries()) {
          const route = { ...ROUTE, autoRelease: uploads[index]?.isAutomatic === true };
          await ledger.save(atVendor(nameOf(index), build, route));
        }

        // Act
        for (const [number, { at: second, upload: index, what }] of order.entries()) {
          const entry = await ledger.findByUploadId(nameOf(index));
          if (entry === undefined) throw new Error('unreachable');
          const at = START + second * 1_000;
          const about = { projectId: ROUTE.projectId, uploadId: nameOf(index), at };
          if (what === 'released') {
            const request = { by: 'person', requestId: `${number}`, requestedAt: at, uploadId: nameOf(index) } as const;
            const requested = requestRelease(entry, request, at);
            if (requested === undefined) throw new Error('unreachable');
            const goLive = releasedGoLive(entry, requested.release, at);
            await ledger.updateLive(ROUTE.projectId, (current) => withGoLives(current, [goLive]));
            await ledger.save(
              releaseChanged(requested.entry, { ...requested.release, state: 'released' }, at, 'released'),
            );
          } else {
            const next = applyNotice(entry, { ...about, stage: what }, at, at) ?? entry;
            await ledger.save(next);
            await noteReported(next, { ledger });
          }
        }

        // Assess
        const spans = liveSpans(await ledger.liveOf(ROUTE.projectId));
        const model = expected(uploads);
        expect(spans.map(({ at, uploadId }) => [uploadId, (at - START) / 1_000])).toEqual(model);
        expect(spans.map(({ until }) => until)).toEqual([
          ...spans.slice(1).map(({ at }) => at),
          ...spans.slice(-1).map(() => undefined),
        ]);
      }),
      { numRuns: 1_000 },
    ));
});
