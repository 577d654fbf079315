import { describe, expect, it } from 'vitest';
import { seededRandom } from '../simulation/random.ts';
import { SimulatedQueue } from '../simulation/simulated-queue.ts';
import { VirtualTime } from '../simulation/virtual-time.ts';

const HOUR_MS = 3_600_000;
const OPTIONS = { visibilityTimeoutMs: 30_000, retentionMs: 96 * HOUR_MS };

function newQueue(options: Partial<ConstructorParameters<typeof SimulatedQueue>[2]> = {}) {
  const time = new VirtualTime(0);
  return { time, queue: new SimulatedQueue(time, seededRandom(1), { ...OPTIONS, ...options }) };
}

/** Receives one message and fails if there is none. */
function receiveOne(queue: SimulatedQueue) {
  const [message] = queue.receive(1);
  if (message === undefined) throw new Error('no message is visible');
  return message;
}

describe('the simulated queue', () => {
  it('hides a received message for the visibility timeout, then hands it out with a higher count', async () => {
    const { time, queue } = newQueue();
    queue.send('body');

    const first = receiveOne(queue);
    await time.run(29_999);
    const early = queue.receive(1);
    time.after(1, () => {});
    await time.run();
    time.after(30_000 - time.now(), () => {});
    await time.run();

    expect(first.receiveCount).toBe(1);
    expect(early).toEqual([]);
    expect(receiveOne(queue)).toMatchObject({ body: 'body', receiveCount: 2 });
  });

  it('takes whole seconds up to 12 hours after the receive, not after the change', async () => {
    const { time, queue } = newQueue();
    queue.send('body');
    const { receiptHandle } = receiveOne(queue);
    time.after(10_000, () => {});
    await time.run(10_000);

    expect(() => queue.changeVisibility(receiptHandle, 1.5)).toThrow('InvalidParameterValue');
    expect(() => queue.changeVisibility(receiptHandle, 12 * 3600 - 9)).toThrow('beyond 12 hours');
    expect(() => queue.changeVisibility(receiptHandle, 12 * 3600 - 10)).not.toThrow();
  });

  it('listens to the newest receipt handle only', async () => {
    const { time, queue } = newQueue();
    queue.send('body');
    const old = receiveOne(queue);
    await time.run();
    const current = receiveOne(queue);

    queue.delete(old.receiptHandle);
    expect(() => queue.changeVisibility(old.receiptHandle, 0)).toThrow('MessageNotInflight');
    expect(queue.size).toBe(1);
    queue.delete(current.receiptHandle);
    expect(queue.size).toBe(0);
  });

  it('moves a message to the dead-letter queue on the receive after the last that is allowed', async () => {
    const time = new VirtualTime(0);
    const deadLetterQueue = new SimulatedQueue(time, seededRandom(1), OPTIONS);
    const queue = new SimulatedQueue(time, seededRandom(1), {
      ...OPTIONS,
      redrive: { maxReceiveCount: 2, deadLetterQueue },
    });
    queue.send('body');

    for (let receive = 1; receive <= 2; receive++) {
      expect(receiveOne(queue).receiveCount).toBe(receive);
      await time.run();
    }

    expect(queue.receive(1)).toEqual([]);
    expect([queue.size, deadLetterQueue.size]).toEqual([0, 1]);
  });

  it('drops a message when its retention ends, and says so', async () => {
    const { time, queue } = newQueue({ retentionMs: HOUR_MS });
    queue.send('body');
    time.after(HOUR_MS, () => {});
    await time.run();

    expect(queue.receive(1)).toEqual([]);
    expect(queue.expired).toEqual(['body']);
  });
});
