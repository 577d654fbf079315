import { describe, expect, it } from 'vitest';
import type { Fault } from '../simulation/sandbox.ts';
import { SEARCH_TIMEOUT } from '../support/fast-check.ts';
import { expectAllRulesKept } from './invariants.ts';
import { ONE_BUILD, type Plan } from './plan.ts';
import { simulate } from './simulation.ts';

/** Two builds of one user, the first of them announced twice: a wait, a claim that is fought for, and two calls. */
const TWO_BUILDS: Plan = {
  ...ONE_BUILD,
  drops: [
    { key: 'plain/a.zip', isZip: true, at: 0, announced: [0, 0] },
    { key: 'plain/b.zip', isZip: true, at: 0, announced: [0] },
  ],
};

/** Ways the first call to Streampixel may end, and the cause or reason of the outcome that shows it. */
const COURSES: readonly { readonly course: string; readonly cause?: string; readonly plan: Partial<Plan> }[] = [
  { course: 'all goes well', plan: {} },
  { course: 'only the latest is wanted', cause: 'NewerBuild', plan: { onlyLatest: true } },
  {
    course: 'another tool has spent the slot',
    cause: 'RateLimited',
    plan: { foreignCalls: [{ user: 'user', at: 0 }] },
  },
  // Just after the first worker has read the old key.
  { course: 'the key has been changed', cause: 'KeyChanged', plan: { keyChange: { at: 1.1, storedLater: 0 } } },
  { course: 'Streampixel fails', cause: 'VendorError', plan: { fates: ['failed'] } },
  { course: 'Streampixel is busy and says until when', cause: 'VendorBusy', plan: { fates: ['busy'] } },
  { course: 'the answer is lost', cause: 'AnswerLost', plan: { fates: ['accepted-lost'] } },
  {
    course: 'the answer is lost and left to a person',
    cause: 'SubmissionUnknown',
    plan: { fates: ['accepted-lost'], onLostAnswer: 'dead-letter' },
  },
  { course: 'the project is unknown', cause: 'ProjectNotFound', plan: { fates: [{ status: 404 }] } },
  {
    course: 'the build is no zip',
    cause: 'NotAZip',
    plan: { drops: [{ key: 'plain/a.zip', isZip: false, at: 0, announced: [0, 0] }] },
  },
];

const CRASHES: readonly Fault[] = [
  { kind: 'crash', when: 'before' },
  { kind: 'crash', when: 'after' },
];

describe('a worker that crashes', SEARCH_TIMEOUT, () => {
  it.each(COURSES)(
    'at any await point loses, doubles and hurries nothing where $course',
    async ({ cause, plan: course }) => {
      const plan = { ...TWO_BUILDS, ...course };
      const { calls, causes } = await undisturbed(plan);
      if (cause !== undefined) expect(causes).toContain(cause);

      for (let call = 0; call < calls; call++) {
        for (const fault of CRASHES) await expectRulesKeptWith(plan, [{ call, fault }]);
      }
    },
  );

  it('at any two await points loses, doubles and hurries nothing', async () => {
    const { calls } = await undisturbed(TWO_BUILDS);

    for (let first = 0; first < calls; first++) {
      for (let second = first + 1; second <= calls; second++) {
        for (const fault of CRASHES) {
          await expectRulesKeptWith(TWO_BUILDS, [
            { call: first, fault },
            { call: second, fault },
          ]);
        }
      }
    }
  });

  it('soon after the table was slow hurries no build of another worker', async () => {
    const [first] = ONE_BUILD.drops;
    // Dropped later, so that the crash does not take its message too.
    const plan = { ...ONE_BUILD, drops: [...ONE_BUILD.drops, { ...first, key: 'plain/b.zip', at: 30 }] } as Plan;
    const { calls } = await undisturbed(plan);

    for (let call = 0; call < calls; call++) {
      for (let later = 1; later <= 3; later++) {
        await expectRulesKeptWith(plan, [
          { call, fault: { kind: 'slow', ms: 5_000 } },
          { call: call + later, fault: { kind: 'crash', when: 'after' } },
        ]);
      }
    }
  });
});

/** How many calls a run without crashes makes, each of them an await point, and why builds were postponed, retried or ended. */
async function undisturbed(plan: Plan) {
  const { design } = await simulate(plan);
  const calls = Object.values(design.network.calls).reduce((sum, count) => sum + count, 0);
  return { calls, causes: design.log.map(({ fields }) => fields.cause ?? fields.reason) };
}

async function expectRulesKeptWith(plan: Plan, faults: Plan['faults']): Promise<void> {
  try {
    await expectAllRulesKept(await simulate({ ...plan, faults }));
  } catch (error) {
    throw new Error(`with ${JSON.stringify(faults)}`, { cause: error });
  }
}
