/** What is POSTed to a project's webhook: the same flat shape for every event. */
export interface WebhookPayload {
  /** `build.` and the stage entered, or `webhook.test`. */
  readonly event: string;
  readonly projectId: string;
  readonly uploadId: string | null;
  /** As it was given to `upload-file`, signature and all: the vendor does not say that it takes the query off. */
  readonly fileUrl: string | null;
  /** Of the pipeline, in the vendor's words. */
  readonly status: string;
  /** Why a build was rejected; `null` on every other event. */
  readonly objection: string | null;
  /** ISO 8601: when the stage was entered, not when this was sent. */
  readonly timestamp: string;
}

/** What the vendor does not rule out: how the webhooks of one build arrive, where not each once and in order. */
export interface Deliveries {
  /** How often each is delivered. Default: once. */
  readonly times?: number;
  /**
   * Holds them all back until the build is approved, is rejected or gets stuck, and sends them in this order then. What
   * comes of a `distribute-file` after that is sent as it comes.
   */
  readonly order?: 'shuffled' | 'reversed';
  /** `build.uploaded`, the only event before the download, carries no upload id. */
  readonly nullIds?: boolean;
}

/** The webhooks of one build, delivered one after the other. */
export interface WebhookLine {
  add(payload: WebhookPayload): void;
  /** Sends what was held back; nothing is from then on. */
  release(): void;
}

export interface Webhooks {
  set(projectId: string, url: string | undefined): void;
  urlOf(projectId: string): string | undefined;
  line(deliveries?: Deliveries): WebhookLine;
  /** @returns whether the receiver answered with a 2xx */
  test(projectId: string): Promise<boolean>;
}

export interface WebhooksOptions {
  /** Longest a delivery waits for its answer, in ms. */
  readonly timeoutMs: number;
  /** In [0, 1): shuffles. */
  readonly random: () => number;
  /** Is told of every delivery under way. */
  readonly track: (delivery: Promise<unknown>) => void;
  /** Ends every delivery. */
  readonly signal: AbortSignal;
}

/** The vendor's webhooks: one address a project, each delivery tried once, its answer of no consequence. */
export function createWebhooks({ timeoutMs, random, track, signal }: WebhooksOptions): Webhooks {
  const urls = new Map<string, string>();

  /** Delivers to the address as it is now. Never throws. */
  async function deliver(payload: WebhookPayload): Promise<boolean> {
    const url = urls.get(payload.projectId);
    if (url === undefined || signal.aborted) return false;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(payload),
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  return {
    set(projectId, url) {
      if (url === undefined) urls.delete(projectId);
      else urls.set(projectId, new URL(url).href);
    },
    urlOf: (projectId) => urls.get(projectId),
    line({ times = 1, order, nullIds = false } = {}) {
      let last: Promise<unknown> = Promise.resolve();
      let held: WebhookPayload[] | undefined = order === undefined ? undefined : [];
      function send(payload: WebhookPayload): void {
        last = last.then(() => deliver(payload));
        track(last);
      }
      return {
        add(payload) {
          const isEarly = nullIds && payload.event === 'build.uploaded';
          const delivered = isEarly ? { ...payload, uploadId: null } : payload;
          for (let time = 0; time < times; time++) {
            if (held === undefined) send(delivered);
            else held.push(delivered);
          }
        },
        release() {
          const all = held ?? [];
          held = undefined;
          for (const payload of order === 'reversed' ? all.toReversed() : shuffled(all, random)) send(payload);
        },
      };
    },
    test(projectId) {
      const timestamp = new Date().toISOString();
      const nothing = { uploadId: null, fileUrl: null, objection: null };
      const delivery = deliver({ event: 'webhook.test', projectId, status: 'test', timestamp, ...nothing });
      track(delivery);
      return delivery;
    },
  };
}

/** The items in an order that only `random` decides. */
function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const left = [...items];
  return items.flatMap(() => left.splice(Math.floor(random() * left.length), 1));
}

/** Numbers in [0, 1), the same ones in every run; the generator is mulberry32. */
export function fixedRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
