import { describe, expect, it } from 'vitest';
import { expectAllRulesKept } from './invariants.ts';
import { ONE_BUILD, type Plan } from './plan.ts';
import { simulate } from './simulation.ts';

/** Plans by which the properties once failed, shrunk; each with the line of the log that shows that it still gets there. */
const COUNTEREXAMPLES: readonly { readonly rule: string; readonly shows: string; readonly plan: Partial<Plan> }[] = [
  {
    rule: 'does not end a build whose dead letter the ledger could not take note of',
    shows: 'not-recorded',
    plan: {
      onLostAnswer: 'dead-letter',
      fates: ['lost'],
      outages: [{ service: 'dynamodb', from: 2, lasts: 120 }],
    },
  },
  {
    rule: 'does not wipe out the mark of a lost answer by what another worker saw before',
    shows: 'overtaken',
    plan: {
      drops: [{ key: 'plain/a.zip', isZip: true, at: 0, announced: [0, 0] }],
      fates: ['accepted-lost'],
      faults: [{ call: 5, fault: { kind: 'unavailable', when: 'before', ms: 589 } }],
    },
  },
  {
    rule: 'does not take a failure for a lost answer because the dead-letter queue was away',
    shows: 'dead-letter-not-sent',
    plan: {
      fates: ['failed', 'failed', 'failed', 'failed', 'failed', 'failed'],
      outages: [{ service: 'sqs', from: 300, lasts: 3_000 }],
    },
  },
];

describe('submitting builds, where it once went wrong', () => {
  it.each(COUNTEREXAMPLES)('$rule', async ({ shows, plan }) => {
    const simulation = await simulate({ ...ONE_BUILD, ...plan });

    expect(simulation.design.log.map(({ event }) => event)).toContain(shows);
    await expectAllRulesKept(simulation);
  });
});
