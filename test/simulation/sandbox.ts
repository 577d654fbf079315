import type { Clock } from '../../functions/domain/ports.ts';
import type { Latencies } from './latencies.ts';
import { between, type Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

export const SERVICES = ['dynamodb', 's3', 'ssm', 'sqs', 'sns', 'eventbridge', 'vendor'] as const;
export type Service = (typeof SERVICES)[number];

export function noCalls(): Record<Service, number> {
  return Object.fromEntries(SERVICES.map((service) => [service, 0])) as Record<Service, number>;
}

/** One call that a worker makes of something outside it. */
export interface Call {
  readonly service: Service;
  /** Such as `PutItem`. */
  readonly operation: string;
  /** Calls that all workers have made before this one. */
  readonly number: number;
  /** ms since the epoch, by the true clock. */
  readonly at: number;
}

/** What goes wrong with a call. `before`: nothing has happened; `after`: it has happened, and the worker never gets the answer. */
export type Fault =
  | { readonly kind: 'crash'; readonly when: 'before' | 'after' }
  /** Throttled, or no answer in time: known to the worker so many ms later. */
  | { readonly kind: 'unavailable'; readonly when: 'before' | 'after'; readonly ms: number }
  /** The answer was lost and the client sent the same request once more, by itself. */
  | { readonly kind: 'sent-twice' }
  /** The request takes this many ms longer to arrive. */
  | { readonly kind: 'slow'; readonly ms: number };

/** What the sandboxes of one simulation have in common. */
export interface Network {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly latencies: Latencies;
  /** Asked once for each call. */
  readonly faultOf: (call: Call) => Fault | undefined;
  /** Calls so far, by service. */
  readonly calls: Record<Service, number>;
}

export class ServiceUnavailable extends Error {
  override name = 'ServiceUnavailable';
}

/** What a dead worker waits for. */
const NEVER = new Promise<never>(() => {});

/** One execution environment of Lambda: it has a clock of its own, and it may die at any call. */
export class Sandbox {
  /** This worker's clock: it is off by as much as the sandbox says. */
  readonly clock: Clock;
  /** When it died, in ms since the epoch by the true clock. */
  diedAt: number | undefined;
  readonly #network: Network;
  #onDeath: () => void = () => {};

  /** @param skewMs what its clock is ahead of the true one */
  constructor(network: Network, skewMs: number) {
    const { time, random, latencies } = network;
    this.#network = network;
    this.clock = {
      now: () => time.now() + skewMs,
      sleep: async (ms) => {
        await time.sleep(ms + between(latencies.timer, random));
        if (!this.alive) await NEVER;
      },
    };
  }

  get alive(): boolean {
    return this.diedAt === undefined;
  }

  die(): void {
    this.diedAt = this.#network.time.now();
    this.#onDeath();
  }

  /** What came of the work; `undefined` where it threw, died or took longer than the timeout, of which it dies. */
  invoke<Result>(work: () => Promise<Result>, timeoutMs: number): Promise<Result | undefined> {
    return new Promise((resolve) => {
      let running = true;
      const end = (result: Result | undefined) => {
        running = false;
        resolve(result);
      };
      this.#onDeath = () => end(undefined);
      this.#network.time.after(timeoutMs, () => {
        if (running) this.die();
      });
      work().then(
        (result) => this.alive && end(result),
        () => this.alive && end(undefined),
      );
    });
  }

  /** Asks for the fault of the call that is about to be made; never returns in a worker that dies of it, or is dead. */
  async begin(service: Service, operation: string): Promise<Fault | undefined> {
    const { calls, faultOf, time } = this.#network;
    if (!this.alive) return NEVER;
    const number = Object.values(calls).reduce((sum, count) => sum + count, 0);
    calls[service] += 1;
    const fault = faultOf({ service, operation, number, at: time.now() });
    if (fault?.kind === 'crash' && fault.when === 'before') {
      this.die();
      return NEVER;
    }
    return fault;
  }

  /** The last step of a call: the answer reaches the worker, if there still is one and it does not die of it. */
  async arrive(fault: Fault | undefined): Promise<void> {
    if (this.alive && fault?.kind === 'crash') this.die();
    if (!this.alive) await NEVER;
  }

  /**
   * A call over the network. A request on its way takes effect even if the worker is dead by then.
   * @throws ServiceUnavailable, and whatever the effect throws
   */
  async call<Result>(
    service: Exclude<Service, 'vendor'>,
    operation: string,
    effect: () => Result | Promise<Result>,
  ): Promise<Result> {
    const { time, random, latencies } = this.#network;
    const fault = await this.begin(service, operation);
    const latency = between(latencies[service], random);
    const thereMs = Math.floor(latency / 2);
    await time.sleep(thereMs + (fault?.kind === 'slow' ? fault.ms : 0));
    const unavailable = fault?.kind === 'unavailable' ? fault.when : undefined;
    let answer: { readonly result: Result } | { readonly error: unknown };
    try {
      if (unavailable === 'before') throw new ServiceUnavailable(`${operation} was throttled`);
      if (fault?.kind === 'sent-twice') await effect();
      answer = { result: await effect() };
      if (unavailable === 'after') throw new ServiceUnavailable(`${operation} was not answered`);
    } catch (error) {
      answer = { error };
    }
    await time.sleep(latency - thereMs + (fault?.kind === 'unavailable' ? fault.ms : 0));
    await this.arrive(fault);
    if ('error' in answer) throw answer.error;
    return answer.result;
  }
}
