import type { VirtualTime } from './virtual-time.ts';

/** One `upload-file` request. */
export interface UploadCall {
  readonly userId: string;
  readonly apiKey: string;
  /** The build that the `fileUrl` leads to. */
  readonly buildId: string;
  readonly projectId: string;
  readonly autoRelease: boolean;
}

/** An answer over HTTP, or none. */
export type VendorReply =
  | { readonly status: number; readonly message: string; readonly uploadId?: string }
  | { readonly status: 'none' };

/**
 * What happens to one call that has the right key and comes in time:
 * - `accepted`: as it should be
 * - `failed`: an error that says so; nothing was accepted
 * - `busy`: likewise, and it says when to come back
 * - `lost`: no usable answer, and nothing was accepted
 * - `accepted-lost`: accepted, but the caller never gets the answer
 */
export type Fate =
  | 'accepted'
  | 'failed'
  | 'busy'
  | 'lost'
  | 'accepted-lost'
  | { readonly status: 400 | 401 | 403 | 404 };

export interface Arrival {
  /** ms since the epoch, by Streampixel's clock. */
  readonly at: number;
  readonly call: UploadCall;
  readonly reply: VendorReply;
  readonly accepted: boolean;
}

export interface VendorOptions {
  /** One request per user in so many ms. */
  readonly windowMs: number;
  /** Whether a call that is refused uses the window as well: the documentation does not say. */
  readonly refusedCallsCount: boolean;
  /** The key that is valid, at the moment of asking. */
  readonly validKey: () => string;
  /** Asked for each call that has the right key and comes in time. */
  readonly fateOf: (call: UploadCall, number: number) => Fate;
}

/** Streampixel as far as `upload-file` goes: takes one request per user and window, and says 429 to the others. */
export class SimulatedVendor {
  readonly arrivals: Arrival[] = [];
  readonly #time: VirtualTime;
  readonly #options: VendorOptions;
  readonly #lastCounted = new Map<string, number>();

  constructor(time: VirtualTime, options: VendorOptions) {
    this.#time = time;
    this.#options = options;
  }

  /** Acceptances of one build, first to last. */
  acceptancesOf(buildId: string): readonly Arrival[] {
    return this.arrivals.filter((arrival) => arrival.accepted && arrival.call.buildId === buildId);
  }

  /** Another tool of the account spends the window, if it is open. */
  spendWindow(userId: string): void {
    if (!this.#isShut(userId)) this.#lastCounted.set(userId, this.#time.now());
  }

  receive(call: UploadCall): VendorReply {
    const number = this.arrivals.length;
    const { reply, accepted } = this.#answer(call, number);
    this.arrivals.push({ at: this.#time.now(), call, reply, accepted });
    if (accepted || this.#options.refusedCallsCount) this.#lastCounted.set(call.userId, this.#time.now());
    return reply;
  }

  #answer(call: UploadCall, number: number): { readonly reply: VendorReply; readonly accepted: boolean } {
    const refused = (status: number, message: string) => ({ reply: { status, message }, accepted: false });
    if (call.apiKey !== this.#options.validKey()) return refused(401, 'Unauthorized: Invalid API Key');
    if (this.#isShut(call.userId)) return refused(429, 'Rate limit exceeded. Try again in 2 minutes.');
    const fate = this.#options.fateOf(call, number);
    switch (fate) {
      case 'accepted':
        return {
          reply: { status: 200, message: 'Build queued for processing', uploadId: `upload-${number}` },
          accepted: true,
        };
      case 'failed':
        return refused(500, 'Internal server error');
      case 'busy':
        return refused(503, 'Down for maintenance. Try again in 10 minutes.');
      case 'lost':
        return { reply: { status: 'none' }, accepted: false };
      case 'accepted-lost':
        // Half of them as a gateway's page, half as silence.
        return {
          reply: number % 2 === 0 ? { status: 502, message: '<html>Bad gateway</html>' } : { status: 'none' },
          accepted: true,
        };
      default:
        return refused(fate.status, REFUSALS[fate.status]);
    }
  }

  #isShut(userId: string): boolean {
    const last = this.#lastCounted.get(userId);
    return last !== undefined && this.#time.now() - last < this.#options.windowMs;
  }
}

const REFUSALS = {
  400: 'Missing required field: fileUrl',
  401: 'Invalid User',
  403: 'Forbidden: project does not belong to this user',
  404: 'Project not found',
} as const;
