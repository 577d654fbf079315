import type { SQSBatchResponse } from 'aws-lambda';
import { between } from './random.ts';
import { type Network, Sandbox } from './sandbox.ts';
import type { ReceivedMessage } from './simulated-queue.ts';

type Handler = (messages: readonly ReceivedMessage[]) => Promise<SQSBatchResponse>;

interface Warm {
  readonly sandbox: Sandbox;
  readonly handle: Handler;
  readonly since: number;
}

/** How long Lambda keeps an idle sandbox, in ms. AWS promises no number; minutes are usual. */
const KEPT_WARM_MS = 10 * 60_000;

/** The sandboxes of one function: a warm one is used again, else one starts cold. */
export class Fleet {
  readonly #network: Network;
  readonly #timeoutMs: number;
  readonly #skewOf: (sandbox: number) => number;
  readonly #start: (sandbox: Sandbox) => Handler;
  #warm: Warm[] = [];
  #started = 0;

  /** @param start runs the code of a cold start and returns its handler */
  constructor(
    network: Network,
    timeoutMs: number,
    skewOf: (sandbox: number) => number,
    start: (sandbox: Sandbox) => Handler,
  ) {
    this.#network = network;
    this.#timeoutMs = timeoutMs;
    this.#skewOf = skewOf;
    this.#start = start;
  }

  /** `undefined`: the invocation failed, crashed or timed out. */
  async invoke(messages: readonly ReceivedMessage[]): Promise<SQSBatchResponse | undefined> {
    const { time } = this.#network;
    const { sandbox, handle } = this.#takeWarm() ?? (await this.#startCold());
    const response = await sandbox.invoke(() => handle(messages), this.#timeoutMs);
    if (sandbox.alive) this.#warm.push({ sandbox, handle, since: time.now() });
    return response;
  }

  #takeWarm(): Warm | undefined {
    const { time } = this.#network;
    this.#warm = this.#warm.filter(({ since }) => time.now() - since < KEPT_WARM_MS);
    return this.#warm.pop();
  }

  async #startCold(): Promise<Omit<Warm, 'since'>> {
    const { time, random, latencies } = this.#network;
    const sandbox = new Sandbox(this.#network, this.#skewOf(this.#started++));
    await time.sleep(between(latencies.coldStart, random));
    return { sandbox, handle: this.#start(sandbox) };
  }
}
