import { describe, expect, it } from 'vitest';
import { createDynamoDbLedger } from '../../functions/adapters/dynamodb-ledger.ts';
import { createDynamoDbPacer } from '../../functions/adapters/dynamodb-pacer.ts';
import { handleMessage } from '../../functions/domain/submit/handle-message.ts';
import { readEnvironment } from '../../functions/submit-build/environment.ts';
import { SimulatedTable } from '../simulation/simulated-table.ts';
import { s3Event } from '../support/s3-event.ts';
import { INTERVAL_MS, START, World } from '../support/world.ts';
import { ROUTE, STUDIO, type Stack, synthesized } from './synthesized.ts';

/** The tables of an account, by name. */
class Account {
  readonly #tables = new Map<string, SimulatedTable>();

  table(name: string): SimulatedTable {
    const table = this.#tables.get(name) ?? new SimulatedTable();
    this.#tables.set(name, table);
    return table;
  }
}

const TABLE = 'StreampixelDrop-Ledger-1';
const first = synthesized();
/** The name that CloudFormation gives the table of the first stack. */
const nameOf = (reference: string) => (reference === `<${first.only('AWS::DynamoDB::Table').id}>` ? TABLE : reference);

/** The worker of a stack, which goes by what the template says. */
function workerOf({ only, outputs }: Stack, account: Account, now = START) {
  const { Variables } = only(
    'AWS::Lambda::Function',
    ({ Environment }) => Environment?.Variables.MAX_ATTEMPTS !== undefined,
  ).Properties.Environment;
  const environment = { ...readEnvironment(Variables), routes: JSON.parse(outputs.Settings?.Value ?? '').routes };
  const table = account.table(nameOf(environment.ledgerTable));
  const world = new World();
  world.now = now;
  const ports = {
    ...world.ports,
    ledger: createDynamoDbLedger(table),
    pacer: createDynamoDbPacer(table, environment),
  };
  return {
    world,
    /** What S3 announces arrives; the message comes back until it is done. */
    async announce(key: string, bucket = 'studio-builds') {
      const body = s3Event({ key, bucket, sequencer: key });
      for (;;) {
        const disposition = await handleMessage(world.delivery({ body }), environment, ports);
        if (disposition.kind === 'done') return;
        world.now = Math.max(world.now, disposition.until);
      }
    },
    skipped: () => world.logged.filter(({ event, cause }) => event === 'skipped' && cause === 'Duplicate').length,
  };
}

const BUILDS = ['builds/1.zip', 'builds/2.zip', 'builds/3.zip'];

describe('a stack that comes back after its destruction', () => {
  const account = new Account();

  async function comeBack(settings: Record<string, unknown>) {
    const before = workerOf(first, account);
    for (const key of BUILDS) await before.announce(key);
    const after = workerOf(synthesized({ ...STUDIO, ...settings }), account, before.world.now);
    for (const key of BUILDS) await after.announce(key);
    return { before, after };
  }

  it('submits nothing twice on its bucket and its ledger, and keeps the interval', async () => {
    const { after, before } = await comeBack({ bucketName: 'studio-builds', ledgerTableName: TABLE });
    expect(before.world.calls).toHaveLength(BUILDS.length);
    expect(after.world.calls).toEqual([]);
    expect(after.skipped()).toBe(BUILDS.length);

    await after.announce('builds/4.zip');
    const [next] = after.world.calls;
    expect((next?.at ?? 0) - (before.world.calls.at(-1)?.at ?? 0)).toBeGreaterThanOrEqual(INTERVAL_MS);
  });

  it('would submit all of them again on a new ledger', async () => {
    const { after } = await comeBack({ bucketName: 'studio-builds', ledgerTableName: 'Another-Ledger' });
    expect(after.world.calls).toHaveLength(BUILDS.length);
  });
});

describe('two stacks with one user', () => {
  /** The times of all calls when builds are dropped in both at the same time. */
  async function callsOf(ledgerTableName: string): Promise<number[]> {
    const account = new Account();
    const routes = [{ ...ROUTE, projectId: '5f0000000000000000000009' }];
    const workers = [
      workerOf(first, account),
      workerOf(synthesized({ ...STUDIO, stackName: 'Staging', routes, ledgerTableName }), account),
    ];
    await Promise.all(
      workers.flatMap((worker, index) => BUILDS.map((key) => worker.announce(key, `bucket-of-stack-${index}`))),
    );
    return workers.flatMap(({ world }) => world.calls.map(({ at }) => at)).sort((a, b) => a - b);
  }

  const shortest = (times: readonly number[]) =>
    Math.min(...times.slice(1).map((at, index) => at - (times[index] ?? 0)));

  it('keep the interval together on one ledger', async () => {
    const times = await callsOf(TABLE);
    expect(times).toHaveLength(2 * BUILDS.length);
    expect(shortest(times)).toBeGreaterThanOrEqual(INTERVAL_MS);
  });

  it('do not keep it where each has its own', async () => {
    expect(shortest(await callsOf('Another-Ledger'))).toBeLessThan(INTERVAL_MS);
  });

  it('each submit their own build where both have one of the same key', async () => {
    const account = new Account();
    const routes = [{ ...ROUTE, projectId: '5f0000000000000000000009' }];
    const other = synthesized({ ...STUDIO, stackName: 'Staging', routes, ledgerTableName: TABLE });
    const [one, two] = [workerOf(first, account), workerOf(other, account)];
    await one.announce('builds/1.zip', 'bucket-of-stack-0');
    await two.announce('builds/1.zip', 'bucket-of-stack-1');
    expect([one.world.calls.length, two.world.calls.length]).toEqual([1, 1]);
    expect(two.world.calls[0]?.request.route.projectId).toBe(routes[0]?.projectId);
  });
});
