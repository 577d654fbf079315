import { type ChangeMessageVisibilityBatchCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { createDynamoDbLedger } from '../../functions/adapters/dynamodb-ledger.ts';
import { createDynamoDbPacer } from '../../functions/adapters/dynamodb-pacer.ts';
import { createSqsFollowQueue } from '../../functions/adapters/sqs-follow-queue.ts';
import { createSqsMessageVisibility } from '../../functions/adapters/sqs-message-visibility.ts';
import { createSsmApiKeys } from '../../functions/adapters/ssm-api-keys.ts';
import type { FollowMessage } from '../../functions/domain/follow/follow-message.ts';
import { handleFollowMessage } from '../../functions/domain/follow/handle-follow-message.ts';
import type { FollowPorts, FollowSettings } from '../../functions/domain/follow/visit.ts';
import { type Build, buildId } from '../../functions/domain/model/build.ts';
import { releaseLane } from '../../functions/domain/model/lane.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { GoLive } from '../../functions/domain/model/live.ts';
import type { Stage } from '../../functions/domain/model/news.ts';
import type { ReleaseMode, Route } from '../../functions/domain/model/route.ts';
import type { ReleaseAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import {
  answerLost,
  deadLettered,
  opened,
  routed,
  submitted,
  submitting,
} from '../../functions/domain/model/submission-transitions.ts';
import { EVENT_SOURCE } from '../../functions/domain/model/telemetry.ts';
import type { Alert } from '../../functions/domain/notify/alert.ts';
import type { BuildEvent } from '../../functions/domain/notify/build-events.ts';
import { STREAMPIXEL_WINDOW_MS } from '../../functions/domain/pacing/pacer.ts';
import type { Log, LogFields, Pacer, Releases } from '../../functions/domain/ports.ts';
import { handleBatch, invocationDeadline, type QueueRecord, receiveCountOf } from '../../functions/message-batch.ts';
import { mapEventSource } from '../simulation/event-source-mapping.ts';
import { Fleet } from '../simulation/fleet.ts';
import { LATENCIES } from '../simulation/latencies.ts';
import { DEPLOYED, type LogLine, overNetwork } from '../simulation/our-design.ts';
import type { PacedCall } from '../simulation/paced-call.ts';
import { between, seededRandom } from '../simulation/random.ts';
import { type Call, type Fault, type Network, noCalls, type Sandbox, type Service } from '../simulation/sandbox.ts';
import { type ReceivedMessage, SimulatedQueue } from '../simulation/simulated-queue.ts';
import { SimulatedTable } from '../simulation/simulated-table.ts';
import { VirtualTime } from '../simulation/virtual-time.ts';

/** What becomes of a call of `distribute-file` that arrives outside the rate limit's window. */
export type ReleaseFate =
  | 'released'
  | 'too-early'
  | 'failed'
  | 'refused'
  /** Streampixel accepts the request, and no answer arrives. */
  | 'released-lost'
  /** A gateway answers 502; Streampixel has not received anything. */
  | 'lost';

export interface PlannedReport {
  /** Absent: an event that is not known here. */
  readonly stage: Stage | undefined;
  /** Its timestamp, in s after the submission. */
  readonly at: number;
  /** How much later its webhooks arrive, one for each number, in s. */
  readonly arrivals: readonly number[];
}

export interface PlannedBuild {
  readonly mode: ReleaseMode;
  readonly user: 'user' | 'other-user';
  /** s after the start, like every time of a plan but those of reports and requests. */
  readonly at: number;
  /** What is in the ledger by then. */
  readonly answer: 'recorded' | 'lost' | 'lost-and-dead-lettered' | 'lost-with-its-worker';
  /** How late the events of the submission arrive, one for each number, in s; none where the answer was lost. */
  readonly watched: readonly number[];
  readonly reports: readonly PlannedReport[];
}

/** Everything that happens in one simulation. */
export interface FollowPlan {
  readonly seed: number;
  readonly maximumConcurrency: number;
  /** How far the clocks of the sandboxes are ahead, in ms, in turn. */
  readonly skews: readonly number[];
  readonly builds: readonly PlannedBuild[];
  /** Requests of a person to release a build, in s after its submission, each with so many copies. */
  readonly requests: readonly { readonly build: number; readonly at: number; readonly copies: number }[];
  /** Messages that the queue delivers again while they are in flight. */
  readonly redeliveries: readonly { readonly message: number; readonly at: number }[];
  /** Calls of another tool on the account. */
  readonly foreignCalls: readonly { readonly user: PlannedBuild['user']; readonly at: number }[];
  readonly fates: readonly ReleaseFate[];
  /** By the number of the call, counted over all workers. */
  readonly faults: readonly { readonly call: number; readonly fault: Fault }[];
  readonly outages: readonly { readonly service: Service; readonly from: number; readonly lasts: number }[];
}

export const NO_TROUBLE: FollowPlan = {
  seed: 0,
  maximumConcurrency: 2,
  skews: [0],
  builds: [],
  requests: [],
  redeliveries: [],
  foreignCalls: [],
  fates: [],
  faults: [],
  outages: [],
};

/** One call of distribute-file. */
export interface ReleaseCall extends PacedCall {
  readonly userId: string;
  readonly uploadId: string;
  readonly reply: ReleaseFate | 'rate-limited';
}

/** A build of a plan, and what became of it. */
export interface Followed {
  readonly planned: PlannedBuild;
  readonly build: Build;
  readonly uploadId: string;
  readonly requests: number;
  entry(): Promise<LedgerEntry | undefined>;
  /** What the ledger knows of when it went live. */
  goLives(): Promise<readonly GoLive[]>;
  /** By Streampixel's clock: `at` of a report as an instant. */
  instantOf(at: number): number;
}

const START = Date.UTC(2026, 0, 5, 9);
const MINUTE_MS = 60_000;
export const LATE_AFTER_MS = 60 * MINUTE_MS;
export const STUCK_AFTER_MS = 120 * MINUTE_MS;
/** Long enough for every retry, and shorter than the queue keeps a message. */
const LONG_MS = 3 * 24 * 3_600_000;
const MODES = ['automatic', 'manual', 'on-approval'] as const;
const USERS = ['user', 'other-user'] as const;

const routeOf = (user: PlannedBuild['user'], mode: ReleaseMode): Route => ({
  prefix: `${user}/${mode}/`,
  userId: user,
  projectId: `${user}-${mode}`,
  autoRelease: mode === 'automatic',
  apiKeyParameter: '/api-key',
  ...(mode === 'on-approval' ? { release: mode } : {}),
});

/**
 * The deployed function that follows builds, in virtual time: the production code from the batch down to the AWS clients, with a
 * simulated AWS and a simulated Streampixel.
 */
export class FollowSimulation {
  readonly plan: FollowPlan;
  readonly time = new VirtualTime(START);
  readonly log: LogLine[] = [];
  readonly alerts: Alert[] = [];
  readonly events: BuildEvent[] = [];
  readonly calls: ReleaseCall[] = [];
  readonly followed: readonly Followed[];
  readonly queue: SimulatedQueue;
  readonly deadLetters: SimulatedQueue;
  readonly network: Network;
  readonly settings: FollowSettings = {
    routes: USERS.flatMap((user) => MODES.map((mode) => routeOf(user, mode))),
    intervalMs: DEPLOYED.intervalMs,
    lateAfterMs: LATE_AFTER_MS,
    stuckAfterMs: STUCK_AFTER_MS,
    reconcile: false,
    tagObjects: true,
  };
  readonly #table = new SimulatedTable();
  /** Read and written without a network in between. */
  readonly #ledger = createDynamoDbLedger(this.#table);
  readonly #acquiredAt = new Map<string, number>();
  readonly #windows = new Map<string, number>();
  #fates = 0;
  #ids = 0;

  constructor(plan: FollowPlan) {
    const { time } = this;
    const random = seededRandom(plan.seed);
    this.plan = plan;
    this.network = {
      time,
      random,
      latencies: LATENCIES,
      faultOf: (call) => faultOf(call, plan),
      calls: noCalls(),
    };
    const { deadLetterRetentionMs, functionTimeoutMs, maxReceiveCount, retentionMs, visibilityTimeoutMs } = DEPLOYED;
    this.deadLetters = new SimulatedQueue(time, random, { visibilityTimeoutMs, retentionMs: deadLetterRetentionMs });
    this.queue = new SimulatedQueue(time, random, {
      visibilityTimeoutMs,
      retentionMs,
      redrive: { maxReceiveCount, deadLetterQueue: this.deadLetters },
    });
    const skewOf = (sandbox: number) => plan.skews[sandbox % plan.skews.length] ?? 0;
    const fleet = new Fleet(this.network, functionTimeoutMs, skewOf, (sandbox) => this.#worker(sandbox));
    mapEventSource({
      time,
      random,
      queue: this.queue,
      batchSize: DEPLOYED.batchSize,
      maximumConcurrency: plan.maximumConcurrency,
      wakeMs: LATENCIES.wake,
      nextPollMs: LATENCIES.nextPoll,
      invoke: (messages) => fleet.invoke(messages),
    });
    this.followed = plan.builds.map((planned, index) => this.#schedule(planned, index));
    plan.requests.forEach(({ at, build, copies }, index) => {
      const target = this.followed[build % this.followed.length];
      if (target === undefined) return;
      const sentAtS = target.planned.at + 1 + at;
      const requestedAt = START + sentAtS * 1000;
      const request = { by: 'person', requestedAt, requestId: `release-${index}`, uploadId: target.uploadId } as const;
      for (let copy = 0; copy < copies; copy++) {
        this.#after(sentAtS + copy, () => this.#send({ kind: 'release', build: buildId(target.build), ...request }));
      }
    });
    for (const { message, at } of plan.redeliveries)
      this.#after(at, () => this.queue.exposeAgain(`message-${message}`));
    for (const { user, at } of plan.foreignCalls) this.#after(at, () => this.#windows.set(user, time.now()));
  }

  async run(): Promise<this> {
    await this.time.run(START + LONG_MS);
    return this;
  }

  #after(seconds: number, action: () => void): void {
    this.time.after(START + seconds * 1000 - this.time.now(), action);
  }

  #send(message: FollowMessage): void {
    this.queue.send(JSON.stringify(message));
  }

  /** The ledger's entry of the submission, its event, and the webhooks. */
  #schedule(planned: PlannedBuild, index: number): Followed {
    const { answer, at, mode, reports, user, watched } = planned;
    const route = routeOf(user, mode);
    const now = START + at * 1000;
    const uploadId = `upload-${index}`;
    const build = {
      bucket: 'drop',
      key: `${route.prefix}${index}.zip`,
      versionId: '1',
      region: 'eu-central-1',
      droppedAt: now,
    };
    const calling = submitting(routed(opened(build, now), route), now, now + 1_000);
    const failure = { code: 'SubmissionUnknown', detail: 'reset', at: now } as const;
    const lost = answerLost(calling, now, { ...failure, code: 'AnswerLost' });
    const entries: Readonly<Record<PlannedBuild['answer'], LedgerEntry>> = {
      recorded: submitted(calling, now, uploadId),
      lost,
      'lost-and-dead-lettered': deadLettered(lost, now, failure, `dead-letter-${index}`),
      'lost-with-its-worker': calling,
    };
    this.#after(at, () => void this.#ledger.save(entries[answer]));
    const detail = { uploadId, build: { id: buildId(build) } };
    const event = JSON.stringify({ source: EVENT_SOURCE, 'detail-type': 'Build Submitted', detail });
    if (answer === 'recorded') for (const later of watched) this.#after(at + later, () => this.queue.send(event));
    for (const { stage, at: reportedAt, arrivals } of reports) {
      for (const later of arrivals) {
        this.#after(at + reportedAt + later, () =>
          this.#send({
            kind: 'webhook',
            receivedAt: this.time.now(),
            notice: {
              projectId: route.projectId,
              uploadId,
              fileUrl: `https://drop.s3.eu-central-1.amazonaws.com/${build.key}`,
              at: now + reportedAt * 1000,
              ...(stage === undefined ? {} : { stage }),
              ...(stage === 'rejected' ? { objection: `objection of ${reportedAt}` } : {}),
            },
          }),
        );
      }
    }
    const requests = this.plan.requests.filter((request) => request.build % this.plan.builds.length === index).length;
    return {
      planned,
      build,
      uploadId,
      requests,
      entry: () => this.#ledger.find(buildId(build)),
      goLives: async () =>
        (await this.#ledger.liveOf(route.projectId)).goLives.filter((each) => each.uploadId === uploadId),
      instantOf: (reportedAt) => now + reportedAt * 1000,
    };
  }

  /** The code of one sandbox, with what it keeps between invocations. */
  #worker(sandbox: Sandbox) {
    const { clock } = sandbox;
    const sqs = { send: (command: SqsCommand) => this.#sqs(sandbox, command) } as unknown as SQSClient;
    const table = overNetwork(this.#table, sandbox);
    const log = this.#logOf();
    const newId = () => `id-${this.#ids++}`;
    const getParameter = () =>
      sandbox.call('ssm', 'GetParameter', () => ({ Type: 'SecureString', Value: 'key', Version: 1 }));
    const { intervalMs } = this.settings;
    const ports: FollowPorts & { readonly visibility: ReturnType<typeof createSqsMessageVisibility> } = {
      clock,
      random: this.network.random,
      log,
      apiKeys: createSsmApiKeys(getParameter, clock, log),
      releases: this.#releases(sandbox),
      projectFiles: { read: async () => ({ kind: 'unclear', detail: 'HTTP 404' }) },
      ledger: createDynamoDbLedger(table, newId),
      pacer: this.#observed(createDynamoDbPacer(table, { intervalMs }, newId), sandbox),
      followQueue: createSqsFollowQueue(sqs, 'follow'),
      tags: { add: () => sandbox.call('s3', 'PutObjectTagging', () => {}) },
      visibility: createSqsMessageVisibility(sqs, 'follow'),
      alerts: { send: (alert) => sandbox.call('sns', 'Publish', () => void this.alerts.push(alert)) },
      events: { emit: (event) => sandbox.call('eventbridge', 'PutEvents', () => void this.events.push(event)) },
      metrics: { put: () => {} },
    };
    return (messages: readonly ReceivedMessage[]) => {
      const invocation = invocationDeadline(clock.now(), DEPLOYED.functionTimeoutMs);
      const { deadline, leaseUntil } = invocation;
      const records = messages.map(
        ({ id, receiptHandle, body, attributes, receiveCount, sentAt }): QueueRecord => ({
          messageId: id,
          receiptHandle,
          body,
          attributes: { ApproximateReceiveCount: String(receiveCount), SentTimestamp: String(sentAt) },
          messageAttributes: attributes,
        }),
      );
      const handle = (record: QueueRecord) =>
        handleFollowMessage(
          { body: record.body, receiveCount: receiveCountOf(record), deadline, leaseUntil },
          this.settings,
          ports,
        );
      return handleBatch(records, invocation, handle, ports);
    };
  }

  #sqs(sandbox: Sandbox, command: SqsCommand): Promise<unknown> {
    const operation = command.constructor.name.replace(/Command$/, '');
    if (command instanceof SendMessageCommand) {
      return sandbox.call('sqs', operation, () => this.queue.send(command.input.MessageBody ?? ''));
    }
    return sandbox.call('sqs', operation, () => this.queue.changeVisibilities(command.input.Entries));
  }

  #releases(sandbox: Sandbox): Releases {
    const { time, random } = this.network;
    return {
      distributeFile: async ({ userId, uploadId }, deadline) => {
        const fault = await sandbox.begin('vendor', 'distribute-file');
        const acquiredAt = this.#acquiredAt.get(workerOf(userId, sandbox)) ?? Number.NaN;
        const calledAt = time.now();
        const slow = fault?.kind === 'slow' ? fault.ms : 0;
        const answer = await new Promise<ReleaseAnswer>((resolve) => {
          let sentAt: number | undefined;
          let ended = false;
          const end = (given: ReleaseAnswer) => {
            ended = true;
            resolve(sentAt === undefined ? given : { ...given, sentAt });
          };
          const notSent = { kind: 'failed', cause: 'VendorUnreachable', detail: 'not sent' } as const;
          time.after(deadline - sandbox.clock.now(), () => end(sentAt === undefined ? notSent : LOST));
          time.after(between(LATENCIES.vendorConnect, random) + slow, () => {
            if (ended || !sandbox.alive) return;
            if (fault?.kind === 'unavailable' && fault.when === 'before') return end(notSent);
            sentAt = sandbox.clock.now();
            const leftAt = time.now();
            time.after(between(LATENCIES.vendorTransit, random), () => {
              const reply = this.#reply(userId);
              this.calls.push({
                userId,
                uploadId,
                acquiredAt,
                calledAt,
                sentAt: leftAt,
                arrivedAt: time.now(),
                sandbox,
                reply,
              });
              if (reply === 'released-lost' || fault?.kind === 'unavailable') return;
              const back = between(LATENCIES.vendorWork, random) + between(LATENCIES.vendorTransit, random);
              time.after(back, () => end(ANSWERS[reply]));
            });
          });
        });
        await sandbox.arrive(fault);
        return answer;
      },
    };
  }

  #reply(userId: string): ReleaseCall['reply'] {
    const now = this.time.now();
    if (now - (this.#windows.get(userId) ?? Number.NEGATIVE_INFINITY) < STREAMPIXEL_WINDOW_MS) return 'rate-limited';
    this.#windows.set(userId, now);
    return this.plan.fates[this.#fates++] ?? 'released';
  }

  /** Notes when slots were acquired, for the proof that the interval is kept. */
  #observed(pacer: Pacer, sandbox: Sandbox): Pacer {
    return {
      reserve: (lane, now) => pacer.reserve(lane, now),
      pushBack: (lane, reservation, until) => pacer.pushBack(lane, reservation, until),
      blockUntil: (lane, until) => pacer.blockUntil(lane, until),
      acquire: async (lane, reservation, now) => {
        const askedAt = this.time.now();
        const admission = await pacer.acquire(lane, reservation, now);
        const user = USERS.find((each) => releaseLane(each) === lane);
        if (admission.kind === 'acquired' && user !== undefined) this.#acquiredAt.set(workerOf(user, sandbox), askedAt);
        return admission;
      },
    };
  }

  #logOf(): Log {
    const at = (level: LogLine['level']) => (event: string, fields: LogFields) =>
      void this.log.push({ at: this.time.now(), level, event, fields });
    return { info: at('info'), warn: at('warn'), error: at('error'), within: (_fields, work) => work() };
  }
}

