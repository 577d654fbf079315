import { type ChangeMessageVisibilityBatchCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { createDynamoDbLedger } from '../../functions/adapters/dynamodb-ledger.ts';
import { createDynamoDbPacer } from '../../functions/adapters/dynamodb-pacer.ts';
import { createSqsDeadLetterQueue } from '../../functions/adapters/sqs-dead-letter-queue.ts';
import { createSqsMessageVisibility } from '../../functions/adapters/sqs-message-visibility.ts';
import { createSsmApiKeys } from '../../functions/adapters/ssm-api-keys.ts';
import type { Parameter } from '../../functions/adapters/ssm-parameters.ts';
import { type Build, buildId } from '../../functions/domain/model/build.ts';
import type { Inspection } from '../../functions/domain/model/inspection.ts';
import { uploadLane } from '../../functions/domain/model/lane.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { PresignedUrl } from '../../functions/domain/model/secret.ts';
import type { UploadAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import { MARGIN_MS, STREAMPIXEL_WINDOW_MS } from '../../functions/domain/pacing/pacer.ts';
import {
  type BuildStore,
  type Ledger,
  LedgerUnavailable,
  type Log,
  type LogFields,
  type Pacer,
  type StreampixelApi,
} from '../../functions/domain/ports.ts';
import type { SubmitSettings } from '../../functions/domain/submit/visit.ts';
import { invocationDeadline } from '../../functions/message-batch.ts';
import { type BatchSettings, processBatch } from '../../functions/submit-build/delivery.ts';
import { mapEventSource } from './event-source-mapping.ts';
import { Fleet } from './fleet.ts';
import { LATENCIES, type Latencies } from './latencies.ts';
import { MemoryLedger } from './memory-ledger.ts';
import { MemoryPacer } from './memory-pacer.ts';
import type { PacedCall } from './paced-call.ts';
import { between, type Random } from './random.ts';
import { type Call, type Fault, type Network, noCalls, type Sandbox } from './sandbox.ts';
import { notificationOf, SimulatedBucket } from './simulated-bucket.ts';
import { type ReceivedMessage, SimulatedQueue } from './simulated-queue.ts';
import { SimulatedTable } from './simulated-table.ts';
import { type Fate, SimulatedVendor, type UploadCall, type VendorReply } from './simulated-vendor.ts';
import { VirtualTime } from './virtual-time.ts';

/** The numbers of the stack, as `infra/` deploys it by default; a test compares the two. */
export const DEPLOYED = {
  functionTimeoutMs: 60_000,
  visibilityTimeoutMs: 360_000,
  maxReceiveCount: 100,
  retentionMs: 7 * 24 * 3_600_000,
  deadLetterRetentionMs: 14 * 24 * 3_600_000,
  batchSize: 10,
  maximumConcurrency: 2,
  intervalMs: STREAMPIXEL_WINDOW_MS + MARGIN_MS,
  maxAttempts: 6,
} as const;

/** What a presigned URL is signed for by default, in ms. */
const FILE_URL_LIFETIME_MS = 6 * 3_600_000;

/** A weekday; nothing depends on it. */
const START = Date.UTC(2026, 0, 5, 9);

export interface OurDesignOptions {
  readonly random: Random;
  readonly routes: readonly Route[];
  readonly settings?: Partial<Omit<SubmitSettings, 'routes'>>;
  /** Behind the ledger and the pacer: the production adapters on a simulated table, or the adapters in memory. */
  readonly tables?: 'dynamodb' | 'memory';
  readonly latencies?: Partial<Latencies>;
  readonly maximumConcurrency?: number;
  /** What the clock of the nth sandbox is ahead of the true one, in ms. */
  readonly skewOf?: (sandbox: number) => number;
  readonly faultOf?: (call: Call) => Fault | undefined;
  readonly fateOf?: (call: UploadCall, number: number) => Fate;
  readonly refusedCallsCount?: boolean;
  /** Another stack of the same account: its ledger table is shared, and so is Streampixel. */
  readonly sharedWith?: OurDesign;
  /** Name of the drop bucket. */
  readonly bucket?: string;
}

export interface LogLine {
  /** ms since the epoch. */
  readonly at: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: LogFields;
}

/** One call of upload-file. */
export interface Submission extends PacedCall {
  readonly userId: string;
  readonly buildId: string;
}

/**
 * The worker as it is deployed, in virtual time: the production code from the batch down to the AWS clients, and behind those
 * a simulated AWS and a simulated vendor.
 */
export class OurDesign {
  readonly time: VirtualTime;
  readonly log: LogLine[] = [];
  readonly submissions: Submission[] = [];
  readonly bucket: SimulatedBucket;
  readonly vendor: SimulatedVendor;
  readonly deadLetters: SimulatedQueue;
  readonly queue: SimulatedQueue;
  readonly network: Network;
  /** A deployment may change them while builds are under way. */
  settings: BatchSettings;
  /** What SSM holds and what Streampixel takes; a person changes the one after the other. */
  parameter = { value: 'key-1', version: 1 };
  validKey = this.parameter.value;
  /** The ledger, read without a network in between. */
  readonly ledger: Ledger;
  readonly #memoryPacer: Pacer | undefined;
  readonly #table: SimulatedTable;
  readonly #acquiredAt = new Map<string, number>();
  #ids = 0;

  constructor(options: OurDesignOptions) {
    const { random, routes } = options;
    const { sharedWith } = options;
    const time = sharedWith?.time ?? new VirtualTime(START);
    this.time = time;
    this.#table = sharedWith === undefined ? new SimulatedTable() : sharedWith.#table;
    this.bucket = new SimulatedBucket(time, options.bucket);
    this.settings = {
      routes,
      intervalMs: DEPLOYED.intervalMs,
      maxAttempts: DEPLOYED.maxAttempts,
      onLostAnswer: 'retry',
      packageCheck: 'refuse',
      messageRetentionS: DEPLOYED.retentionMs / 1000,
      ...options.settings,
    };
    this.network = {
      time,
      random,
      latencies: { ...LATENCIES, ...options.latencies },
      faultOf: (call) => {
        const fault = options.faultOf?.(call);
        // A store in memory has no client that would send again.
        return options.tables === 'memory' && fault?.kind === 'sent-twice' ? undefined : fault;
      },
      calls: noCalls(),
    };
    const vendor = {
      windowMs: STREAMPIXEL_WINDOW_MS,
      refusedCallsCount: options.refusedCallsCount ?? false,
      validKey: () => this.validKey,
      fateOf: options.fateOf ?? (() => 'accepted' as const),
    };
    this.vendor = sharedWith?.vendor ?? new SimulatedVendor(time, vendor);
    const { visibilityTimeoutMs, retentionMs, deadLetterRetentionMs, maxReceiveCount, batchSize } = DEPLOYED;
    this.deadLetters = new SimulatedQueue(time, random, { visibilityTimeoutMs, retentionMs: deadLetterRetentionMs });
    this.queue = new SimulatedQueue(time, random, {
      visibilityTimeoutMs,
      retentionMs,
      redrive: { maxReceiveCount, deadLetterQueue: this.deadLetters },
    });
    if (options.tables === 'memory') {
      this.ledger = new MemoryLedger();
      this.#memoryPacer = new MemoryPacer(this.settings);
    } else {
      this.ledger = createDynamoDbLedger(this.#table);
    }
    const fleet = new Fleet(this.network, DEPLOYED.functionTimeoutMs, options.skewOf ?? (() => 0), (sandbox) =>
      this.#worker(sandbox),
    );
    mapEventSource({
      time,
      random,
      queue: this.queue,
      batchSize,
      maximumConcurrency: options.maximumConcurrency ?? DEPLOYED.maximumConcurrency,
      wakeMs: this.network.latencies.wake,
      nextPollMs: this.network.latencies.nextPoll,
      invoke: (messages) => fleet.invoke(messages),
    });
  }

  /** S3's message about these builds arrives in the queue. */
  announce(...builds: readonly Build[]): void {
    this.queue.send(notificationOf(builds));
  }

  async entryOf(build: Build): Promise<LedgerEntry | undefined> {
    return this.ledger.find(buildId(build));
  }

  /** The code of one sandbox, with what it keeps between invocations. */
  #worker(sandbox: Sandbox) {
    const { clock } = sandbox;
    const sqs = { send: (command: SqsCommand) => this.#sqs(sandbox, command) } as unknown as SQSClient;
    const table = overNetwork(this.#table, sandbox);
    const log = this.#logOf();
    const newId = () => `${this.bucket.name}-${this.#ids++}`;
    const ledger =
      this.#memoryPacer === undefined ? createDynamoDbLedger(table, newId) : overNetwork(this.ledger, sandbox);
    const pacer =
      this.#memoryPacer === undefined
        ? createDynamoDbPacer(table, this.settings, newId)
        : overNetwork(this.#memoryPacer, sandbox);
    const ports = {
      clock,
      random: this.network.random,
      newId,
      log,
      apiKeys: createSsmApiKeys(() => this.#getParameter(sandbox), clock, log),
      builds: this.#buildStore(sandbox),
      streampixel: this.#streampixel(sandbox),
      deadLetters: createSqsDeadLetterQueue(sqs, 'dead-letters'),
      ledger,
      pacer: this.#watched(pacer),
      visibility: createSqsMessageVisibility(sqs, 'builds'),
      alerts: { send: () => sandbox.call('sns', 'Publish', () => {}) },
      events: { emit: () => sandbox.call('eventbridge', 'PutEvents', () => {}) },
      metrics: { put: () => {} },
    };
    return (messages: readonly ReceivedMessage[]) => {
      const startedAt = clock.now();
      const invocation = invocationDeadline(startedAt, DEPLOYED.functionTimeoutMs);
      const records = messages.map(({ id, receiptHandle, body, attributes, receiveCount, sentAt }) => ({
        messageId: id,
        receiptHandle,
        body,
        attributes: { ApproximateReceiveCount: String(receiveCount), SentTimestamp: String(sentAt) },
        messageAttributes: attributes,
      }));
      return processBatch(records, invocation, 'log', this.settings, ports);
    };
  }

  #sqs(sandbox: Sandbox, command: SqsCommand): Promise<unknown> {
    const operation = command.constructor.name.replace(/Command$/, '');
    if (command instanceof SendMessageCommand) {
      const { MessageBody: body = '', MessageAttributes: attributes = {} } = command.input;
      const asReceived = Object.entries(attributes).map(([name, { StringValue }]) => [
        name,
        { stringValue: StringValue },
      ]);
      return sandbox.call('sqs', operation, () => this.deadLetters.send(body, Object.fromEntries(asReceived)));
    }
    return sandbox.call('sqs', operation, () => this.queue.changeVisibilities(command.input.Entries));
  }

  #getParameter(sandbox: Sandbox): Promise<Parameter> {
    return sandbox.call('ssm', 'GetParameter', () => {
      const { value, version } = this.parameter;
      return { Type: 'SecureString', Value: value, Version: version };
    });
  }

  #buildStore(sandbox: Sandbox): BuildStore {
    const { clock } = sandbox;
    const get = async (build: Build, pinned: boolean): Promise<Inspection> => {
      try {
        return await sandbox.call('s3', 'GetObject', () => this.bucket.get(build, pinned));
      } catch (error) {
        return { kind: 'unavailable', detail: String(error) };
      }
    };
    return {
      presign: async (build) =>
        new PresignedUrl(`https://s3.example/${buildId(build)}?signed`, clock.now() + FILE_URL_LIFETIME_MS),
      inspect: async (build, check) => {
        const readable = check === 'current' ? undefined : await get(build, true);
        return check === 'readable' || readable?.kind === 'refused' || readable?.kind === 'unavailable'
          ? (readable as Inspection)
          : get(build, false);
      },
    };
  }

  #streampixel(sandbox: Sandbox): StreampixelApi {
    const { time, random, latencies } = this.network;
    return {
      uploadFile: async ({ route, apiKey, fileUrl }, deadline) => {
        const fault = await sandbox.begin('vendor', 'upload-file');
        const acquiredAt = this.#acquiredAt.get(uploadLane(route.userId)) ?? Number.NaN;
        const calledAt = time.now();
        const slow = fault?.kind === 'slow' ? fault.ms : 0;
        const call = {
          userId: route.userId,
          apiKey: apiKey.reveal(),
          projectId: route.projectId,
          autoRelease: route.autoRelease,
          buildId: fileUrl.reveal().replace('https://s3.example/', '').split('?', 1)[0] ?? '',
        };
        const answer = await new Promise<UploadAnswer>((resolve) => {
          let sentAt: number | undefined;
          let ended = false;
          const end = (answer: UploadAnswer) => {
            ended = true;
            resolve(sentAt === undefined ? answer : { ...answer, sentAt });
          };
          const notSent = { kind: 'failed', cause: 'VendorUnreachable', detail: 'not sent' } as const;
          const lost = { kind: 'lost', detail: 'no answer in time' } as const;
          time.after(deadline - sandbox.clock.now(), () => end(sentAt === undefined ? notSent : lost));
          time.after(between(latencies.vendorConnect, random) + slow, () => {
            if (ended || !sandbox.alive) return;
            if (fault?.kind === 'unavailable' && fault.when === 'before') return end(notSent);
            sentAt = sandbox.clock.now();
            const leftAt = time.now();
            time.after(between(latencies.vendorTransit, random), () => {
              const { userId, buildId } = call;
              this.submissions.push({
                userId,
                buildId,
                acquiredAt,
                calledAt,
                sentAt: leftAt,
                arrivedAt: time.now(),
                sandbox,
              });
              const reply = this.vendor.receive(call);
              if (reply.status === 'none' || fault?.kind === 'unavailable') return;
              const back = between(latencies.vendorWork, random) + between(latencies.vendorTransit, random);
              time.after(back, () => end(answerOf(reply)));
            });
          });
        });
        await sandbox.arrive(fault);
        return answer;
      },
    };
  }

  /** Notes when slots were acquired, for the proof that the interval held. */
  #watched(pacer: Pacer): Pacer {
    return {
      reserve: (lane, now) => pacer.reserve(lane, now),
      pushBack: (lane, reservation, until) => pacer.pushBack(lane, reservation, until),
      acquire: async (lane, reservation, now) => {
        const askedAt = this.time.now();
        const entry = await pacer.acquire(lane, reservation, now);
        if (entry.kind === 'acquired') this.#acquiredAt.set(lane, askedAt);
        return entry;
      },
      blockUntil: (lane, until) => pacer.blockUntil(lane, until),
    };
  }

  #logOf(): Log {
    const at = (level: LogLine['level']) => (event: string, fields: LogFields) =>
      void this.log.push({ at: this.time.now(), level, event, fields });
    return { info: at('info'), warn: at('warn'), error: at('error'), within: (_fields, work) => work() };
  }
}

