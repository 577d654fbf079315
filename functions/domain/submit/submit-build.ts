import type { Build } from '../model/build.ts';
import { type SlotReservation, uploadLane } from '../model/lane.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { type Failure, type Outcome, unreachable } from '../model/outcome.ts';
import type { PostponeCause, Reason, RetryCause, SkipCause } from '../model/reasons.ts';
import { describeError, redact } from '../model/redaction.ts';
import { findRoute, type Route, routeId } from '../model/route.ts';
import type { PresignedUrl } from '../model/secret.ts';
import type { UploadAnswer } from '../model/streampixel-answers.ts';
import {
  answerLost,
  deadLettered,
  failed,
  opened,
  reopened,
  routed,
  skipped,
  submitted,
  submittedAgain,
  submitting,
  waiting,
} from '../model/submission-transitions.ts';
import type { Subject } from '../notify/build-events.ts';
import { emitEvent, sendAlert } from '../notify/notify.ts';
import { blockAfterLateSend, blockedUntilAfter, inProcessWait, SENDING_ALLOWANCE_MS } from '../pacing/pacer.ts';
import { retryDelay } from '../pacing/retry-delay.ts';
import {
  type ApiKey,
  type ApiKeyRead,
  type Check,
  LedgerUnavailable,
  type NewestBuild,
  type Ports,
  type RefusedKey,
  type Saved,
} from '../ports.ts';

export interface SubmitSettings {
  readonly routes: readonly Route[];
  /** Least distance between two submissions of one user, in ms. */
  readonly intervalMs: number;
  /** Tries that may fail before the build is dead-lettered as `RetriesExhausted`. */
  readonly maxAttempts: number;
  /** What becomes of a build whose submission got no answer: tried again and marked as possibly doubled, or left to a person. */
  readonly onLostAnswer: 'retry' | 'dead-letter';
}

/** The message a build came in, and how long this worker may spend on it. */
export interface Delivery {
  /** The message's body, which a dead letter carries on untouched. */
  readonly body: string;
  /** How often SQS has handed the message out. */
  readonly receiveCount: number;
  /** Id of the dead letter this message was redriven from. */
  readonly redriveOf?: string;
  /** Id of a person's request to submit it although it has come to its end. */
  readonly submitAgain?: string;
  /** When every call must have ended, in ms since the epoch. */
  readonly deadline: number;
  /** When this worker is dead for certain, in ms since the epoch. */
  readonly leaseUntil: number;
  /** When SQS drops the message unseen, in ms since the epoch. */
  readonly expiresAt: number;
  /** Log group, stream and request id. */
  readonly logPointer: string;
}

/** Longest a call of the vendor may take, in ms. It only queues the build, so an answer takes a second or two. */
const CALL_TIMEOUT_MS = 20_000;

/** How long to insist on recording what a later visit would find out by itself, in ms. An acceptance is worth all the time left. */
const RECORD_PATIENCE_MS = 5_000;

/** How long before its message expires a build must have had its turn, in ms: time for a few retries. */
const EXPIRY_MARGIN_MS = 3 * 3_600_000;

/** The slot a call was made in. */
interface Turn {
  readonly reservation: SlotReservation;
  /** When it passed the gate, in ms since the epoch. */
  readonly acquiredAt: number;
}

/**
 * Takes one build as far as it can go now: route, key, check of the object, slot, call, record. Safe to repeat at any point:
 * what happened before is in the ledger, and a crash leaves the message in its queue.
 *
 * Never throws. An outcome other than `postponed` and `retried` means the message is done with.
 */
export async function submitBuild(
  build: Build,
  delivery: Delivery,
  settings: SubmitSettings,
  ports: Ports,
): Promise<Outcome> {
  const submission = new Submission(build, delivery, settings, ports);
  try {
    return await submission.run();
  } catch (error) {
    return await submission.fail(error);
  }
}

