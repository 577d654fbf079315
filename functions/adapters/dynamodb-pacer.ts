import { randomUUID } from 'node:crypto';
import { type AttributeValue, type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { type Admission, NEW_LANE, type RateLimitLane, type SlotReservation } from '../domain/model/lane.ts';
import { inProcessWait, type PacerSettings, pushLaneBack, slotSpacing, tryAcquire } from '../domain/pacing/pacer.ts';
import { LedgerUnavailable, type Pacer } from '../domain/ports.ts';
import { undefinedIfConditionFailed } from './dynamodb-answer.ts';
import { LEDGER_TABLE, laneItemKey } from './ledger-table.ts';

const { partitionKey: PK } = LEDGER_TABLE;

/** A lost round is one that another worker won, and few share a lane at a time: more than these mean trouble. */
const MAX_ROUNDS = 25;

type Item = Record<string, AttributeValue>;

/**
 * The pacer on DynamoDB: the functions of `domain/pacer.ts`, applied atomically.
 *
 * Calls of the table: `reserve` 1, and 2 on an idle lane; `enter` 1 in its turn, 2 where the gate is shut, 3 where the lane
 * has been pushed back or has to be; `pushBack` 2; `blockUntil` 1.
 */
export function createDynamoDbPacer(
  client: DynamoDBClient,
  tableName: string,
  settings: PacerSettings,
  newId: () => string = randomUUID,
): Pacer {
  const { intervalMs } = settings;
  const spacing = slotSpacing(settings);

  async function read(lane: string): Promise<Item | undefined> {
    const command = new GetItemCommand({
      TableName: tableName,
      Key: { [PK]: { S: laneItemKey(lane) } },
      ConsistentRead: true,
    });
    return (await undefinedIfConditionFailed('GetItem', client.send(command)))?.Item;
  }

  /** The item after the update, or `undefined` where the condition did not hold. */
  async function update(
    lane: string,
    UpdateExpression: string,
    ConditionExpression: string,
    values: Readonly<Record<string, number | string>>,
  ): Promise<Item | undefined> {
    const command = new UpdateItemCommand({
      TableName: tableName,
      Key: { [PK]: { S: laneItemKey(lane) } },
      UpdateExpression,
      ConditionExpression,
      ExpressionAttributeValues: marshall(values),
      ReturnValues: 'ALL_NEW',
    });
    return (await undefinedIfConditionFailed('UpdateItem', client.send(command)))?.Attributes;
  }

  /** A turn taken on time changes nothing but when the gate opens next, so one write both asks and answers. */
  async function acquiresInTurn(
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
   * Reads the lane, decides, and writes if the lane is still what it was: else again.
   *
   * @param ownResult what the call comes to where its own write is found in the table: the client sends again when an answer
   * is lost, and then finds its own first write in the way. Taken for another's, it would cost the build its turn.
   */
  async function updateWithRetry<Result>(
    operation: string,
    lane: string,
    callId: string,
    ownResult: Result,
    decide: (current: RateLimitLane) => { readonly next: RateLimitLane; readonly result: Result },
  ): Promise<Result> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stored = await read(lane);
      if (stored?.changedBy?.S === callId) return ownResult;
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
      const old = {
        ':oldNextSlot': current.nextSlot,
        ':oldPushed': current.pushed,
        ':oldOpensAt': current.blockedUntil,
      };
      const unchanged = 'nextSlot = :oldNextSlot AND pushed = :oldPushed AND blockedUntil = :oldOpensAt';
      const written =
        stored === undefined
          ? await update(lane, set, `attribute_not_exists(${PK})`, values)
          : await update(lane, set, unchanged, { ...values, ...old });
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
      const entered: Admission = { kind: 'acquired', at: now };
      if (await acquiresInTurn(lane, reservation, now, callId)) return entered;
      return updateWithRetry('acquire', lane, callId, entered, (current) => {
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
      // Where the condition does not hold the gate is shut for longer already.
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
  const { nextSlot, pushed, blockedUntil } = unmarshall(item) as RateLimitLane;
  return { nextSlot, pushed, blockedUntil };
}

function contended(operation: string): LedgerUnavailable {
  return new LedgerUnavailable(`The lane changed ${MAX_ROUNDS} times while ${operation} tried to write it.`);
}
