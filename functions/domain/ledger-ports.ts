import type { Build } from './model/build.ts';
import type { BuildState, LedgerEntry } from './model/ledger-entry.ts';
import type { LiveRecord } from './model/live.ts';
import type { WebhookMoment, WebhookRecord } from './model/webhook-record.ts';

export type Saved = { readonly kind: 'saved'; readonly entry: LedgerEntry } | { readonly kind: 'conflict' };

export interface Page {
  readonly entries: readonly LedgerEntry[];
  /** Pass it back to get the next page; absent on the last. */
  readonly next?: string;
}

/** The ledger's builds. Every method of the ledger throws `LedgerUnavailable` where the table does not answer. */
export interface BuildLedger {
  find(id: string): Promise<LedgerEntry | undefined>;
  /** Stores the entry if no other worker has since it was read (`entry.revision`); the saved entry carries the new revision. */
  save(entry: LedgerEntry): Promise<Saved>;
  /** Reads an index: what was saved in the last second or so may be missing. So do `list` and `countWaiting`. */
  findByUploadId(uploadId: string): Promise<LedgerEntry | undefined>;
  /** Builds in a state, newest change first. */
  list(state: BuildState, options?: { readonly limit?: number; readonly from?: string }): Promise<Page>;
  /** How many builds of a user wait for their slot. */
  countWaiting(userId: string): Promise<number>;
}

/** What the ledger knows of a route as a whole: its newest build. */
export interface NewestBuilds {
  /** Remembers the build as its route's newest, unless a newer one is known; returns the newest. */
  announce(route: string, build: Build): Promise<NewestBuild>;
}

/** One build of an object key, and what is in it. */
export interface KnownContent {
  readonly id: string;
  /** Digest, as `BuildStore.inspect` gives it. */
  readonly content: string;
  /** ms since the epoch. */
  readonly droppedAt: number;
}

/** What the ledger knows of an object key: the contents of its last builds. It never expires. */
export interface KeyContents {
  /** Oldest first. */
  contentsOf(build: Pick<Build, 'bucket' | 'key'>): Promise<readonly KnownContent[]>;
  /** Remembers what is in a build; returns all that is known of its key then. */
  noteContent(build: Build, content: string): Promise<readonly KnownContent[]>;
}

/** Versions of API key parameters that Streampixel refused. */
export interface RefusedKeys {
  refusedKeyOf(apiKeyParameter: string): Promise<RefusedKey | undefined>;
  /**
   * Remembers that Streampixel refused this version of the parameter.
   * @returns whether it was not known before: one cause is one alert
   */
  refuseKey(apiKeyParameter: string, key: RefusedKey): Promise<'first' | 'known'>;
  /**
   * Streampixel takes this version after all: it is a new value of a parameter that was deleted and made again, and started
   * over at version 1. A refusal of another version stays, for the workers that still have that one cached.
   */
  forgetRefusedKey(apiKeyParameter: string, version: number): Promise<void>;
}

/** What the ledger knows of what viewers get. It never expires. */
export interface LiveBuilds {
  /** Empty where no build of the project has gone live. */
  liveOf(projectId: string): Promise<LiveRecord>;
  /**
   * Changes what is known of a project; where another worker was faster, again from what that one has saved.
   *
   * @param change returns the same record where nothing is new
   */
  updateLive(projectId: string, change: (current: LiveRecord) => LiveRecord): Promise<void>;
}

/** What the ledger knows of the projects' webhooks. */
export interface WebhookRecords {
  /** Empty where the project's webhook has never sent anything. */
  webhookOf(projectId: string): Promise<WebhookRecord>;
  /** Remembers one moment of a project's webhook, and at which address (its id) that was; the others stay. Later writes win. */
  noteWebhook(projectId: string, what: WebhookMoment, at: number, address?: string): Promise<void>;
}

export interface Ledger extends BuildLedger, KeyContents, LiveBuilds, NewestBuilds, RefusedKeys, WebhookRecords {}

/** A version of an API key parameter that Streampixel refused. */
export interface RefusedKey {
  readonly version: number;
  /** ms since the epoch. */
  readonly at: number;
}

export interface NewestBuild {
  readonly id: string;
  readonly droppedAt: number;
}

/** The table (ledger or pacer) did not answer, after the client's own retries. */
export class LedgerUnavailable extends Error {
  override name = 'LedgerUnavailable';
}