type SqsCommand = SendMessageCommand | ChangeMessageVisibilityBatchCommand;

const sandboxes = new WeakMap<Sandbox, number>();
let sandboxCount = 0;

/** Two workers of one user may have acquired a slot at a time: one that is slow to call, and the next. */
function workerOf(userId: string, sandbox: Sandbox): string {
  const number = sandboxes.get(sandbox) ?? sandboxCount++;
  sandboxes.set(sandbox, number);
  return `${userId}/${number}`;
}

const LOST = { kind: 'lost', detail: 'no answer in time' } as const;

/** What the API adapter returns for these replies. */
const ANSWERS: Readonly<Record<Exclude<ReleaseCall['reply'], 'released-lost'>, ReleaseAnswer>> = {
  released: { kind: 'released', status: 200 },
  'too-early': { kind: 'too-early', status: 404, detail: 'File not found in project' },
  failed: { kind: 'failed', cause: 'VendorError', status: 500, detail: 'Internal server error' },
  refused: { kind: 'refused', reason: 'ProjectForbidden', status: 403, detail: 'Access denied' },
  lost: { kind: 'lost', status: 502, detail: 'Bad Gateway' },
  'rate-limited': {
    kind: 'rate-limited',
    status: 429,
    retryAfterMs: STREAMPIXEL_WINDOW_MS,
    detail: 'Rate limit exceeded',
  },
};

function faultOf({ number, service, at }: Call, plan: FollowPlan): Fault | undefined {
  const planned = plan.faults.find(({ call }) => call === number);
  if (planned !== undefined) return planned.fault;
  const seconds = (at - START) / 1000;
  const isOut = plan.outages.some(
    ({ service: name, from, lasts }) => name === service && seconds >= from && seconds < from + lasts,
  );
  return isOut ? { kind: 'unavailable', when: 'before', ms: 0 } : undefined;
}
