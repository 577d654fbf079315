import { randomUUID } from 'node:crypto';
import { type Admission, NEW_LANE, type RateLimitLane, type SlotReservation } from '../domain/model/lane.ts';
import { inProcessWait, type PacerSettings, pushLaneBack, slotSpacing, tryAcquire } from '../domain/pacing/pacer.ts';
import { LedgerUnavailable, type Pacer } from '../domain/ports.ts';
import type { Item, Table } from './dynamodb-table.ts';
import { LEDGER_TABLE, laneItemKey } from './ledger-table.ts';

const { partitionKey: PK } = LEDGER_TABLE;

/** A lost round is one that another worker won, and few share a lane at a time: more than these mean trouble. */
const MAX_ROUNDS = 25;

/**
 * The pacer on DynamoDB: the functions of `domain/pacing/pacer.ts`, applied atomically.
 *
 * Calls of the table: `reserve` 1, and 2 on an idle lane; `acquire` 1 in its slot, 2 where the lane is blocked, 3 where it
 * has been pushed back or has to be; `pushBack` 2; `blockUntil` 1.
 */
export function createDynamoDbPacer(table: Table, settings: PacerSettings, newId: () => string = randomUUID): Pacer {
  const { intervalMs } = settings;
  const spacing = slotSpacing(settings);

  /** The item after the update, or `undefined` where the condition did not hold. */
  function update(
    lane: string,
    change: string,
    condition: string,
    values: Record<string, number | string>,
  ): Promise<Item | undefined> {
    return table.update(laneItemKey(lane), change, { condition, values });
  }

  /** A slot that is used on time changes only until when the lane is blocked, so one write both checks and acquires. */
  async function acquiresInSlot(
    lane: string,
    reservation: SlotReservation,
    now: number,
    callId: string,
  ): Promise<boolean> {
    const late = now - reservation.slot;
    if (late < 0 || late > inProcessWait(settings) || late >= intervalMs) return false;
    const written = await update(
      lane,
      'SET blockedUntil = :blockedUntil, changedBy = :callId',
      'pushed = :pushed AND blockedUntil <= :now',
      { ':blockedUntil': now + intervalMs, ':callId': callId, ':pushed': reservation.pushed, ':now': now },
    );
    return written !== undefined;
  }

  /**
   * Reads the lane, decides, and writes if the lane is unchanged; otherwise starts over.
   *
   * @param ownResult the result where the call's own write is found in the table: the client sends again when an answer is
   * lost, and then its own first write breaks the condition. Taken for another worker's write, it would cost the build its slot.
   */
  async function updateWithRetry<Result>(
    operation: string,
    lane: string,
    callId: string,
    ownResult: Result,
    decide: (current: RateLimitLane) => { readonly next: RateLimitLane; readonly result: Result },
  ): Promise<Result> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stored = await table.get(laneItemKey(lane));
      if (stored?.changedBy === callId) return ownResult;
      const current = stored === undefined ? NEW_LANE : toLane(stored);
      const { next, result } = decide(current);
      if (next === current) return result;
      const set = 'SET nextSlot = :nextSlot, pushed = :pushed, blockedUntil = :blockedUntil, changedBy = :callId';
      const values = {
        ':nextSlot': next.nextSlot,
        ':pushed': next.pushed,
        ':blockedUntil': next.blockedUntil,
        ':callId': callId,
      };
      // What pushes a lane back moves its next slot too, so `pushed` need not be compared.
      const isUnchanged = 'nextSlot = :oldNextSlot AND blockedUntil = :oldBlockedUntil';
      const old = { ':oldNextSlot': current.nextSlot, ':oldBlockedUntil': current.blockedUntil };
      const written =
        stored === undefined
          ? await update(lane, set, `attribute_not_exists(${PK})`, values)
          : await update(lane, set, isUnchanged, { ...values, ...old });
      if (written !== undefined) return result;
    }
    throw contended(operation);
  }

  return {
    async reserve(lane, now) {
      for (let round = 0; round < MAX_ROUNDS; round++) {
        // Where an answer is lost the client asks again and a slot stays empty: the lane is an interval longer, no more.
        const item =
          (await update(lane, 'SET nextSlot = nextSlot + :spacing', 'nextSlot >= :now', {
            ':spacing': spacing,
            ':now': now,
          })) ??
          (await update(
            lane,
            'SET nextSlot = :next, pushed = if_not_exists(pushed, :none), blockedUntil = if_not_exists(blockedUntil, :none)',
            `attribute_not_exists(${PK}) OR nextSlot < :now`,
            { ':next': now + spacing, ':none': 0, ':now': now },
          ));
        if (item !== undefined) {
          const { nextSlot, pushed } = toLane(item);
          return { slot: nextSlot - spacing, pushed };
        }
      }
      throw contended('reserve');
    },

    async acquire(lane, reservation, now) {
      const callId = newId();
      const acquired: Admission = { kind: 'acquired', at: now };
      if (await acquiresInSlot(lane, reservation, now, callId)) return acquired;
      return updateWithRetry('acquire', lane, callId, acquired, (current) => {
        const { lane: next, admission } = tryAcquire(current, reservation, now, settings);
        return { next, result: admission };
      });
    },

    async pushBack(lane, reservation, until) {
      await updateWithRetry('pushBack', lane, newId(), undefined, (current) => ({
        next: pushLaneBack(current, reservation, until),
        result: undefined,
      }));
    },

    async blockUntil(lane, until) {
      // Where the condition does not hold, the lane is blocked for longer already.
      await update(
        lane,
        'SET blockedUntil = :until, nextSlot = if_not_exists(nextSlot, :none), pushed = if_not_exists(pushed, :none)',
        `attribute_not_exists(${PK}) OR blockedUntil < :until`,
        { ':until': until, ':none': 0 },
      );
    },
  };
}

function toLane(item: Item): RateLimitLane {
  const { nextSlot, pushed, blockedUntil } = item as unknown as RateLimitLane;
  return { nextSlot, pushed, blockedUntil };
}

function contended(operation: string): LedgerUnavailable {
  return new LedgerUnavailable(`The lane changed ${MAX_ROUNDS} times while ${operation} tried to write it.`);
}
