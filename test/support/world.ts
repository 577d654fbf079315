import { createJsonLog } from '../../functions/adapters/json-log.ts';
import type { Build } from '../../functions/domain/model/build.ts';
import type { DeadLetter } from '../../functions/domain/model/dead-letter.ts';
import type { Check, Inspection } from '../../functions/domain/model/inspection.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { Disposition } from '../../functions/domain/model/outcome.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { PresignedUrl, Secret } from '../../functions/domain/model/secret.ts';
import type { UploadAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import { opened, routed } from '../../functions/domain/model/submission-transitions.ts';
import type { Alert } from '../../functions/domain/notify/alert.ts';
import type { BuildEvent } from '../../functions/domain/notify/build-events.ts';
import { slotSpacing } from '../../functions/domain/pacing/pacer.ts';
import type { ApiKeyRead, Ledger, Ports, UploadRequest } from '../../functions/domain/ports.ts';
import { handleMessage } from '../../functions/domain/submit/handle-message.ts';
import { submitBuild } from '../../functions/domain/submit/submit-build.ts';
import type { Delivery, SubmitSettings } from '../../functions/domain/submit/visit.ts';
import { MemoryLedger, type TableCall } from '../simulation/memory-ledger.ts';
import { MemoryPacer } from '../simulation/memory-pacer.ts';

export const ROUTE: Route = {
  prefix: '',
  userId: '6650a1b2c3d4e5f60718293a',
  projectId: '664f0e1d2c3b4a5968778695',
  autoRelease: false,
  apiKeyParameter: '/streampixel-drop/api-key',
};

export const INTERVAL_MS = 121_000;
/** From one slot of a lane to the next. */
export const SPACING_MS = slotSpacing({ intervalMs: INTERVAL_MS });
export const START = Date.parse('2026-04-21T12:00:00Z');

export function aBuild(changes: Partial<Build> = {}): Build {
  return { bucket: 'drop', key: 'a.zip', versionId: 'v1', region: 'eu-central-1', droppedAt: START, ...changes };
}

export type Answer = UploadAnswer | (() => UploadAnswer | Promise<UploadAnswer>);

/** The world of one worker, all in memory: every port answers as the test says, and time passes only when the test says so. */
export class World {
  now = START;
  readonly slept: number[] = [];
  readonly logged: Record<string, unknown>[] = [];
  readonly deadLetters: DeadLetter[] = [];
  readonly alerts: Alert[] = [];
  readonly events: BuildEvent[] = [];
  readonly metrics: ({ readonly name: string; readonly value: number } & Record<string, unknown>)[] = [];
  readonly calls: { readonly request: UploadRequest; readonly at: number }[] = [];
  readonly inspected: Check[] = [];
  settings: SubmitSettings = {
    routes: [ROUTE],
    intervalMs: INTERVAL_MS,
    maxAttempts: 3,
    onLostAnswer: 'retry',
    packageCheck: 'refuse',
  };
  key: ApiKeyRead = found('key-one', 1);
  keyAgain: ApiKeyRead | undefined;
  inspection: Inspection = { kind: 'ready' };
  /** Where the answer depends on what is asked. */
  inspectionOf: (check: Check) => Inspection = () => this.inspection;
  /** Answers of Streampixel to come; the last one repeats. */
  answers: Answer[] = [accepted('upload-1')];
  deadLetterQueueIsDown = false;
  topicIsDown = false;
  busIsDown = false;
  /** Called before each call of the table, which fails where this throws. */
  onTableCall: TableCall = () => undefined;
  /** Methods of the ledger that do something else for the worker; `ledger` stays as it is. */
  instead: Partial<Ledger> = {};
  readonly ledger = new MemoryLedger((operation) => this.onTableCall(operation));
  readonly pacer = new MemoryPacer({ intervalMs: INTERVAL_MS }, (operation) => this.onTableCall(operation));
  #ids = 0;

  readonly ports: Ports = {
    clock: {
      now: () => this.now,
      sleep: async (ms) => {
        this.slept.push(ms);
        this.now += ms;
      },
    },
    random: () => 0,
    newId: () => `id-${++this.#ids}`,
    log: createJsonLog({ now: () => this.now }, (line) => void this.logged.push(JSON.parse(line))),
    apiKeys: { read: async () => this.key, readAgain: async () => this.keyAgain ?? this.key },
    builds: {
      presign: async (build) => new PresignedUrl(`https://drop.example/${build.key}?X-Amz-Signature=s1gned`, this.now),
      inspect: async (_, check) => {
        this.inspected.push(check);
        return this.inspectionOf(check);
      },
    },
    streampixel: {
      uploadFile: async (request) => {
        this.calls.push({ request, at: this.now });
        const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
        if (answer === undefined) throw new Error('the test has no answer');
        return typeof answer === 'function' ? await answer() : answer;
      },
    },
    deadLetters: {
      send: async (deadLetter) => {
        if (this.deadLetterQueueIsDown) throw new Error('the dead-letter queue is down');
        this.deadLetters.push(deadLetter);
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
        if (this.busIsDown) throw new Error('the event bus is down');
        this.events.push(event);
      },
    },
    metrics: { put: (name, value, dimensions = {}) => void this.metrics.push({ name, value, ...dimensions }) },
    ledger: new Proxy<Ledger>(this.ledger, {
      get: (target, name) => Reflect.get(this.instead, name) ?? Reflect.get(target, name).bind(target),
    }),
    pacer: this.pacer,
  };

  delivery(changes: Partial<Delivery> = {}): Delivery {
    const end = this.now + 60_000;
    return {
      body: '{}',
      receiveCount: 1,
      sentAt: START - 1_000,
      deadline: end - 5_000,
      leaseUntil: end + 1_000,
      expiresAt: this.now + 7 * 86_400_000,
      logPointer: 'group stream id',
      ...changes,
    };
  }

  submit(build: Build = aBuild(), changes: Partial<Delivery> = {}) {
    return submitBuild(build, this.delivery(changes), this.settings, this.ports);
  }

  handle(body: string, changes: Partial<Delivery> = {}): Promise<Disposition> {
    return handleMessage(this.delivery({ body, ...changes }), this.settings, this.ports);
  }

  /** Puts `a.zip` into the ledger, waiting unless the changes say otherwise. */
  async given(changes: Partial<LedgerEntry> = {}): Promise<void> {
    await this.ledger.save({ ...routed(opened(aBuild(), START), ROUTE), ...changes });
  }

  /** Another worker saves the build with these changes, just before this worker first saves it in the given state. */
  overtake(state: LedgerEntry['state'], changes: Partial<LedgerEntry>): void {
    let isOvertaken = false;
    this.instead.save = async (entry) => {
      if (entry.state === state && !isOvertaken) {
        isOvertaken = true;
        await this.ledger.save({ ...entry, ...changes });
      }
      return this.ledger.save(entry);
    };
  }

  /** Replaces ports. Those that the methods above use are read at each call. */
  use(changes: Partial<Ports>): void {
    Object.assign(this.ports, changes);
  }

  /** The log lines of one event. */
  lines(event: string) {
    return this.logged.filter((line) => line.event === event);
  }

  /** The metrics of one name, without it. */
  measured(name: string) {
    return this.metrics.filter((metric) => metric.name === name).map(({ name: _, ...rest }) => rest);
  }

  async entry(id = 'drop/a.zip@v1') {
    const entry = await this.ledger.find(id);
    if (entry === undefined) throw new Error(`the ledger does not know ${id}`);
    return entry;
  }
}

export function found(value: string, version: number): ApiKeyRead {
  return { kind: 'found', key: { secret: new Secret(value), version } };
}

export function accepted(uploadId: string): UploadAnswer {
  return { kind: 'accepted', uploadId, status: 200 };
}
