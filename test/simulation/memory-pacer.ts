import {
  type Admission,
  NEW_LANE,
  type RateLimitLane,
  type SlotReservation,
} from '../../functions/domain/model/lane.ts';
import {
  inProcessWait,
  type PacerSettings,
  pushLaneBack,
  reserveSlot,
  tryAcquire,
} from '../../functions/domain/pacing/pacer.ts';
import type { Pacer } from '../../functions/domain/ports.ts';
import type { TableCall } from './memory-ledger.ts';

/** The pacer in memory, for tests, virtual time and benchmarks. */
export class MemoryPacer implements Pacer {
  readonly #settings: PacerSettings;
  readonly #onCall: TableCall;
  readonly #lanes = new Map<string, RateLimitLane>();

  /** @param onCall see {@link TableCall} */
  constructor(settings: PacerSettings, onCall: TableCall = () => undefined) {
    this.#settings = settings;
    this.#onCall = onCall;
  }

  async reserve(name: string, now: number): Promise<SlotReservation> {
    await this.#onCall('UpdateItem');
    const known = this.#lanes.get(name);
    if (known === undefined || known.nextSlot < now) await this.#onCall('UpdateItem');
    const { lane, reservation } = reserveSlot(this.lane(name), now, this.#settings);
    this.#lanes.set(name, lane);
    return reservation;
  }

  async acquire(name: string, reservation: SlotReservation, now: number): Promise<Admission> {
    const late = now - reservation.slot;
    const tried = late >= 0 && late <= inProcessWait(this.#settings) && late < this.#settings.intervalMs;
    if (tried) await this.#onCall('UpdateItem');
    const known = this.#lanes.get(name);
    const inTurn = tried && known !== undefined && known.pushed === reservation.pushed && known.blockedUntil <= now;
    if (!inTurn) await this.#onCall('GetItem');
    if (!inTurn && tryAcquire(this.lane(name), reservation, now, this.#settings).admission.kind === 'acquired')
      await this.#onCall('UpdateItem');
    const { lane, admission } = tryAcquire(this.lane(name), reservation, now, this.#settings);
    this.#lanes.set(name, lane);
    return admission;
  }

  async pushBack(name: string, reservation: SlotReservation, until: number): Promise<void> {
    await this.#onCall('GetItem');
    await this.#onCall('UpdateItem');
    this.#lanes.set(name, pushLaneBack(this.lane(name), reservation, until));
  }

  async blockUntil(name: string, until: number): Promise<void> {
    await this.#onCall('UpdateItem');
    const lane = this.lane(name);
    this.#lanes.set(name, { ...lane, blockedUntil: Math.max(lane.blockedUntil, until) });
  }

  /** The state of a lane. */
  lane(name: string): RateLimitLane {
    return this.#lanes.get(name) ?? NEW_LANE;
  }
}
