import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, it } from 'vitest';
import { createDynamoDbPacer } from '../../functions/adapters/dynamodb-pacer.ts';
import { type Item, openTable, type Table } from '../../functions/adapters/dynamodb-table.ts';
import { positionOf } from '../../functions/adapters/page-token.ts';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.ts';

const SETTINGS = { intervalMs: 121_000 };
const RESERVATION = { slot: 1_000, pushed: 0 };

let server: ScriptedServer | undefined;
afterEach(() => server?.close());

async function tableAt() {
  server = await startScriptedServer({ status: 200, body: '{}' });
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
  return openTable(new DynamoDBClient({ credentials, region: 'eu-central-1', endpoint: server.url }), 'the-table');
}
const sent = () => JSON.parse(server?.requests[0]?.body ?? '');

describe('the table', () => {
  it('is read consistently: a worker must see what another one has just written', async () => {
    const table = await tableAt();
    expect(await table.get('lane#1')).toBeUndefined();
    expect(sent()).toEqual({ TableName: 'the-table', Key: { pk: { S: 'lane#1' } }, ConsistentRead: true });
  });

  it('gets no field that is undefined', async () => {
    const table = await tableAt();
    expect(await table.put('build#1', { state: 'waiting', build: { size: undefined } }, {})).toBe(true);
    expect(sent()).toMatchObject({ Item: { pk: { S: 'build#1' }, state: { S: 'waiting' }, build: { M: {} } } });
  });
});

/** A table with one lane, in which every write ends as given; and how many writes there were. */
function tableOf(written: Item | undefined) {
  let writes = 0;
  const table: Table = {
    get: async () => ({ nextSlot: 1_900, pushed: 0, blockedUntil: 0 }),
    update: async () => {
      if (++writes > 200) throw new Error('the rounds do not end');
      return written;
    },
    put: async () => false,
    delete: async () => {},
    query: async () => ({ items: [], count: 0, lastKey: undefined }),
  };
  return { table, writes: () => writes };
}

describe('a lane that others change before each write', () => {
  it('is given up after 25 rounds, and the message stays in the queue', async () => {
    const toReserve = tableOf(undefined);
    const reserved = createDynamoDbPacer(toReserve.table, SETTINGS).reserve('lane', 1_000);
    await expect(reserved).rejects.toThrow(LedgerUnavailable);
    // Each round asks for a busy lane, and for an idle one.
    expect(toReserve.writes()).toBe(50);

    const toPush = tableOf(undefined);
    const pushed = createDynamoDbPacer(toPush.table, SETTINGS).pushBack('lane', RESERVATION, 9_000);
    await expect(pushed).rejects.toThrow(LedgerUnavailable);
    expect(toPush.writes()).toBe(25);
  });
});

describe('a lane whose interval is shorter than a second', () => {
  it.each([400, 700])('is not acquired by a holder that is late by an interval or more: %d ms', async (late) => {
    const { table, writes } = tableOf({});
    const pacer = createDynamoDbPacer(table, { intervalMs: 400 });
    expect(await pacer.acquire('lane', RESERVATION, RESERVATION.slot + late)).toEqual({ kind: 'missed' });
    expect(writes()).toBe(0);
  });
});

describe('the token of a page', () => {
  it.each(['[1,2]', '["1","id"]', '[null,null]', '7', 'no JSON'])('is refused where it is of %s', (content) => {
    const token = Buffer.from(content).toString('base64url');
    expect(() => positionOf(token)).toThrow('This is no token of a page of builds');
  });
});
