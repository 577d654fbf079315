import { type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDynamoDbLedger } from '../../functions/adapters/dynamodb-ledger.ts';
import { createDynamoDbPacer } from '../../functions/adapters/dynamodb-pacer.ts';
import { openTable, type TableQuery } from '../../functions/adapters/dynamodb-table.ts';
import { buildItemKey } from '../../functions/adapters/ledger-table.ts';
import { buildId } from '../../functions/domain/model/build.ts';
import { withRejected } from '../../functions/domain/model/live.ts';
import { opened, submitted, submitting } from '../../functions/domain/model/submission-transitions.ts';
import { IN_PROCESS_WAIT_MS, slotSpacing } from '../../functions/domain/pacing/pacer.ts';
import { type Ledger, LedgerUnavailable, type Pacer } from '../../functions/domain/ports.ts';
import { MemoryLedger } from '../simulation/memory-ledger.ts';
import { MemoryPacer } from '../simulation/memory-pacer.ts';
import { startDynamoDb } from './dynamodb-table.ts';
import { defineLedgerContract } from './ledger-contract.ts';
import { definePacerContract } from './pacer-contract.ts';

const NOW = Date.UTC(2026, 10, 23, 12);
const INTERVAL = 121_000;
const SETTINGS = { intervalMs: INTERVAL };
const build = { bucket: 'drop', key: 'a.zip', versionId: '1', region: 'eu-central-1', droppedAt: NOW };

let dynamoDb: Awaited<ReturnType<typeof startDynamoDb>>;
beforeAll(async () => {
  dynamoDb = await startDynamoDb();
});
afterAll(() => dynamoDb.stop());

defineLedgerContract(
  'DynamoDB ledger',
  async () => createDynamoDbLedger(openTable(dynamoDb.client, await dynamoDb.newTable())),
  {
    runs: 25,
  },
);
definePacerContract(
  'DynamoDB pacer',
  async (settings) => createDynamoDbPacer(openTable(dynamoDb.client, await dynamoDb.newTable()), settings),
  { runs: 25 },
);

