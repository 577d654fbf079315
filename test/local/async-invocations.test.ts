import { describe, expect, it, vi } from 'vitest';
import { startAsyncInvocations } from '../../local/aws/async-invocations.ts';
import type { InvocationResult } from '../../local/aws/lambda-process.ts';

const DONE: InvocationResult = { kind: 'answered', payload: null };
const FAILED: InvocationResult = { kind: 'failed', errorType: 'Error', errorMessage: 'SQS is down.' };

/** @param results of the tries, one after the other; the last one repeats */
function given(results: readonly InvocationResult[], options: { retryAttempts?: number; retryDelayMs?: number } = {}) {
  const problems: string[] = [];
  const tries = vi.fn(async (_: unknown) => results[Math.min(tries.mock.calls.length, results.length) - 1] ?? DONE);
  const invocations = startAsyncInvocations({
    functionName: 'redrive-builds',
    invoke: tries,
    retryAttempts: 2,
    retryDelayMs: 1,
    onProblem: (problem) => void problems.push(problem),
    ...options,
  });
  return { invocations, tries, problems };
}

describe('an event nobody waits for', () => {
  it('is tried once if that goes well', async () => {
    const { invocations, tries, problems } = given([DONE]);
    invocations.send({ id: 1 });
    await invocations.stop();
    expect(tries.mock.calls).toEqual([[{ id: 1 }]]);
    expect(problems).toEqual([]);
  });

  it('is tried again with the same event until it goes well', async () => {
    const { invocations, tries, problems } = given([FAILED, FAILED, DONE]);
    invocations.send({ id: 1 });
    await vi.waitFor(() => expect(tries).toHaveBeenCalledTimes(3));
    expect(tries.mock.calls).toEqual([[{ id: 1 }], [{ id: 1 }], [{ id: 1 }]]);
    expect(problems).toEqual(Array(2).fill('redrive-builds failed: Error: SQS is down. It is tried again.'));
  });

  it('is dropped with a word when the last try has failed', async () => {
    const { invocations, tries, problems } = given([FAILED], { retryAttempts: 1 });
    invocations.send({});
    await vi.waitFor(() => expect(problems).toHaveLength(2));
    await invocations.stop();
    expect(tries).toHaveBeenCalledTimes(2);
    expect(problems.at(-1)).toContain('It was the last of 2 tries: the event is dropped.');
  });

  it('is not tried again once all is stopping', async () => {
    const { invocations, tries, problems } = given([FAILED], { retryDelayMs: 3_600_000 });
    invocations.send({});
    await vi.waitFor(() => expect(problems).toHaveLength(1));
    await invocations.stop();
    expect(tries).toHaveBeenCalledTimes(1);
  });
});
