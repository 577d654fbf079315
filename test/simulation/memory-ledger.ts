import { DEFAULT_PAGE_SIZE, type PagePosition, pageToken, positionOf } from '../../functions/adapters/page-token.ts';
import type { Build } from '../../functions/domain/model/build.ts';
import { buildId } from '../../functions/domain/model/build.ts';
import type { BuildState, LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { type LiveRecord, NOTHING_LIVE } from '../../functions/domain/model/live.ts';
import { usedAtField, type WebhookMoment, type WebhookRecord } from '../../functions/domain/model/webhook-record.ts';
import type { KnownContent, Ledger, NewestBuild, Page, RefusedKey, Saved } from '../../functions/domain/ports.ts';

/**
 * Called, and awaited, before each call that the DynamoDB adapter would make of the table: to count them, to take (virtual)
 * time, or to fail by throwing. What the method does comes after it and in one step.
 */
export type TableCall = (
  operation: 'GetItem' | 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'Query',
) => void | Promise<void>;

/** The ledger in memory, for tests, virtual time and benchmarks. */
export class MemoryLedger implements Ledger {
  readonly #onCall: TableCall;
  readonly #entries = new Map<string, LedgerEntry>();
  readonly #newest = new Map<string, NewestBuild>();
  readonly #refused = new Map<string, RefusedKey>();
  readonly #webhooks = new Map<string, WebhookRecord>();
  readonly #live = new Map<string, LiveRecord>();
  readonly #contents = new Map<string, readonly KnownContent[]>();

  /** @param onCall see {@link TableCall} */
  constructor(onCall: TableCall = () => undefined) {
    this.#onCall = onCall;
  }

  async find(id: string): Promise<LedgerEntry | undefined> {
    await this.#onCall('GetItem');
    return this.#entries.get(id);
  }

  async refusedKeyOf(apiKeyParameter: string): Promise<RefusedKey | undefined> {
    await this.#onCall('GetItem');
    return this.#refused.get(apiKeyParameter);
  }

  async save(entry: LedgerEntry): Promise<Saved> {
    await this.#onCall('PutItem');
    if ((this.#entries.get(entry.id)?.revision ?? 0) !== entry.revision) {
      await this.#onCall('GetItem');
      return { kind: 'conflict' };
    }
    const saved = { ...entry, revision: entry.revision + 1 };
    this.#entries.set(entry.id, saved);
    return { kind: 'saved', entry: saved };
  }

  async findByUploadId(uploadId: string): Promise<LedgerEntry | undefined> {
    await this.#onCall('Query');
    return this.entries().find((entry) => entry.uploadId === uploadId);
  }

  async list(state: BuildState, options: { readonly limit?: number; readonly from?: string } = {}): Promise<Page> {
    const limit = options.limit ?? DEFAULT_PAGE_SIZE;
    const from = options.from === undefined ? undefined : positionOf(options.from);
    await this.#onCall('Query');
    const rest = this.entries()
      .filter((entry) => entry.state === state)
      .sort(newestFirst)
      .filter((entry) => from === undefined || newestFirst(from, entry) < 0);
    const entries = rest.slice(0, limit);
    const last = entries.at(-1);
    return last !== undefined && rest.length > limit ? { entries, next: pageToken(last) } : { entries };
  }

  async announce(route: string, build: Build): Promise<NewestBuild> {
    await this.#onCall('PutItem');
    const newest: NewestBuild = { id: buildId(build), droppedAt: build.droppedAt };
    const known = this.#newest.get(route);
    if (known !== undefined && !isNewer(newest, known)) {
      await this.#onCall('GetItem');
      return this.#newest.get(route) ?? newest;
    }
    this.#newest.set(route, newest);
    return newest;
  }

  async contentsOf({ bucket, key }: Pick<Build, 'bucket' | 'key'>): Promise<readonly KnownContent[]> {
    await this.#onCall('GetItem');
    return this.#contents.get(`${bucket}/${key}`) ?? [];
  }

  async noteContent(build: Build, content: string): Promise<readonly KnownContent[]> {
    const id = buildId(build);
    const known = await this.contentsOf(build);
    if (known.some((each) => each.id === id)) return known;
    await this.#onCall('PutItem');
    // Not from what was read above: another worker may have written since, and the adapter then reads again.
    const itemKey = `${build.bucket}/${build.key}`;
    const current = this.#contents.get(itemKey) ?? [];
    if (current.some((each) => each.id === id)) return current;
    const contents = [...current, { id, content, droppedAt: build.droppedAt }].slice(-20);
    this.#contents.set(itemKey, contents);
    return contents;
  }

  async liveOf(projectId: string): Promise<LiveRecord> {
    await this.#onCall('GetItem');
    return this.#live.get(projectId) ?? NOTHING_LIVE;
  }

  async updateLive(projectId: string, change: (current: LiveRecord) => LiveRecord): Promise<void> {
    const read = await this.liveOf(projectId);
    if (change(read) === read) return;
    await this.#onCall('PutItem');
    // Not from what was read above: another worker may have written since, and the adapter then reads again.
    this.#live.set(projectId, change(this.#live.get(projectId) ?? NOTHING_LIVE));
  }

  async refuseKey(apiKeyParameter: string, key: RefusedKey): Promise<'first' | 'known'> {
    await this.#onCall('PutItem');
    if (this.#refused.get(apiKeyParameter)?.version === key.version) return 'known';
    this.#refused.set(apiKeyParameter, key);
    return 'first';
  }

  async forgetRefusedKey(apiKeyParameter: string, version: number): Promise<void> {
    await this.#onCall('DeleteItem');
    if (this.#refused.get(apiKeyParameter)?.version === version) this.#refused.delete(apiKeyParameter);
  }

  async webhookOf(projectId: string): Promise<WebhookRecord> {
    await this.#onCall('GetItem');
    return this.#webhooks.get(projectId) ?? {};
  }

  async noteWebhook(projectId: string, what: WebhookMoment, at: number, address?: string): Promise<void> {
    await this.#onCall('UpdateItem');
    const used = address === undefined ? {} : { [usedAtField(address)]: at };
    this.#webhooks.set(projectId, { ...this.#webhooks.get(projectId), [what]: at, ...used });
  }

  async countWaiting(userId: string): Promise<number> {
    await this.#onCall('Query');
    return this.entries().filter((entry) => entry.state === 'waiting' && entry.userId === userId).length;
  }

  /** Every build. */
  entries(): LedgerEntry[] {
    return [...this.#entries.values()];
  }
}

function newestFirst(a: PagePosition, b: PagePosition): number {
  return b.updatedAt - a.updatedAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}

function isNewer(a: NewestBuild, b: NewestBuild): boolean {
  return a.droppedAt > b.droppedAt || (a.droppedAt === b.droppedAt && a.id > b.id);
}