type SqsCommand = SendMessageCommand | ChangeMessageVisibilityBatchCommand;

/** A table, or a store in memory, behind the network. */
export function overNetwork<Store extends object>(store: Store, sandbox: Sandbox): Store {
  return new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]) => {
        try {
          return await sandbox.call('dynamodb', String(name), () => Reflect.apply(method, target, args));
        } catch (error) {
          throw new LedgerUnavailable(String(error));
        }
      };
    },
  });
}

/** What the API adapter makes of these replies. */
function answerOf(reply: Extract<VendorReply, { status: number }>): UploadAnswer {
  const { status, message: detail, uploadId } = reply;
  if (uploadId !== undefined) return { kind: 'accepted', uploadId, status };
  switch (status) {
    case 401:
      return { kind: 'refused', reason: detail === 'Invalid User' ? 'InvalidUser' : 'InvalidApiKey', status, detail };
    case 403:
      return { kind: 'refused', reason: 'ProjectForbidden', status, detail };
    case 404:
      return { kind: 'refused', reason: 'ProjectNotFound', status, detail };
    case 429:
      return { kind: 'rate-limited', status, detail, retryAfterMs: STREAMPIXEL_WINDOW_MS };
    case 500:
      return { kind: 'failed', cause: 'VendorError', status, detail };
    case 503:
      return { kind: 'failed', cause: 'VendorError', status, detail, retryAfterMs: 600_000 };
    case 502:
      return { kind: 'lost', status, detail };
    default:
      return { kind: 'refused', reason: 'RequestRejected', status, detail };
  }
}