describe('the table', () => {
  it('holds builds in its indexes and nothing else, and only builds expire, 90 days after their last change', async () => {
    // Prepare
    const table = await dynamoDb.newTable();
    const ledger = createDynamoDbLedger(openTable(dynamoDb.client, table));
    const pacer = createDynamoDbPacer(openTable(dynamoDb.client, table), SETTINGS);

    // Act
    await ledger.save(submitted(opened(build, NOW), NOW + 500, 'upload-1'));
    await ledger.announce('user/project/', build);
    await ledger.noteWebhook('project', 'lastWebhookAt', NOW);
    await ledger.noteContent(build, 'content');
    await pacer.acquire('upload-file/user', await pacer.reserve('upload-file/user', NOW), NOW);

    // Assess
    const { Items = [] } = await dynamoDb.client.send(new ScanCommand({ TableName: table }));
    const items = new Map(Items.map((item) => [item.pk?.S, item]));
    expect([...items.keys()].sort()).toEqual(
      [
        'build#drop/a.zip@1',
        'contents#drop/a.zip',
        'lane#upload-file/user',
        'route#user/project/',
        'webhook#project',
      ].sort(),
    );
    const indexed = ['state', 'updatedAt', 'uploadId', 'expiresAt'];
    expect(indexed.filter((name) => items.get('build#drop/a.zip@1')?.[name] !== undefined)).toEqual(indexed);
    for (const key of ['contents#drop/a.zip', 'lane#upload-file/user', 'route#user/project/', 'webhook#project']) {
      expect(indexed.filter((name) => items.get(key)?.[name] !== undefined)).toEqual([]);
    }
    const expiresAt = Number(items.get('build#drop/a.zip@1')?.expiresAt?.N);
    expect(expiresAt).toBe((NOW + 1_000) / 1_000 + 90 * 86_400);
  });

  it('keys a build by its id, shortened to a hash only past DynamoDB’s 2,048 bytes', () => {
    expect(buildItemKey('drop/ü.zip@1')).toBe('build#drop/ü.zip@1');
    expect(buildItemKey('x'.repeat(2_042))).toBe(`build#${'x'.repeat(2_042)}`);
    expect(buildItemKey('x'.repeat(2_043))).toMatch(/^build#sha256#[0-9a-f]{64}$/);
    expect(buildItemKey('ü'.repeat(1_022))).not.toBe(buildItemKey(`${'ü'.repeat(1_021)}u!`));
  });
});

describe('a lost answer', () => {
  it('of a save that went through is no conflict', async () => {
    const table = await dynamoDb.newTable();
    const ledger = createDynamoDbLedger(openTable(losingFirstAnswer('PutItemCommand'), table));
    const entry = submitting(opened(build, NOW), NOW, NOW + 60_000);

    const saved = await ledger.save(entry);

    expect(saved).toStrictEqual({ kind: 'saved', entry: { ...entry, revision: 1 } });
    expect(await ledger.find(entry.id)).toStrictEqual({ ...entry, revision: 1 });
  });

  it.each([
    ['in its slot', 0],
    ['late', IN_PROCESS_WAIT_MS + 1],
  ])('of an acquire %s that went through does not cost the build its slot', async (_, late) => {
    const table = await dynamoDb.newTable();
    const reservation = await createDynamoDbPacer(openTable(dynamoDb.client, table), SETTINGS).reserve('lane', NOW);
    const pacer = createDynamoDbPacer(openTable(losingFirstAnswer('UpdateItemCommand'), table), SETTINGS);

    const entry = await pacer.acquire('lane', reservation, NOW + late);

    expect(entry).toEqual({ kind: 'acquired', at: NOW + late });
    expect(await pacer.acquire('lane', reservation, NOW + late)).toEqual({
      kind: 'blocked',
      until: NOW + late + INTERVAL,
    });
  });

  it('of a push back does not push twice', async () => {
    const table = await dynamoDb.newTable();
    const reservation = await createDynamoDbPacer(openTable(dynamoDb.client, table), SETTINGS).reserve('lane', NOW);
    const pacer = createDynamoDbPacer(openTable(losingFirstAnswer('UpdateItemCommand'), table), SETTINGS);

    await pacer.pushBack('lane', reservation, NOW + 9_000);

    expect(await pacer.reserve('lane', NOW)).toEqual({ slot: NOW + 9_000 + slotSpacing(SETTINGS), pushed: 9_000 });
  });
});

describe('a table that does not answer', () => {
  const reservation = { slot: NOW, pushed: 0 };
  const calls: [string, (ledger: Ledger, pacer: Pacer) => Promise<unknown>][] = [
    ['GetItem', (ledger) => ledger.find('secret-id')],
    ['PutItem', (ledger) => ledger.save(opened({ ...build, key: 'secret-id.zip' }, NOW))],
    ['Query', (ledger) => ledger.findByUploadId('secret-id')],
    ['Query', (ledger) => ledger.list('waiting')],
    ['PutItem', (ledger) => ledger.announce('secret-id', build)],
    ['GetItem', (ledger) => ledger.webhookOf('secret-id')],
    ['GetItem', (ledger) => ledger.liveOf('secret-id')],
    ['UpdateItem', (ledger) => ledger.noteWebhook('secret-id', 'lastWebhookAt', NOW)],
    ['UpdateItem', (_, pacer) => pacer.reserve('secret-id', NOW)],
    ['UpdateItem', (_, pacer) => pacer.acquire('secret-id', reservation, NOW)],
    ['GetItem', (_, pacer) => pacer.acquire('secret-id', reservation, NOW - 1)],
    ['GetItem', (_, pacer) => pacer.pushBack('secret-id', reservation, NOW)],
    ['UpdateItem', (_, pacer) => pacer.blockUntil('secret-id', NOW)],
  ];

  it.each(calls)('is reported as unavailable, with %s and the error’s name only', async (operation, call) => {
    const error = await failureOf(
      call(
        createDynamoDbLedger(openTable(dynamoDb.client, 'no-such-table')),
        createDynamoDbPacer(openTable(dynamoDb.client, 'no-such-table'), SETTINGS),
      ),
    );

    expect(error).toBeInstanceOf(LedgerUnavailable);
    expect(error.message).toBe(`The ledger table did not answer ${operation} (ResourceNotFoundException).`);
    expect(error.cause).toBeUndefined();
  });

  it('is reported by its code where it can’t even be reached', async () => {
    const client = dynamoDb.newClient();
    const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:443'), { code: 'ECONNREFUSED' });
    client.middlewareStack.add(() => () => Promise.reject(refused), { step: 'finalizeRequest', priority: 'low' });

    const error = await failureOf(createDynamoDbLedger(openTable(client, 'any')).find('secret-id'));

    expect(error.message).toBe('The ledger table did not answer GetItem (ECONNREFUSED).');
  });

  it('is tried again by the client before that', async () => {
    const client = dynamoDb.newClient();
    let tries = 0;
    client.middlewareStack.add(
      () => async () => {
        tries++;
        throw timeout();
      },
      { step: 'finalizeRequest', priority: 'low' },
    );

    const error = await failureOf(createDynamoDbLedger(openTable(client, 'any')).find('secret-id'));

    expect(error.message).toBe('The ledger table did not answer GetItem (TimeoutError).');
    expect(tries).toBeGreaterThan(1);
  });

  it('ends a pacer’s loop where every write is lost to another worker', async () => {
    const table = await dynamoDb.newTable();
    const client = dynamoDb.newClient();
    const rival = createDynamoDbPacer(openTable(dynamoDb.client, table), SETTINGS);
    const reservation = await rival.reserve('lane', NOW);
    client.middlewareStack.add(
      (next, context) => async (args) => {
        if (context.commandName === 'UpdateItemCommand') await rival.reserve('lane', NOW);
        return next(args);
      },
      { step: 'initialize' },
    );

    const error = await failureOf(
      createDynamoDbPacer(openTable(client, table), SETTINGS).pushBack('lane', reservation, NOW + 1),
    );

    expect(error).toBeInstanceOf(LedgerUnavailable);
    expect(error.message).toMatch(/The lane changed \d+ times while pushBack tried to write it\./);
  });
});

describe('the contents of a key', () => {
  const version = (versionId: string) => ({ ...build, versionId });

  /** A ledger to whose key another worker writes just before each of the first writes. */
  async function outrun(times: number) {
    const table = openTable(dynamoDb.client, await dynamoDb.newTable());
    const rival = createDynamoDbLedger(table);
    const calls: string[] = [];
    let puts = 0;
    const ledger = createDynamoDbLedger({
      ...table,
      get(key) {
        calls.push('get');
        return table.get(key);
      },
      async put(...args) {
        calls.push('put');
        puts++;
        if (puts <= times) await rival.noteContent(version(`rival ${puts}`), 'content');
        return table.put(...args);
      },
    });
    const ids = async () => (await rival.contentsOf(build)).map(({ id }) => id);
    return { rival, ledger, calls, ids };
  }

  it.each(['new', 'known'])('are read again where another worker writes to a key that is %s', async (before) => {
    const { calls, ids, ledger, rival } = await outrun(1);
    if (before === 'known') await rival.noteContent(version('0'), 'content');

    const contents = await ledger.noteContent(version('mine'), 'content');

    const known = before === 'known' ? ['drop/a.zip@0'] : [];
    expect(await ids()).toEqual([...known, 'drop/a.zip@rival 1', 'drop/a.zip@mine']);
    expect(contents.map(({ id }) => id)).toEqual(await ids());
    expect(calls).toEqual(['get', 'put', 'get', 'put']);
  });

  it('are written where nine rounds were lost to other workers', async () => {
    const { ids, ledger } = await outrun(9);

    await ledger.noteContent(version('mine'), 'content');

    expect(await ids()).toHaveLength(10);
    expect((await ids()).at(-1)).toBe('drop/a.zip@mine');
  });

  it('are given up where ten were, for a later try', async () => {
    const { calls, ids, ledger } = await outrun(Number.POSITIVE_INFINITY);

    const error = await failureOf(ledger.noteContent(version('mine'), 'content'));

    expect(error).toBeInstanceOf(LedgerUnavailable);
    expect(error.message).toBe('Other workers changed an item 10 times while it was to be written.');
    expect(calls.filter((call) => call === 'put')).toHaveLength(10);
    expect(await ids()).not.toContain('drop/a.zip@mine');
  });
});

it('takes a build for the newest where a person deletes the newer one in between', async () => {
  const table = openTable(dynamoDb.client, await dynamoDb.newTable());
  const ledger = createDynamoDbLedger({ ...table, put: async () => false });
  expect(await ledger.announce('route', build)).toEqual({ id: buildId(build), droppedAt: build.droppedAt });
});

describe('a query that DynamoDB answers in parts', () => {
  /** Three builds of a user that wait and one of another, and a table whose answers end after one item, as at 1 MB. */
  async function inParts() {
    const table = openTable(dynamoDb.client, await dynamoDb.newTable());
    const ledger = createDynamoDbLedger(table);
    for (const [n, userId] of ['me', 'other', 'me', 'me'].entries()) {
      await ledger.save({ ...opened({ ...build, key: `${n}.zip` }, NOW + n), userId });
    }
    return { table, ledger: createDynamoDbLedger({ ...table, query: (query) => table.query({ ...query, Limit: 1 }) }) };
  }

  it('is counted to its end', async () => {
    const { ledger } = await inParts();
    expect(await ledger.countWaiting('me')).toBe(3);
  });

  it('is listed to its end, although no page is full', async () => {
    const { ledger } = await inParts();
    const keys: string[] = [];
    let from: string | undefined;
    do {
      const page = await ledger.list('waiting', { limit: 3, ...(from === undefined ? {} : { from }) });
      keys.push(...page.entries.map((entry) => entry.build.key));
      from = page.next;
    } while (from !== undefined);
    expect(keys).toEqual(['3.zip', '2.zip', '1.zip', '0.zip']);
  });

  it('has another page where more came than were asked for, without DynamoDB saying so', async () => {
    const { table } = await inParts();
    const query = async (of: TableQuery) => ({ ...(await table.query(of)), lastKey: undefined });
    const ledger = createDynamoDbLedger({ ...table, query });
    expect((await ledger.list('waiting', { limit: 3 })).next).toEqual(expect.any(String));
    expect((await ledger.list('waiting', { limit: 4 })).next).toBeUndefined();
  });
});

describe('calls of the table', () => {
  /** Every kind of answer that a ledger and a pacer have, each with the calls it takes. */
  const script: [string, string[], (ledger: Ledger, pacer: Pacer) => Promise<unknown>][] = [
    ['look for an unknown build', ['GetItem'], (ledger) => ledger.find('a')],
    ['save a new build', ['PutItem'], (ledger) => ledger.save(opened(build, NOW))],
    ['save it in conflict', ['PutItem', 'GetItem'], (ledger) => ledger.save(opened(build, NOW))],
    ['list', ['Query'], (ledger) => ledger.list('waiting')],
    ['look for an upload id', ['Query'], (ledger) => ledger.findByUploadId('u')],
    ['announce', ['PutItem'], (ledger) => ledger.announce('r', build)],
    ['announce again', ['PutItem', 'GetItem'], (ledger) => ledger.announce('r', build)],
    ['ask for an unknown webhook', ['GetItem'], (ledger) => ledger.webhookOf('p')],
    ['note a webhook', ['UpdateItem'], (ledger) => ledger.noteWebhook('p', 'lastWebhookAt', NOW)],
    ['note it again', ['UpdateItem'], (ledger) => ledger.noteWebhook('p', 'testedAt', NOW + 1)],
    ['ask for a webhook', ['GetItem'], (ledger) => ledger.webhookOf('p')],
    ['note a content', ['GetItem', 'PutItem'], (ledger) => ledger.noteContent(build, 'c')],
    ['note it again', ['GetItem'], (ledger) => ledger.noteContent(build, 'c')],
    ['ask for the contents', ['GetItem'], (ledger) => ledger.contentsOf(build)],
    [
      'note what is live',
      ['GetItem', 'PutItem'],
      (ledger) => ledger.updateLive('p', (live) => withRejected(live, 'u')),
    ],
    ['note it again', ['GetItem'], (ledger) => ledger.updateLive('p', (live) => withRejected(live, 'u'))],
    ['ask what is live', ['GetItem'], (ledger) => ledger.liveOf('p')],
    ['reserve on a new lane', ['UpdateItem', 'UpdateItem'], (_, pacer) => pacer.reserve('lane', NOW)],
    ['reserve on a busy lane', ['UpdateItem'], (_, pacer) => pacer.reserve('lane', NOW)],
    ['acquire early', ['GetItem'], (_, pacer) => pacer.acquire('lane', slot(0), NOW - 1)],
    ['acquire in the slot', ['UpdateItem'], (_, pacer) => pacer.acquire('lane', slot(0), NOW + 2_000)],
    [
      'acquire while the lane is blocked',
      ['UpdateItem', 'GetItem'],
      (_, pacer) => pacer.acquire('lane', slot(1), NOW + INTERVAL),
    ],
    ['miss a slot', ['GetItem'], (_, pacer) => pacer.acquire('lane', slot(0), NOW + 2 * INTERVAL)],
    ['acquire late', ['GetItem', 'UpdateItem'], (_, pacer) => pacer.acquire('lane', slot(1), NOW + INTERVAL + 60_000)],
    ['push back', ['GetItem', 'UpdateItem'], (_, pacer) => pacer.pushBack('lane', slot(1), NOW + 3 * INTERVAL)],
    ['block', ['UpdateItem'], (_, pacer) => pacer.blockUntil('lane', NOW + 4 * INTERVAL)],
    ['block for less', ['UpdateItem'], (_, pacer) => pacer.blockUntil('lane', NOW)],
    ['push back a new lane', ['GetItem', 'UpdateItem'], (_, pacer) => pacer.pushBack('pushed', slot(0), NOW + 4_000)],
    [
      'acquire in a slot that was pushed back',
      ['UpdateItem', 'GetItem', 'UpdateItem'],
      (_, pacer) => pacer.acquire('pushed', slot(0), NOW + 4_000),
    ],
    ['reserve on another lane', ['UpdateItem', 'UpdateItem'], (_, pacer) => pacer.reserve('dry', NOW)],
    ['reserve as it runs dry', ['UpdateItem'], (_, pacer) => pacer.reserve('dry', NOW + INTERVAL)],
    ['reserve on an idle lane', ['UpdateItem', 'UpdateItem'], (_, pacer) => pacer.reserve('lane', NOW * 2)],
  ];

  it('are as few as promised, and the memory implementations count the same', async () => {
    // Prepare
    const table = await dynamoDb.newTable();
    const client = dynamoDb.newClient();
    const made: string[] = [];
    client.middlewareStack.add(
      (next, context) => (args) => {
        made.push(String(context.commandName).replace(/Command$/, ''));
        return next(args);
      },
      { step: 'initialize' },
    );
    const counted: string[] = [];
    const count = (operation: string) => void counted.push(operation);
    const real = [
      createDynamoDbLedger(openTable(client, table)),
      createDynamoDbPacer(openTable(client, table), SETTINGS),
    ] as const;
    const memory = [new MemoryLedger(count), new MemoryPacer(SETTINGS, count)] as const;

    for (const [name, expected, step] of script) {
      // Act
      made.length = 0;
      counted.length = 0;
      const answer = await step(...real);
      const memoryAnswer = await step(...memory);

      // Assess
      expect(made, name).toEqual(expected);
      expect(counted, `${name}, in memory`).toEqual(made);
      expect(memoryAnswer, name).toStrictEqual(answer);
    }
  });

  function slot(n: number) {
    return { slot: NOW + n * INTERVAL, pushed: 0 };
  }
});

/** A client that carries out a command and then loses the first answer to it, as a broken connection does. */
function losingFirstAnswer(command: string): DynamoDBClient {
  const client = dynamoDb.newClient();
  let lost = false;
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const answer = await next(args);
      if (lost || context.commandName !== command) return answer;
      lost = true;
      throw timeout();
    },
    { step: 'finalizeRequest', priority: 'low' },
  );
  return client;
}

/** An error after which the SDK's client tries again, as its own are: with more in it than may be shown. */
function timeout(): Error {
  return Object.assign(new Error('secret-id'), { name: 'TimeoutError', request: 'secret-id' });
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('It did not fail.');
}