/** One visit of one build. The entry is what the ledger holds of it, as far as this worker knows. */
class Submission {
  readonly #delivery: Delivery;
  readonly #settings: SubmitSettings;
  readonly #ports: Ports;
  #entry: LedgerEntry;
  #key: ApiKey | undefined;
  /** The request may have gone out and its answer is not recorded: an error from here on is ambiguous. */
  #calling = false;

  constructor(build: Build, delivery: Delivery, settings: SubmitSettings, ports: Ports) {
    this.#delivery = delivery;
    this.#settings = settings;
    this.#ports = ports;
    this.#entry = opened(build, ports.clock.now());
  }

  async run(): Promise<Outcome> {
    const { clock, ledger } = this.#ports;
    const { build, id } = this.#entry;
    const route = findRoute(this.#settings.routes, build.key);
    const [known, refusedKey] = await Promise.all([
      ledger.find(id),
      route === undefined ? undefined : ledger.refusedKeyOf(route.apiKeyParameter),
    ]);
    if (known !== undefined) {
      this.#entry = known;
      const ended = await this.#resume(known);
      if (ended !== undefined) return ended;
    }

    if (route === undefined) return this.#deadLetter('NoRoute', `No route for the key ${build.key}.`);
    this.#entry = routed(this.#entry, route);

    const { reservation } = this.#entry;
    // A line may be longer than the 12 h a message can sleep at a stretch. Slots only ever move back, so this is too early.
    if (reservation !== undefined && reservation.slot - clock.now() > inProcessWait(this.#settings))
      return this.#postponed('Slot', reservation.slot);

    // Whatever needs no slot comes before a slot is drawn.
    const read = await this.#readKey(route, refusedKey);
    if (read.kind === 'missing') return this.#deadLetter('ApiKeyMissing', read.detail);
    if (read.kind === 'unavailable') return this.#retry('ApiKeyUnavailable', read.detail);
    this.#key = read.key;
    if (read.key.version === refusedKey?.version) {
      const detail = `Version ${read.key.version} of the key was refused ${iso(refusedKey.at)}; it was not sent again.`;
      // One cause is one alert: whoever was refused first has told.
      return this.#deadLetter('InvalidApiKey', detail, undefined, 'quietly');
    }
    const unfit = reservation === undefined ? await this.#checkBeforeSlot(route) : undefined;
    if (unfit !== undefined) return unfit;

    return this.#takeTurn(route, read.key, reservation ?? (await this.#reserve(route)));
  }

  /** A key that is known to be refused is asked for again: the cache may hold it although it was replaced. */
  async #readKey({ apiKeyParameter }: Route, refused: RefusedKey | undefined): Promise<ApiKeyRead> {
    const { apiKeys } = this.#ports;
    const read = await apiKeys.read(apiKeyParameter);
    const isRefused = read.kind === 'found' && read.key.version === refused?.version;
    return isRefused ? apiKeys.readAgain(apiKeyParameter) : read;
  }

  /** What the ledger's state says about this delivery: an outcome if there is nothing to do now. */
  async #resume(entry: LedgerEntry): Promise<Outcome | undefined> {
    const now = this.#ports.clock.now();
    const { submitAgain } = this.#delivery;
    if (hasEnded(entry) && submitAgain !== undefined && submitAgain !== entry.submitAgainId) {
      this.#entry = submittedAgain(entry, now, submitAgain);
      return undefined;
    }
    switch (entry.state) {
      case 'submitted':
        // A worker that ended between the record and the event has left a build that nobody watches.
        if (this.#delivery.receiveCount > 1 && !(await this.#notifySubmitted(entry))) {
          return this.#uncounted('EventsUnavailable', `Accepted, upload id ${entry.uploadId}; nobody watches it yet.`);
        }
        return this.#skip('Duplicate', `Accepted before, upload id ${entry.uploadId ?? 'unknown'}.`);
      case 'approved':
      case 'released':
      case 'rejected':
        return this.#skip(
          'Duplicate',
          `Accepted before, upload id ${entry.uploadId ?? 'unknown'}, now ${entry.state}.`,
        );
      case 'skipped':
        return this.#skip('Duplicate', `Skipped before: ${entry.skipCause ?? 'unknown cause'}.`);
      case 'dead-lettered':
        // Only the letter the ledger knows of is a wish to try again. Another is a late duplicate of the event, or a letter
        // whose sender crashed before it could write it down and sent a second one.
        if (entry.deadLetterId !== undefined && this.#delivery.redriveOf === entry.deadLetterId) {
          this.#entry = reopened(entry, now);
          return undefined;
        }
        return this.#skip('Duplicate', `Dead-lettered before: ${entry.reason ?? 'unknown reason'}.`);
      case 'submitting':
        if (entry.leaseUntil !== undefined && now < entry.leaseUntil)
          return this.#postponed('InProgress', entry.leaseUntil);
        return this.#lost('The worker ended between the call and the record of its answer.');
      case 'waiting':
      case 'unknown':
        return undefined;
      default:
        return unreachable(entry.state);
    }
  }

