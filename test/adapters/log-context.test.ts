import { setImmediate as nextTurn } from 'node:timers/promises';
import { inspect } from 'node:util';
import type { Context } from 'aws-lambda';
import { beforeEach, describe, expect, it } from 'vitest';
import { createJsonLog } from '../../functions/adapters/json-log.ts';
import { lambdaHandler } from '../../functions/lambda-handler.ts';
import { handleBatch, type QueueRecord } from '../../functions/message-batch.ts';

const NOW = Date.UTC(2026, 10, 24);
const FAILURE = { event: 'work-failed', message: 'The work failed.' };

let lines: string[];
beforeEach(() => {
  lines = [];
});
const clock = { now: () => NOW, sleep: async () => {} };
const log = createJsonLog(clock, (line) => void lines.push(line));
const logged = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

const contextOf = (awsRequestId: string) => ({ awsRequestId }) as Context;
const recordOf = (messageId: string): QueueRecord => ({
  messageId,
  receiptHandle: messageId,
  body: messageId,
  attributes: { ApproximateReceiveCount: '1', SentTimestamp: `${NOW}` },
  messageAttributes: {},
});

/** Handles a batch whose messages log their own id, again and again while the others do the same. */
const handler = lambdaHandler<{ requestId: string; messages: string[] }, unknown>(
  log,
  FAILURE,
  async ({ messages, requestId }) => {
    const invocation = { startedAt: NOW, deadline: NOW + 1_000, leaseUntil: NOW + 2_000 };
    const visibility = { change: async () => {} };
    log.info('before', { expected: { requestId } });
    const response = await handleBatch(
      messages.map(recordOf),
      invocation,
      async ({ body }) => {
        const expected = { requestId, messageId: body, build: `build of ${body}` };
        return log.within({ build: expected.build }, async () => {
          for (let n = 0; n < 3; n++) {
            log.info('within', { expected });
            await nextTurn();
          }
          if (body.startsWith('bad')) throw new Error('not this one');
          return { kind: 'done' };
        });
      },
      { clock, log, visibility },
    );
    log.info('after', { expected: { requestId } });
    return response;
  },
);
const invoke = (requestId: string, messages: string[]) => handler({ requestId, messages }, contextOf(requestId));

describe('the context of the log', () => {
  it('comes before a line’s own fields, which win', async () => {
    await log.within({ build: 'a.zip', messageId: 'm1' }, async () => {
      log.warn('event', { detail: 'why', messageId: 'm2' });
    });
    expect(lines).toEqual([
      '{"time":"2026-11-24T00:00:00.000Z","level":"warn","event":"event","build":"a.zip","messageId":"m2","detail":"why"}\n',
    ]);
  });

  it('ends with its work', async () => {
    await log.within({ build: 'a.zip' }, async () => {});
    log.info('later', {});
    expect(lines[0]).not.toContain('a.zip');
  });

  it('is never shared by messages and invocations that run at the same time', async () => {
    const messages = Array.from({ length: 10 }, (_, n) => `m${n}`);
    await Promise.all(['r1', 'r2', 'r3'].map((id) => invoke(id, messages)));
    await invoke('r4', ['m1']);
    expect(logged()).toHaveLength(3 * (2 + 30) + 2 + 3);
    for (const { expected, event, level, time, ...context } of logged()) expect(context).toEqual(expected);
  });

  it('names request and message where one fails', async () => {
    await invoke('r1', ['good', 'bad']);
    expect(logged()).toContainEqual(
      expect.objectContaining({ event: 'message-failed', requestId: 'r1', messageId: 'bad' }),
    );
  });

  it('names the request where the whole invocation fails, and the runtime gets none of the error', async () => {
    const failing = lambdaHandler(log, FAILURE, async () => {
      await nextTurn();
      throw Object.assign(new Error('apikey=c4nary'), { request: 'c4nary' });
    });
    const error: unknown = await failing({}, contextOf('r1')).catch((thrown: unknown) => thrown);
    expect(error).toEqual(new Error('The work failed.'));
    expect(logged()).toEqual([expect.objectContaining({ event: 'work-failed', level: 'error', requestId: 'r1' })]);
    expect(lines.join() + inspect(error, { depth: 20, showHidden: true })).not.toContain('c4nary');
  });
});
