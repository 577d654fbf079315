import { testWebhook, type WebhookPayload } from '../../functions/streampixel-stand-in/lifecycle.ts';
import { deliverWebhook } from '../../functions/streampixel-stand-in/webhook-delivery.ts';

/** How the webhooks of one build arrive. Streampixel does not promise that each comes once and in order. */
export interface Deliveries {
  /** How often each is delivered. Default: once. */
  readonly times?: number;
  /**
   * Holds all webhooks back until the build is approved, is rejected or gets stuck, and then sends them in a random order.
   * Those of a later `distribute-file` are sent at once.
   */
  readonly order?: 'shuffled';
  /** Whether `build.uploaded`, the only event before the download, lacks the upload id. */
  readonly nullIds?: boolean;
}

/**
 * Where the stand-in's dashboard takes the address of a project's webhook: `PUT` with the address as text sets it, `POST` is the
 * button "Test Webhook". Streampixel has no such API: there a person does both.
 *
 * @param baseUrl any address of the stand-in
 */
export function dashboardWebhookUrl(baseUrl: string, projectId: string): string {
  return new URL(`/dashboard/projects/${projectId}/webhook`, baseUrl).href;
}

/** The webhooks of one build, delivered one after the other. */
export interface WebhookSequence {
  add(payload: WebhookPayload): void;
  /** Sends what was held back. From then on nothing is held back. */
  release(): void;
}

export interface WebhooksOptions {
  /** Longest wait for the answer to a delivery, in ms. */
  readonly timeoutMs: number;
  /** In [0, 1): shuffles. */
  readonly random: () => number;
  /** Gets every delivery that is in progress. */
  readonly track: (delivery: Promise<unknown>) => void;
  /** Ends every delivery. */
  readonly signal: AbortSignal;
}

export type Webhooks = ReturnType<typeof createWebhooks>;

/** Streampixel's webhooks: one address for each project, one attempt for each delivery, whatever the answer. */
export function createWebhooks({ timeoutMs, random, track, signal }: WebhooksOptions) {
  const urls = new Map<string, string>();

  /** Delivers to the address that is set now. Never rejects. */
  async function deliver(payload: WebhookPayload): Promise<boolean> {
    const url = urls.get(payload.projectId);
    if (url === undefined || signal.aborted) return false;
    return deliverWebhook(url, payload, timeoutMs, signal);
  }

  return {
    set(projectId: string, url: string | undefined): void {
      if (url === undefined) urls.delete(projectId);
      else urls.set(projectId, new URL(url).href);
    },
    urlOf: (projectId: string): string | undefined => urls.get(projectId),
    sequence({ times = 1, order, nullIds = false }: Deliveries = {}): WebhookSequence {
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
          for (const payload of shuffled(all, random)) send(payload);
        },
      };
    },
    /** @returns whether the receiver answered with a 2xx */
    test(projectId: string): Promise<boolean> {
      const delivery = deliver(testWebhook(projectId, Date.now()));
      track(delivery);
      return delivery;
    },
  };
}

/** The items in an order that depends on `random` only. */
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