  /** Proves that the vendor will find a zip, before a slot is drawn for it. */
  async #checkBeforeSlot(route: Route): Promise<Outcome | undefined> {
    const unfit = await this.#inspect('readable');
    if (unfit !== undefined || route.onlyLatest !== true) return unfit;
    // Announced only once it has proved to be a zip: a good build does not give way to a broken one.
    return this.#giveWay(await this.#ports.ledger.announce(routeId(route), this.#entry.build));
  }

  /** Whether the build is still there and wanted when its turn has come. */
  async #checkAtTurn(route: Route): Promise<Outcome | undefined> {
    const check = route.everyVersion === true ? 'readable' : 'current';
    // A build that goes on its first visit has just been found readable.
    const isKnown = check === 'readable' && this.#entry.reservation === undefined;
    const unfit = isKnown ? undefined : await this.#inspect(check);
    if (unfit !== undefined || route.onlyLatest !== true) return unfit;
    return this.#giveWay(await this.#ports.ledger.newestOf(routeId(route)));
  }

  async #inspect(check: Check): Promise<Outcome | undefined> {
    const inspection = await this.#ports.builds.inspect(this.#entry.build, check, this.#delivery.deadline);
    switch (inspection.kind) {
      case 'ready':
        return undefined;
      case 'superseded':
        return this.#end('Superseded', inspection.detail);
      case 'refused':
        return this.#deadLetter(inspection.reason, inspection.detail, inspection.status);
      case 'unavailable':
        return this.#retry('BuildStoreUnavailable', inspection.detail, inspection.status);
      default:
        return unreachable(inspection);
    }
  }

  async #giveWay(newest: NewestBuild | undefined): Promise<Outcome | undefined> {
    if (newest === undefined || newest.id === this.#entry.id) return undefined;
    return this.#end('NewerBuild', `Gives way to ${newest.id}.`);
  }

  async #reserve(route: Route): Promise<SlotReservation> {
    return this.#ports.pacer.reserve(uploadLane(route.userId), this.#ports.clock.now());
  }

  /** Sleeps until the slot, or passes the gate and calls. */
  async #takeTurn(route: Route, key: ApiKey, firstReservation: SlotReservation): Promise<Outcome> {
    const { builds, clock, ledger, pacer } = this.#ports;
    const line = uploadLane(route.userId);
    let reservation = firstReservation;
    if (reservation.slot - clock.now() > inProcessWait(this.#settings))
      return this.#sleep(reservation, reservation.slot);
    const unfit = await this.#checkAtTurn(route);
    if (unfit !== undefined) return unfit;
    const early = reservation.slot - clock.now();
    // Before the claim: a crash while it merely waits must not look like a lost answer.
    if (early > 0) await clock.sleep(early);

    const claimed = await ledger.save(
      submitting({ ...this.#entry, reservation }, clock.now(), this.#delivery.leaseUntil),
    );
    if (!this.#adopt(claimed)) return this.#postponed('InProgress', this.#delivery.leaseUntil);

    for (;;) {
      // Signed before the gate and used right behind it: nothing slow stands between the gate and the call.
      const fileUrl = await builds.presign(this.#entry.build);
      const gate = await pacer.acquire(line, reservation, clock.now());
      if (gate.kind === 'acquired') {
        // Where the table took its time, those behind count from now, even if this worker dies in the call.
        const until = blockedUntilAfter(gate.at, clock.now(), this.#settings);
        if (until !== undefined) await pacer.blockUntil(line, until);
        const answer = await this.#call(route, key, fileUrl);
        const outcome = await this.#settle(route, key, { reservation, acquiredAt: gate.at }, answer);
        await blockAfterLateSend(line, gate.at, answer.sentAt, this.#settings, this.#ports);
        return outcome;
      }
      if (gate.kind === 'missed') reservation = await pacer.reserve(line, clock.now());
      const until = gate.kind === 'missed' ? reservation.slot : gate.until;
      const wait = Math.max(0, until - clock.now());
      if (wait > inProcessWait(this.#settings) || clock.now() + wait + CALL_TIMEOUT_MS > this.#delivery.deadline) {
        return this.#sleep(reservation, until);
      }
      await clock.sleep(wait);
    }
  }

  async #call(route: Route, key: ApiKey, fileUrl: PresignedUrl): Promise<UploadAnswer> {
    const { clock, log, metrics, streampixel } = this.#ports;
    const { bucket, key: objectKey } = this.#entry.build;
    log.info('calling', {
      bucket,
      key: objectKey,
      build: this.#entry.id,
      apiKeyVersion: key.version,
      fileUrl,
      // What the signature says. The URL dies sooner if the session of the role that signed it does.
      fileUrlSignedUntil: iso(fileUrl.expiresAt),
    });
    this.#calling = true;
    const deadline = Math.min(clock.now() + CALL_TIMEOUT_MS, this.#delivery.deadline);
    const calledAt = clock.now();
    const answer = await streampixel.uploadFile({ route, apiKey: key.secret, fileUrl }, deadline);
    const status = 'status' in answer ? `${answer.status}` : 'none';
    metrics.put('VendorLatency', clock.now() - calledAt, { Status: status });
    this.#calling = answer.kind === 'accepted' || answer.kind === 'lost';
    return answer;
  }

  /** Records what came of the call. */
  async #settle(route: Route, key: ApiKey, turn: Turn, answer: UploadAnswer): Promise<Outcome> {
    const { clock } = this.#ports;
    switch (answer.kind) {
      case 'accepted': {
        const { attempts, possiblyDoubled } = this.#entry;
        const { uploadId, status } = answer;
        const accepted = submitted(this.#entry, clock.now(), uploadId);
        // If even this can't be recorded the build is accepted all the same: the message must go, or it is sent twice.
        await this.#record(accepted);
        const isNotified = await this.#notifySubmitted(accepted, status);
        const facts = { uploadId, status, attempt: attempts + 1, possiblyDoubled };
        return { kind: 'submitted', ...facts, ...(isNotified ? {} : { isNotificationPending: true }) };
      }
      case 'rate-limited': {
        const wait = answer.retryAfterMs ?? this.#settings.intervalMs;
        return this.#goAgain(route, turn, clock.now() + wait + SENDING_ALLOWANCE_MS, 'RateLimited', answer.status);
      }
      case 'refused': {
        if (answer.reason === 'InvalidApiKey') {
          const again = await this.#ports.apiKeys.readAgain(route.apiKeyParameter);
          if (again.kind === 'found' && again.key.version !== key.version) {
            // The refused call may have used the slot: nobody says.
            return this.#goAgain(route, turn, clock.now(), 'KeyChanged', answer.status);
          }
          const alerted = await this.#refuseKey(route, key, answer.detail);
          return this.#deadLetter(answer.reason, answer.detail, answer.status, alerted ? 'quietly' : 'aloud');
        }
        return this.#deadLetter(answer.reason, answer.detail, answer.status);
      }
      case 'failed':
        return this.#retry(answer.cause, answer.detail, answer.status);
      case 'lost':
        return this.#lost(answer.detail, answer.status);
      default:
        return unreachable(answer);
    }
  }

  /** Pipelines hang on it, and so does the watch over the build until its end. */
  async #notifySubmitted(entry: LedgerEntry, status?: number): Promise<boolean> {
    const { attempts, possiblyDoubled, releaseMode, submittedAt, uploadId = '' } = entry;
    const facts = { uploadId, attempt: attempts + 1, possiblyDoubled, autoRelease: releaseMode === 'automatic' };
    const at = submittedAt ?? this.#ports.clock.now();
    const answered = status === undefined ? {} : { status };
    return emitEvent(this.#ports, { name: 'Build Submitted', at, subject: this.#subject(), ...facts, ...answered });
  }

  /** The slot was spent in vain through no fault of the build: it keeps the head of the line, a full interval later at least. */
  async #goAgain(route: Route, turn: Turn, notBefore: number, cause: PostponeCause, status: number): Promise<Outcome> {
    const { clock, log, pacer } = this.#ports;
    const until = Math.max(notBefore, turn.acquiredAt + this.#settings.intervalMs);
    await this.#record(waiting(this.#entry, clock.now(), cause, turn.reservation));
    try {
      await pacer.pushBack(uploadLane(route.userId), turn.reservation, until);
    } catch (error) {
      // It comes back late for its slot then and draws a new one.
      log.warn('line-not-pushed-back', { build: this.#entry.id, error: describeError(error) });
    }
    return { kind: 'postponed', cause, until, status };
  }

  /** Back to sleep with its reservation. */
  async #sleep(reservation: SlotReservation, until: number): Promise<Outcome> {
    // The one case in which waiting ends a build: SQS would lose it otherwise.
    if (until > this.#delivery.expiresAt - EXPIRY_MARGIN_MS) {
      return this.#deadLetter('WaitTooLong', `Its turn would come at ${iso(until)}; the message expires before.`);
    }
    const now = this.#ports.clock.now();
    const saved = await this.#ports.ledger.save(waiting(this.#entry, now, `slot at ${iso(until)}`, reservation));
    if (!this.#adopt(saved)) return this.#postponed('InProgress', this.#delivery.leaseUntil);
    return this.#postponed('Slot', until);
  }

  /** A try failed and nothing was accepted. */
  async #retry(cause: RetryCause, detail: string, status?: number): Promise<Outcome> {
    const failure = this.#failure(cause, detail, status);
    return this.#tryLater(failed(this.#entry, failure.at, failure), cause, failure);
  }

  /** A try's answer was lost. */
  async #lost(detail: string, status?: number): Promise<Outcome> {
    const failure = this.#failure('AnswerLost', detail, status);
    const next = answerLost(this.#entry, failure.at, failure);
    this.#ports.metrics.put('AnswersLost', 1);
    if (this.#settings.onLostAnswer === 'dead-letter') {
      this.#entry = next;
      return this.#deadLetter('SubmissionUnknown', detail, status);
    }
    return this.#tryLater(next, 'AnswerLost', failure);
  }

  async #tryLater(next: LedgerEntry, cause: RetryCause, failure: Failure): Promise<Outcome> {
    const { clock, random } = this.#ports;
    if (next.attempts >= this.#settings.maxAttempts) {
      this.#entry = next;
      return this.#deadLetter('RetriesExhausted', `${cause}: ${failure.detail}`, failure.status);
    }
    await this.#record(next);
    return {
      kind: 'retried',
      cause,
      detail: failure.detail,
      until: clock.now() + retryDelay(next.attempts, this.#settings.intervalMs, random),
      attempt: next.attempts,
      ...(failure.status === undefined ? {} : { status: failure.status }),
    };
  }

  /**
   * Sends the letter first and records it then: a crash between the two sends a second letter, which redriving drops as a
   * duplicate; the other order would lose the build.
   */
  async #deadLetter(
    reason: Reason,
    detail: string,
    status?: number,
    how: 'aloud' | 'quietly' = 'aloud',
  ): Promise<Outcome> {
    const { clock, deadLetters, log, newId } = this.#ports;
    const { attempts, build, possiblyDoubled, projectId, userId } = this.#entry;
    const failure = { ...this.#failure(reason, detail, status), code: reason };
    const id = newId();
    try {
      await deadLetters.send({
        id,
        body: this.#delivery.body,
        reason,
        detail: failure.detail,
        attempts,
        build,
        at: failure.at,
        logPointer: this.#delivery.logPointer,
        ...(status === undefined ? {} : { status }),
        ...(userId === undefined ? {} : { userId }),
        ...(projectId === undefined ? {} : { projectId }),
        ...(this.#key === undefined ? {} : { keyVersion: this.#key.version }),
      });
    } catch (error) {
      log.error('dead-letter-not-sent', { build: this.#entry.id, reason, error: describeError(error) });
      // Given free with what is known of it, or the next worker takes the claim for a lost answer. One that is lost indeed
      // keeps its claim: free it would be sent again, whatever the settings say.
      const freed =
        this.#entry.state === 'submitting'
          ? waiting(this.#entry, clock.now(), 'DeadLetterQueueUnavailable')
          : this.#entry;
      if (freed.state === 'waiting') await this.#record(freed);
      return this.#uncounted('DeadLetterQueueUnavailable', `Could not dead-letter it as ${reason}.`);
    }
    if (!(await this.#record(deadLettered(this.#entry, clock.now(), failure, id)))) {
      // Without the record the letter's redrive would not be known for one. The next visit sends a second letter.
      return this.#uncounted('LedgerUnavailable', `Dead-lettered as ${reason}, which could not be recorded.`);
    }
    const { at, detail: words } = failure;
    const facts = { reason, detail: words, attempts, possiblyDoubled, ...(status === undefined ? {} : { status }) };
    const subject = this.#subject();
    await emitEvent(this.#ports, { name: 'Build Dead-Lettered', at, subject, deadLetterId: id, ...facts });
    if (how === 'aloud') {
      await sendAlert(this.#ports, {
        kind: 'dead-lettered',
        at,
        ...subject,
        ...facts,
        logPointer: this.#delivery.logPointer,
      });
    }
    return {
      kind: 'dead-lettered',
      reason,
      detail: failure.detail,
      attempt: attempts,
      ...(status === undefined ? {} : { status }),
    };
  }

  /** Ends a build that is not wanted any more. */
  async #end(cause: SkipCause, detail: string): Promise<Outcome> {
    const saved = await this.#ports.ledger.save(skipped(this.#entry, this.#ports.clock.now(), cause));
    if (!this.#adopt(saved)) return this.#postponed('InProgress', this.#delivery.leaseUntil);
    await emitEvent(this.#ports, {
      name: 'Build Skipped',
      at: this.#ports.clock.now(),
      subject: this.#subject(),
      cause,
      detail,
    });
    return this.#skip(cause, detail);
  }

  /**
   * Remembers a refused key, so that the builds behind it are not sent with it, and tells about it once per version.
   * @returns whether this cause has been told
   */
  async #refuseKey(route: Route, { version }: ApiKey, detail: string): Promise<boolean> {
    const { clock, ledger, log, metrics } = this.#ports;
    const { apiKeyParameter: parameter, userId } = route;
    const at = clock.now();
    try {
      if ((await ledger.refuseKey(parameter, { version, at })) === 'known') return true;
      metrics.put('ApiKeysRejected', 1);
      const waiting = await ledger.countWaiting(userId);
      await emitEvent(this.#ports, { name: 'Api Key Rejected', at, parameter, version, userId, waiting });
      const { logPointer } = this.#delivery;
      const facts = { parameter, version, userId, waiting, detail, build: this.#entry.build, at, logPointer };
      return await sendAlert(this.#ports, { kind: 'key-rejected', ...facts });
    } catch (error) {
      // Then each build finds out and tells for itself.
      log.warn('refused-key-not-remembered', { parameter, version, error: describeError(error) });
      return false;
    }
  }

  #subject(): Subject {
    const { build, projectId, userId } = this.#entry;
    return { build, ...(userId === undefined ? {} : { userId }), ...(projectId === undefined ? {} : { projectId }) };
  }

  /** What an exception means, by how far the build had come. */
  async fail(error: unknown): Promise<Outcome> {
    const detail = redact(describeError(error), this.#secrets());
    if (error instanceof LedgerUnavailable && !this.#calling) {
      // Not counted: where nothing can be written down, the queue's receive count is the net.
      if (this.#entry.state === 'submitting') await this.#record(waiting(this.#entry, this.#ports.clock.now(), detail));
      return this.#uncounted('LedgerUnavailable', detail);
    }
    this.#ports.log.error('unexpected-error', { build: this.#entry.id, error: detail });
    try {
      return this.#calling ? await this.#lost(detail) : await this.#retry('Unexpected', detail);
    } catch (second) {
      return this.#uncounted('Unexpected', `${detail}; then ${describeError(second)}`);
    }
  }

  #uncounted(cause: RetryCause, detail: string): Outcome {
    const { clock, random } = this.#ports;
    const until = clock.now() + retryDelay(Math.max(1, this.#delivery.receiveCount), this.#settings.intervalMs, random);
    return { kind: 'retried', cause, detail: redact(detail, this.#secrets()), until, attempt: 0 };
  }

  /**
   * Writes down what has happened and can't be taken back; a table that is away for a moment does not stop it. An acceptance
   * stands above what another worker has written meanwhile. Anything else does not: this worker may have looked at the build
   * before that one called, and would wipe out the claim or the mark of a lost answer.
   *
   * @returns whether the ledger knows
   */
  async #record(next: LedgerEntry): Promise<boolean> {
    const { clock, ledger, log } = this.#ports;
    const isEnd = next.state === 'submitted' || next.state === 'dead-lettered';
    const patience = isEnd ? Number.POSITIVE_INFINITY : RECORD_PATIENCE_MS;
    const giveUpAt = Math.min(this.#delivery.deadline, clock.now() + patience);
    let entry = next;
    let error: unknown;
    for (let pause = 100; ; pause *= 2) {
      try {
        const saved = await ledger.save(entry);
        if (this.#adopt(saved)) {
          this.#calling = false;
          return true;
        }
        const other = await ledger.find(entry.id);
        // Its own write of the last round, whose answer was lost.
        if (other !== undefined && isSameWrite(other, next)) return true;
        if (next.state !== 'submitted') {
          log.warn('overtaken', { build: next.id, state: next.state, by: other?.state });
          return false;
        }
        entry = { ...next, revision: other?.revision ?? 0 };
      } catch (thrown) {
        error = thrown;
      }
      if (clock.now() + pause > giveUpAt) break;
      await clock.sleep(pause);
    }
    log.error('not-recorded', {
      build: next.id,
      state: next.state,
      uploadId: next.uploadId,
      error: describeError(error),
    });
    return false;
  }

  #adopt(saved: Saved): boolean {
    if (saved.kind === 'saved') this.#entry = saved.entry;
    return saved.kind === 'saved';
  }

  #skip(cause: SkipCause, detail: string): Outcome {
    return { kind: 'skipped', cause, detail };
  }

  #postponed(cause: PostponeCause, until: number): Outcome {
    return { kind: 'postponed', cause, until };
  }

  #failure(code: Reason | RetryCause, detail: string, status?: number): Failure {
    const safe = redact(detail, this.#secrets());
    return { code, detail: safe, at: this.#ports.clock.now(), ...(status === undefined ? {} : { status }) };
  }

  #secrets() {
    return this.#key === undefined ? [] : [this.#key.secret];
  }
}

function hasEnded({ state }: LedgerEntry): boolean {
  return state !== 'waiting' && state !== 'submitting' && state !== 'unknown';
}

function isSameWrite(stored: LedgerEntry, next: LedgerEntry): boolean {
  return (
    stored.state === next.state &&
    stored.updatedAt === next.updatedAt &&
    stored.deadLetterId === next.deadLetterId &&
    stored.uploadId === next.uploadId
  );
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
