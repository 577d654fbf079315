import { randomUUID } from 'node:crypto';
import { type AttributeValue, type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { LedgerUnavailable } from '../domain/ledger.ts';
import {
  type Entry,
  inProcessWait,
  type Line,
  NEW_LINE,
  type Pacer,
  type PacerSettings,
  passGate,
  pushLineBack,
  slotSpacing,
  type Ticket,
} from '../domain/pacer.ts';
import { answerTo } from './dynamodb-answer.ts';
import { LEDGER_TABLE, lineItemKey } from './ledger-table.ts';

const { partitionKey: PK } = LEDGER_TABLE;

/** A lost round is one that another worker won, and few share a line at a time: more than these mean trouble. */
const MAX_ROUNDS = 25;

type Item = Record<string, AttributeValue>;

/**
 * The pacer on DynamoDB: the functions of `domain/pacer.ts`, applied atomically.
 *
 * Calls of the table: `reserve` 1, and 2 on an idle line; `enter` 1 in its turn, 2 where the gate is shut, 3 where the line
 * has been pushed back or has to be; `pushBack` 2; `keepShut` 1.
 */
export function createDynamoDbPacer(
  client: DynamoDBClient,
  tableName: string,
  settings: PacerSettings,
  newId: () => string = randomUUID,
): Pacer {
  const { intervalMs } = settings;
  const spacing = slotSpacing(settings);

  async function read(line: string): Promise<Item | undefined> {
    const command = new GetItemCommand({
      TableName: tableName,
      Key: { [PK]: { S: lineItemKey(line) } },
      ConsistentRead: true,
    });
    return (await answerTo('GetItem', client.send(command)))?.Item;
  }

  /** The item after the update, or `undefined` where the condition did not hold. */
  async function update(
    line: string,
    UpdateExpression: string,
    ConditionExpression: string,
    values: Readonly<Record<string, number | string>>,
  ): Promise<Item | undefined> {
    const command = new UpdateItemCommand({
      TableName: tableName,
      Key: { [PK]: { S: lineItemKey(line) } },
      UpdateExpression,
      ConditionExpression,
      ExpressionAttributeValues: marshall(values),
      ReturnValues: 'ALL_NEW',
    });
    return (await answerTo('UpdateItem', client.send(command)))?.Attributes;
  }

  /** A turn taken on time changes nothing but when the gate opens next, so one write both asks and answers. */
  async function entersInTurn(line: string, ticket: Ticket, now: number, callId: string): Promise<boolean> {
    const late = now - ticket.slot;
    if (late < 0 || late > inProcessWait(settings) || late >= intervalMs) return false;
    const written = await update(
      line,
      'SET opensAt = :opensAt, changedBy = :callId',
      'pushed = :pushed AND opensAt <= :now',
      { ':opensAt': now + intervalMs, ':callId': callId, ':pushed': ticket.pushed, ':now': now },
    );
    return written !== undefined;
  }

  /**
   * Reads the line, decides, and writes if the line is still what it was: else again.
   *
   * @param ownResult what the call comes to where its own write is found in the table: the client sends again when an answer
   * is lost, and then finds its own first write in the way. Taken for another's, it would cost the build its turn.
   */
  async function change<Result>(
    operation: string,
    line: string,
    callId: string,
    ownResult: Result,
    decide: (current: Line) => { readonly next: Line; readonly result: Result },
  ): Promise<Result> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stored = await read(line);
      if (stored?.changedBy?.S === callId) return ownResult;
      const current = stored === undefined ? NEW_LINE : toLine(stored);
      const { next, result } = decide(current);
      if (next === current) return result;
      const set = 'SET nextSlot = :nextSlot, pushed = :pushed, opensAt = :opensAt, changedBy = :callId';
      const values = {
        ':nextSlot': next.nextSlot,
        ':pushed': next.pushed,
        ':opensAt': next.opensAt,
        ':callId': callId,
      };
      const old = { ':oldNextSlot': current.nextSlot, ':oldPushed': current.pushed, ':oldOpensAt': current.opensAt };
      const unchanged = 'nextSlot = :oldNextSlot AND pushed = :oldPushed AND opensAt = :oldOpensAt';
      const written =
        stored === undefined
          ? await update(line, set, `attribute_not_exists(${PK})`, values)
          : await update(line, set, unchanged, { ...values, ...old });
      if (written !== undefined) return result;
    }
    throw contended(operation);
  }

  return {
    async reserve(line, now) {
      for (let round = 0; round < MAX_ROUNDS; round++) {
        // Where an answer is lost the client asks again and a slot stays empty: the line is an interval longer, no more.
        const item =
          (await update(line, 'SET nextSlot = nextSlot + :spacing', 'nextSlot >= :now', {
            ':spacing': spacing,
            ':now': now,
          })) ??
          (await update(
            line,
            'SET nextSlot = :next, pushed = if_not_exists(pushed, :none), opensAt = if_not_exists(opensAt, :none)',
            `attribute_not_exists(${PK}) OR nextSlot < :now`,
            { ':next': now + spacing, ':none': 0, ':now': now },
          ));
        if (item !== undefined) {
          const { nextSlot, pushed } = toLine(item);
          return { slot: nextSlot - spacing, pushed };
        }
      }
      throw contended('reserve');
    },

    async enter(line, ticket, now) {
      const callId = newId();
      const entered: Entry = { kind: 'entered', at: now };
      if (await entersInTurn(line, ticket, now, callId)) return entered;
      return change('enter', line, callId, entered, (current) => {
        const { line: next, entry } = passGate(current, ticket, now, settings);
        return { next, result: entry };
      });
    },

    async pushBack(line, ticket, until) {
      await change('pushBack', line, newId(), undefined, (current) => ({
        next: pushLineBack(current, ticket, until),
        result: undefined,
      }));
    },

    async keepShut(line, until) {
      // Where the condition does not hold the gate is shut for longer already.
      await update(
        line,
        'SET opensAt = :until, nextSlot = if_not_exists(nextSlot, :none), pushed = if_not_exists(pushed, :none)',
        `attribute_not_exists(${PK}) OR opensAt < :until`,
        { ':until': until, ':none': 0 },
      );
    },
  };
}

function toLine(item: Item): Line {
  const { nextSlot, pushed, opensAt } = unmarshall(item) as Line;
  return { nextSlot, pushed, opensAt };
}

function contended(operation: string): LedgerUnavailable {
  return new LedgerUnavailable(`The line changed ${MAX_ROUNDS} times while ${operation} tried to write it.`);
}
