import { releaseChanged, requestRelease } from '../model/following-transitions.ts';
import { releaseLane, type SlotReservation } from '../model/lane.ts';
import type { LedgerEntry, Release, ReleaseFailure } from '../model/ledger-entry.ts';
import { type Disposition, unreachable } from '../model/outcome.ts';
import { redact } from '../model/redaction.ts';
import { type Route, routeTo } from '../model/route.ts';
import type { ReleaseAnswer } from '../model/streampixel-answers.ts';
import { emitEvent, sendAlert } from '../notify/notify.ts';
import { blockAfterLateSend, inProcessWait, SENDING_ALLOWANCE_MS } from '../pacing/pacer.ts';
import { retryDelay } from '../pacing/retry-delay.ts';
import type { ApiKey } from '../ports.ts';
import type { FollowMessage } from './follow-message.ts';
import {
  alertContext,
  eventSubject,
  type FollowDelivery,
  type FollowPorts,
  type FollowSettings,
  logFields,
  tagWith,
  updateWithRetry,
} from './followed-build.ts';
import { retryNotification } from './notify-outcome.ts';

/** Longest a call of distribute-file may take, in ms. It only gives the order. */
const CALL_TIMEOUT_MS = 20_000;

/** Less than this left and no slot is spent: the wait for the slot, the call and its record need it, in ms. */
const LEAST_TIME_MS = 30_000;

/** How long an order is tried again, in ms: as long as the vendor may take for a build before it is worth a reservation. */
export const RELEASE_PATIENCE_MS = 2 * 3_600_000;

/** An order older than this is nobody's wish any more, in ms: its message has lain in a dead-letter queue. */
const OLDEST_ORDER_MS = 24 * 3_600_000;

/**
 * Receives after which a message that is only ever told to wait (429) goes on as a new one: waiting must not use up those that SQS
 * counts.
 */
const RECEIVES_OF_A_MESSAGE = 50;

/** Released builds of the last time that are looked at for a newer one of the project. */
const LATEST_RELEASED = 100;

/**
 * Takes one order to release an upload as far as it can go now: slot, key, call, record. An order is called out once: where its
 * answer is lost a person looks, because a second call could bring back what somebody has replaced since.
 *
 * @throws LedgerUnavailable: the message then stays in the queue
 */
export async function releaseBuild(
  message: Extract<FollowMessage, { kind: 'release' }>,
  delivery: FollowDelivery,
  settings: FollowSettings,
  ports: FollowPorts,
): Promise<Disposition> {
  const { clock, ledger, log } = ports;
  const found = await ledger.find(message.build);
  if (found === undefined) {
    log.error('release-of-unknown-build', { build: message.build });
    return { kind: 'done' };
  }
  const { release } = found;
  if (release?.requestId === message.requestId) return new Releasing(found, release, delivery, settings, ports).run();
  // One at a time: the order before this one is being called out.
  const busyUntil = release?.state === 'calling' ? (release.leaseUntil ?? 0) : 0;
  if (clock.now() < busyUntil) return { kind: 'hidden', until: busyUntil };
  const next = requestRelease(found, message, clock.now());
  if (next === undefined) return { kind: 'done' };
  const saved = await ledger.save(next.entry);
  if (saved.kind === 'conflict') return { kind: 'hidden', until: clock.now() };
  return new Releasing(saved.entry, next.release, delivery, settings, ports).run();
}

/** One visit of one order. */
class Releasing {
  readonly #delivery: FollowDelivery;
  readonly #settings: FollowSettings;
  readonly #ports: FollowPorts;
  #entry: LedgerEntry;
  #release: Release;
  #key: ApiKey | undefined;

  constructor(
    entry: LedgerEntry,
    release: Release,
    delivery: FollowDelivery,
    settings: FollowSettings,
    ports: FollowPorts,
  ) {
    this.#entry = entry;
    this.#release = release;
    this.#delivery = delivery;
    this.#settings = settings;
    this.#ports = ports;
  }

