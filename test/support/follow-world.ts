import { createJsonLog } from '../../functions/adapters/json-log.ts';
import type { FollowMessage } from '../../functions/domain/follow/follow-message.ts';
import { handleFollowMessage } from '../../functions/domain/follow/handle-follow-message.ts';
import type { FollowDelivery, FollowPorts, FollowSettings } from '../../functions/domain/follow/visit.ts';
import { type Build, buildId } from '../../functions/domain/model/build.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { WebhookNotice } from '../../functions/domain/model/news.ts';
import type { Disposition } from '../../functions/domain/model/outcome.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import type { ReleaseAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import { opened, routed, submitted, submitting } from '../../functions/domain/model/submission-transitions.ts';
import type { Alert } from '../../functions/domain/notify/alert.ts';
import type { BuildEvent } from '../../functions/domain/notify/build-events.ts';
import type { ApiKeyRead, ProjectFile, ProjectFilesRead, ReleaseRequest } from '../../functions/domain/ports.ts';
import { MemoryLedger, type TableCall } from '../simulation/memory-ledger.ts';
import { MemoryPacer } from '../simulation/memory-pacer.ts';
import { aBuild, found, INTERVAL_MS, ROUTE, START } from './world.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const LATE_AFTER_MS = HOUR_MS;
export const STUCK_AFTER_MS = 2 * HOUR_MS;
export const ON_APPROVAL: Route = { ...ROUTE, release: 'on-approval' };

/** What a webhook reports of `upload-1`, just now. */
export function aNotice(changes: Partial<WebhookNotice> = {}): WebhookNotice {
  return { projectId: ROUTE.projectId, uploadId: 'upload-1', stage: 'uploaded', at: START, ...changes };
}

/** A build whose submission is in flight; not saved. */
export function beingSubmitted(build: Build = aBuild(), route: Route = ROUTE, leaseUntil = START + MINUTE_MS) {
  return submitting(routed(opened(build, START), route), START, leaseUntil);
}

/** A build that Streampixel has accepted; not saved. */
export function atVendor(uploadId = 'upload-1', build: Build = aBuild(), route: Route = ROUTE): LedgerEntry {
  return submitted(beingSubmitted(build, route), START, uploadId);
}

/** Thrown where a worker crashes in a call: nothing after it happens. */
export class Crash extends Error {
  override name = 'Crash';
}

/** What surrounds a worker that follows builds, all in memory: the test sets the answers of the ports and the time. */
export class FollowWorld {
  now = START;
  readonly slept: number[] = [];
  readonly logged: Record<string, unknown>[] = [];
  readonly alerts: Alert[] = [];
  readonly events: BuildEvent[] = [];
  readonly metrics: ({ readonly name: string; readonly value: number } & Record<string, unknown>)[] = [];
  readonly released: { readonly request: ReleaseRequest; readonly at: number; readonly deadline: number }[] = [];
  readonly queued: FollowMessage[] = [];
  readonly tagged: (readonly [key: string, tags: Readonly<Record<string, string>>])[] = [];
  /** Calls of the table, in order. */
  readonly tableCalls: string[] = [];
  readonly keyReads: ('read' | 'readAgain')[] = [];
  settings: FollowSettings;
  key: ApiKeyRead = found('key-one', 1);
  keyAgain: ApiKeyRead | undefined;
  /** Answers to `distribute-file` to come; the last one repeats. */
  answers: (ReleaseAnswer | (() => ReleaseAnswer | Promise<ReleaseAnswer>))[] = [{ kind: 'released', status: 200 }];
  files: ProjectFilesRead | Error = { kind: 'unclear', detail: 'HTTP 404: Not Found' };
  filesAsked = 0;
  topicIsDown = false;
  queueIsDown = false;
  tagsFail = false;
  /** Called before each call of the table. */
  onTableCall: TableCall = () => undefined;
  /** Called after each event. */
  onEvent: (event: BuildEvent) => void = () => undefined;
  readonly ledger = new MemoryLedger((operation) => {
    this.tableCalls.push(operation);
    return this.onTableCall(operation);
  });
  readonly pacer: MemoryPacer;
  readonly ports: FollowPorts;

  constructor(intervalMs = INTERVAL_MS) {
    this.settings = {
      routes: [ROUTE],
      intervalMs,
      lateAfterMs: LATE_AFTER_MS,
      stuckAfterMs: STUCK_AFTER_MS,
      reconcile: false,
      tagObjects: false,
    };
    this.pacer = new MemoryPacer({ intervalMs }, (operation) => this.onTableCall(operation));
    this.ports = this.#ports();
  }

