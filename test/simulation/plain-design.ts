import { STREAMPIXEL_WINDOW_MS } from '../../functions/domain/pacing/pacer.ts';
import { mapEventSource } from './event-source-mapping.ts';
import { Fleet } from './fleet.ts';
import { LATENCIES } from './latencies.ts';
import { between, type Random } from './random.ts';
import { type Network, noCalls, type Sandbox } from './sandbox.ts';
import { type ReceivedMessage, SimulatedQueue } from './simulated-queue.ts';
import { SimulatedVendor, type UploadCall, type VendorReply } from './simulated-vendor.ts';
import { VirtualTime } from './virtual-time.ts';

/** The numbers that tutorials give, and what Lambda and SQS do where nothing is said. */
const PLAIN = {
  functionTimeoutMs: 60_000,
  visibilityTimeoutMs: 6 * 60_000,
  maxReceiveCount: 5,
  retentionMs: 4 * 24 * 3_600_000,
  batchSize: 10,
  /** Pollers that Lambda begins with where no maximum is set. */
  concurrency: 5,
} as const;

const API_KEY = 'key-1';

/**
 * What one would write first: S3 -> SQS -> Lambda -> fetch. It sends the builds of a batch one after the other and throws
 * where the answer is not a 2xx, so SQS hands out the whole batch again, and gives up on a message after five receives.
 */
export class PlainDesign {
  readonly time = new VirtualTime(0);
  readonly vendor: SimulatedVendor;
  readonly deadLetters: SimulatedQueue;
  readonly queue: SimulatedQueue;
  readonly network: Network;

  constructor(random: Random) {
    const { time } = this;
    const { functionTimeoutMs, visibilityTimeoutMs, maxReceiveCount, retentionMs, batchSize, concurrency } = PLAIN;
    this.network = {
      time,
      random,
      latencies: LATENCIES,
      faultOf: () => undefined,
      calls: noCalls(),
    };
    this.vendor = new SimulatedVendor(time, {
      windowMs: STREAMPIXEL_WINDOW_MS,
      refusedCallsCount: false,
      validKey: () => API_KEY,
      fateOf: () => 'accepted',
    });
    this.deadLetters = new SimulatedQueue(time, random, { visibilityTimeoutMs, retentionMs });
    this.queue = new SimulatedQueue(time, random, {
      visibilityTimeoutMs,
      retentionMs,
      redrive: { maxReceiveCount, deadLetterQueue: this.deadLetters },
    });
    const fleet = new Fleet(
      this.network,
      functionTimeoutMs,
      () => 0,
      (sandbox) => this.#worker(sandbox),
    );
    mapEventSource({
      time,
      random,
      queue: this.queue,
      batchSize,
      maximumConcurrency: concurrency,
      wakeMs: LATENCIES.wake,
      nextPollMs: LATENCIES.nextPoll,
      invoke: (messages) => fleet.invoke(messages),
    });
  }

  #worker(sandbox: Sandbox) {
    let apiKey: Promise<string> | undefined;
    return async (messages: readonly ReceivedMessage[]) => {
      // Read at the cold start and kept for as long as the sandbox lives.
      apiKey ??= sandbox.call('ssm', 'GetParameter', () => API_KEY);
      for (const { body } of messages) {
        const { userId, buildId } = JSON.parse(body) as Omit<UploadCall, 'apiKey'>;
        const call = { userId, buildId, projectId: 'project', autoRelease: false, apiKey: await apiKey };
        const reply = await this.#post(sandbox, call);
        if (reply.status !== 200) throw new Error(`upload-file answered ${reply.status}`);
      }
      return { batchItemFailures: [] };
    };
  }

  async #post(sandbox: Sandbox, call: UploadCall): Promise<VendorReply> {
    const { time, random } = this.network;
    await sandbox.begin('vendor', 'upload-file');
    await time.sleep(between(LATENCIES.vendorConnect, random) + between(LATENCIES.vendorTransit, random));
    const reply = this.vendor.receive(call);
    await time.sleep(between(LATENCIES.vendorWork, random) + between(LATENCIES.vendorTransit, random));
    return reply;
  }
}