  async run(): Promise<Disposition> {
    const { clock } = this.#ports;
    const { by, detail = '', leaseUntil = 0, requestedAt, state, pendingNotification } = this.#release;
    switch (state) {
      case 'released':
        // Perhaps by a worker that ended before it could tell.
        if (this.#delivery.receiveCount > 1) await this.#notifyReleased();
        return { kind: 'done' };
      case 'failed':
        return pendingNotification === undefined ? { kind: 'done' } : this.#end(detail, pendingNotification);
      case 'calling':
        if (clock.now() < leaseUntil) return { kind: 'hidden', until: leaseUntil };
        return this.#fail('The worker ended between the call and the record of its answer.', 'unknown');
      case 'requested':
        if (this.#entry.state === 'rejected' && by === 'approval') return this.#giveUp('Rejected after all.');
        if (clock.now() - requestedAt > OLDEST_ORDER_MS)
          return this.#fail('The order is more than a day old.', 'refused');
        return this.#call();
      default:
        return unreachable(state);
    }
  }

  async #call(): Promise<Disposition> {
    const { apiKeys, clock, log, releases } = this.#ports;
    const { projectId = '', userId = '' } = this.#entry;
    const route = routeTo(this.#settings.routes, this.#entry);
    if (route === undefined) return this.#fail(`No route leads to project ${projectId} any more.`, 'refused');
    const read = await apiKeys.read(route.apiKeyParameter);
    if (read.kind === 'missing') return this.#fail(read.detail, 'refused');
    if (read.kind === 'unavailable') return this.#tryLater(read.detail);
    this.#key = read.key;

    if (clock.now() + LEAST_TIME_MS > this.#delivery.deadline) return { kind: 'hidden', until: clock.now() };
    const turn = await this.#takeTurn(userId);
    if (turn.kind !== 'acquired') return turn;
    const newer = this.#release.by === 'approval' ? await this.#newerReleased() : undefined;
    if (newer !== undefined)
      return this.#fail(`A newer build of the project has been released: ${newer.id}.`, 'refused');
    const { acquiredAt, line, reservation } = turn;
    // Recorded before the call, so that a crash from here on is known to be ambiguous.
    const calling: Release = { ...this.#release, reservation, state: 'calling', leaseUntil: this.#delivery.leaseUntil };
    // Another worker has the order, or it is off: the slot is lost, the order is not.
    if (!(await this.#claim(calling))) return { kind: 'hidden', until: clock.now() + this.#settings.intervalMs };

    // Where the table took its time, those behind count from now, even if this worker dies in the call.
    await blockAfterLateSend(line, acquiredAt, clock.now(), this.#settings, this.#ports);

    const { by, uploadId } = calling;
    log.info('releasing', { ...logFields(this.#entry), uploadId, by, apiKeyVersion: read.key.version });
    const deadline = Math.min(clock.now() + CALL_TIMEOUT_MS, this.#delivery.deadline);
    const answer = await releases.distributeFile({ userId, projectId, uploadId, apiKey: read.key.secret }, deadline);
    const disposition = await this.#settle(route, line, reservation, answer);
    await blockAfterLateSend(line, acquiredAt, answer.sentAt, this.#settings, this.#ports);
    return disposition;
  }

  /** An approval that comes late, or an order that had to be tried again, must not bring back what a newer build has replaced. */
  async #newerReleased(): Promise<LedgerEntry | undefined> {
    const { id, projectId, submittedAt = 0 } = this.#entry;
    const { entries } = await this.#ports.ledger.list('released', { limit: LATEST_RELEASED });
    return entries.find(
      (other) => other.id !== id && other.projectId === projectId && (other.submittedAt ?? 0) > submittedAt,
    );
  }

  /** On top of whatever is written meanwhile: whoever told of the approval that gave the order writes that down, too. */
  async #claim(calling: Release): Promise<boolean> {
    let isOurs = false;
    const stored = await updateWithRetry(this.#entry.id, this.#ports, (latest) => {
      const { release, state } = latest;
      isOurs =
        release?.requestId === calling.requestId &&
        release.state === 'requested' &&
        !(state === 'rejected' && release.by === 'approval');
      return isOurs ? releaseChanged(latest, calling, this.#ports.clock.now(), 'calls distribute-file') : undefined;
    });
    if (!isOurs || stored === undefined) return false;
    this.#entry = stored;
    this.#release = calling;
    return true;
  }

  /** Passes the gate, or sleeps until it may. */
  async #takeTurn(
    userId: string,
  ): Promise<Disposition | { kind: 'acquired'; line: string; reservation: SlotReservation; acquiredAt: number }> {
    const { clock, pacer } = this.#ports;
    const line = releaseLane(userId);
    let reservation = this.#release.reservation ?? (await pacer.reserve(line, clock.now()));
    for (;;) {
      const wait = reservation.slot - clock.now();
      if (wait > inProcessWait(this.#settings)) return this.#sleep(reservation, reservation.slot);
      if (wait > 0) await clock.sleep(wait);
      const gate = await pacer.acquire(line, reservation, clock.now());
      if (gate.kind === 'acquired') return { kind: 'acquired', line, reservation, acquiredAt: gate.at };
      if (gate.kind === 'blocked') return this.#sleep(reservation, gate.until);
      reservation = await pacer.reserve(line, clock.now());
    }
  }

  async #settle(route: Route, line: string, reservation: SlotReservation, answer: ReleaseAnswer): Promise<Disposition> {
    const { apiKeys, clock, pacer } = this.#ports;
    switch (answer.kind) {
      case 'released':
        await this.#record({ state: 'released', attempts: this.#release.attempts + 1 }, 'released');
        await this.#notifyReleased();
        return { kind: 'done' };
      case 'rate-limited': {
        const until = clock.now() + (answer.retryAfterMs ?? this.#settings.intervalMs) + SENDING_ALLOWANCE_MS;
        await this.#record({ state: 'requested' }, 'RateLimited');
        await pacer.pushBack(line, reservation, until);
        return this.#waitOn(until);
      }
      case 'too-early':
      case 'failed':
        return this.#tryLater(answer.detail);
      case 'refused': {
        const detail = `${answer.reason} (HTTP ${answer.status}): ${answer.detail}`;
        if (answer.reason !== 'InvalidApiKey') return this.#fail(detail, 'refused');
        const again = await apiKeys.readAgain(route.apiKeyParameter);
        const isReplaced = again.kind === 'found' && again.key.version !== this.#key?.version;
        return isReplaced ? this.#tryLater(detail) : this.#fail(detail, 'refused');
      }
      case 'lost':
        return this.#fail(answer.detail, 'unknown');
      default:
        return unreachable(answer);
    }
  }

  async #waitOn(until: number): Promise<Disposition> {
    if (this.#delivery.receiveCount < RECEIVES_OF_A_MESSAGE) return { kind: 'hidden', until };
    const { by, requestId, requestedAt, uploadId } = this.#release;
    const build = this.#entry.id;
    await this.#ports.followQueue.send({ kind: 'release', build, uploadId, requestId, by, requestedAt });
    return { kind: 'done' };
  }

  async #notifyReleased(): Promise<void> {
    const { clock, log, metrics } = this.#ports;
    const { by, uploadId } = this.#release;
    log.info('build-released', { ...logFields(this.#entry), uploadId, by });
    metrics.put('BuildsFollowed', 1, { Outcome: 'released' });
    const subject = eventSubject(this.#entry);
    await emitEvent(this.#ports, { name: 'Build Released', at: clock.now(), subject, uploadId, by });
    // Going back to a former upload says nothing of this one, and a rejection stays one.
    const isOfThis = this.#entry.state === 'released' && this.#entry.uploadId === uploadId;
    if (isOfThis) await tagWith(this.#entry, 'released', this.#settings, this.#ports);
  }

  async #sleep(reservation: SlotReservation, until: number): Promise<Disposition> {
    await this.#record({ reservation, state: 'requested' }, `slot for its release at ${new Date(until).toISOString()}`);
    return { kind: 'hidden', until };
  }

  /** Without the reservation: others go meanwhile. */
  async #tryLater(detail: string): Promise<Disposition> {
    const { clock, log, random } = this.#ports;
    const { attempts, requestedAt } = this.#release;
    if (clock.now() - requestedAt > RELEASE_PATIENCE_MS) return this.#fail(detail, 'refused');
    const words = this.#safe(detail);
    log.info('release-postponed', { ...logFields(this.#entry), detail: words });
    await this.#record({ state: 'requested', attempts: attempts + 1, reservation: undefined }, words);
    return { kind: 'hidden', until: clock.now() + retryDelay(attempts + 1, this.#settings.intervalMs, random) };
  }

  async #fail(detail: string, how: ReleaseFailure): Promise<Disposition> {
    const { log, metrics } = this.#ports;
    const words = this.#safe(detail);
    metrics.put('BuildsFollowed', 1, { Outcome: 'release-failed' });
    const { uploadId } = this.#release;
    log.warn('release-failed', { ...logFields(this.#entry), uploadId, detail: words, isUnknown: how === 'unknown' });
    return this.#end(words, how);
  }

  /** Told before it is recorded: a crash between the two tells twice, the other order never. */
  async #end(detail: string, how: ReleaseFailure): Promise<Disposition> {
    const place = { ...alertContext(this.#entry), uploadId: this.#release.uploadId };
    const at = this.#ports.clock.now();
    const what = { kind: 'release-failed', ...place, at, detail, isUnknown: how === 'unknown' } as const;
    if (await sendAlert(this.#ports, what)) return this.#giveUp(detail);
    await this.#giveUp(detail, how);
    return retryNotification(this.#ports);
  }

  async #giveUp(detail: string, pendingNotification?: ReleaseFailure): Promise<Disposition> {
    const { attempts, state } = this.#release;
    await this.#record(
      { state: 'failed', attempts: state === 'failed' ? attempts : attempts + 1, detail, pendingNotification },
      detail,
    );
    return { kind: 'done' };
  }

  /**
   * Writes down where the order is, on top of whatever the vendor has said meanwhile. Not where another worker has got on with it:
   * this one looked at it before, and would make an order that is called out one that waits.
   */
  async #record(
    patch: { readonly [Field in keyof Release]?: Release[Field] | undefined } & Pick<Release, 'state'>,
    note: string,
  ): Promise<void> {
    const { reservation, pendingNotification, ...rest } = { ...this.#release, ...patch };
    const next = {
      ...rest,
      ...(reservation === undefined ? {} : { reservation }),
      ...(pendingNotification === undefined ? {} : { pendingNotification }),
    } as Release;
    const { leaseUntil, requestId, state } = this.#release;
    const isHeld = ({ release }: LedgerEntry) =>
      release?.requestId === requestId && release.state === state && release.leaseUntil === leaseUntil;
    const stored = await updateWithRetry(this.#entry.id, this.#ports, (latest) =>
      isHeld(latest) ? releaseChanged(latest, next, this.#ports.clock.now(), note) : undefined,
    );
    if (stored !== undefined) this.#entry = stored;
    this.#release = next;
  }

  #safe(detail: string): string {
    return redact(detail, this.#key === undefined ? [] : [this.#key.secret]);
  }
}