  #ports(): FollowPorts {
    return {
      clock: {
        now: () => this.now,
        sleep: async (ms) => {
          this.slept.push(ms);
          this.now += ms;
        },
      },
      random: () => 0,
      log: createJsonLog({ now: () => this.now }, (line) => void this.logged.push(JSON.parse(line))),
      apiKeys: {
        read: async () => {
          this.keyReads.push('read');
          return this.key;
        },
        readAgain: async () => {
          this.keyReads.push('readAgain');
          return this.keyAgain ?? this.key;
        },
      },
      releases: {
        distributeFile: async (request, deadline) => {
          this.released.push({ request, at: this.now, deadline });
          const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
          if (answer === undefined) throw new Error('the test has no answer');
          return typeof answer === 'function' ? await answer() : answer;
        },
      },
      projectFiles: {
        read: async () => {
          this.filesAsked++;
          if (this.files instanceof Error) throw this.files;
          return this.files;
        },
      },
      followQueue: {
        send: async (message) => {
          if (this.queueIsDown) throw new Error('the follow queue is down');
          this.queued.push(message);
        },
      },
      tags: {
        add: async ({ key }, tags) => {
          if (this.tagsFail) throw new Error('AccessDenied');
          this.tagged.push([key, tags]);
        },
      },
      alerts: {
        send: async (alert) => {
          if (this.topicIsDown) throw new Error('the topic is down');
          this.alerts.push(alert);
        },
      },
      events: {
        emit: async (event) => {
          this.events.push(event);
          this.onEvent(event);
        },
      },
      metrics: { put: (name, value, dimensions = {}) => void this.metrics.push({ name, value, ...dimensions }) },
      ledger: this.ledger,
      pacer: this.pacer,
    };
  }

  handle(message: FollowMessage | string, changes: Partial<FollowDelivery> = {}): Promise<Disposition> {
    const body = typeof message === 'string' ? message : JSON.stringify(message);
    const end = this.now + 60_000;
    const delivery = { body, receiveCount: 1, deadline: end - 5_000, leaseUntil: end + 1_000, ...changes };
    return handleFollowMessage(delivery, this.settings, this.ports);
  }

  /** Handles a webhook's message. */
  receiveWebhook(changes: Partial<WebhookNotice> = {}, receiveCount = 1): Promise<Disposition> {
    const notice = aNotice({ at: this.now, ...changes });
    return this.handle({ kind: 'webhook', notice, receivedAt: this.now }, { receiveCount });
  }

  watch(build = 'drop/a.zip@v1', uploadId = 'upload-1', receiveCount = 1): Promise<Disposition> {
    return this.handle({ kind: 'watch', build, uploadId }, { receiveCount });
  }

  /** Handles a person's request to release `upload-1`, unless the changes say otherwise. */
  release(changes: Partial<Extract<FollowMessage, { kind: 'release' }>> = {}, receiveCount = 1): Promise<Disposition> {
    const request = { build: 'drop/a.zip@v1', uploadId: 'upload-1', requestId: 'release-1', by: 'person' as const };
    return this.handle({ kind: 'release', ...request, requestedAt: START, ...changes }, { receiveCount });
  }

  /** Saves a build in the ledger. */
  async given(entry: LedgerEntry): Promise<LedgerEntry> {
    const saved = await this.ledger.save(entry);
    if (saved.kind !== 'saved') throw new Error(`conflict on ${entry.id}`);
    this.tableCalls.length = 0;
    return saved.entry;
  }

  /** The ledger's entry of a build, without a call of the table. */
  entry(build: Build = aBuild()): LedgerEntry {
    const entry = this.ledger.entries().find(({ id }) => id === buildId(build));
    if (entry === undefined) throw new Error(`the ledger does not know ${buildId(build)}`);
    return entry;
  }

  /** Writes to the table since the last `given`. */
  writes(): string[] {
    return this.tableCalls.filter((operation) => /Put|Update|Delete/.test(operation));
  }

  /** The worker crashes at the nth call of the table. */
  crashAtTableCall(nth: number): void {
    let calls = 0;
    this.onTableCall = () => {
      if (++calls >= nth) throw new Crash('the worker has crashed');
    };
  }

  /** A new worker, after a crash. */
  revive(): void {
    this.onTableCall = () => undefined;
    this.onEvent = () => undefined;
  }

  /** Streampixel's list of the project has this build. */
  projectHas(file: Omit<ProjectFile, 'uploadId'> & { readonly uploadId?: string }): void {
    this.files = { kind: 'read', files: [{ uploadId: 'upload-1', ...file }] };
  }

  eventNames(): string[] {
    return this.events.map(({ name }) => name);
  }

  loggedEvents(): unknown[] {
    return this.logged.map(({ event }) => event);
  }

  outcomes(): unknown[] {
    return this.metrics.filter(({ name }) => name === 'BuildsFollowed').map(({ Outcome }) => Outcome);
  }
}
