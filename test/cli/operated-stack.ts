import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll } from 'vitest';
import { createDynamoDbLedger } from '../../functions/adapters/dynamodb-ledger.ts';
import { openTable } from '../../functions/adapters/dynamodb-table.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { type DroppedBuild, type EmbeddedStack, startEmbeddedStack } from '../../local/start/embedded-stack.ts';
import type { LocalEvent } from '../../local/start/events.ts';
import type { StandIn } from '../../local/streampixel/streampixel-stand-in.ts';
import { PATIENCE } from './tool.ts';

export const KEY = 'c4nary-right-key';
export const WRONG_KEY = 'c4nary-wrong-key';

/** A route for each name, with its own user, rate-limit lane and API key. A person releases what is approved. */
export function routesFor(...names: string[]): Route[] {
  return names.map((name, index) => ({
    prefix: `${name}/`,
    userId: `${index + 1}`.padStart(24, '0'),
    projectId: `${index + 1}`.padStart(24, 'a'),
    autoRelease: false,
    apiKeyParameter: `/drop/${name}`,
  }));
}

/** An embedded stack for the tests of a file, and a directory for what they push. */
export interface OperatedStack {
  readonly stack: EmbeddedStack;
  readonly standIn: StandIn;
  readonly directory: string;
  /** How AWS clients get there. */
  readonly client: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: typeof LOCAL_CREDENTIALS;
  };
  /** The first event of the build by one of these names, past or to come. */
  seen(build: Pick<DroppedBuild, 'build'>, ...names: LocalEvent['event'][]): Promise<LocalEvent>;
}

/** How long the stand-in takes for each stage of a build, in ms: long enough to see each one. */
const STAGE_MS = 300;

/**
 * Starts a stack for the tests of a file.
 *
 * @param tested routes for which Streampixel has sent a test webhook before: their builds need not wait for the first one
 * @returns the stack, once the tests run
 */
export function useOperatedStack(routes: readonly Route[], tested = routes): () => OperatedStack {
  let operated: OperatedStack | undefined;
  beforeAll(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'streampixel-drop-test-'));
    const settings = { routes: [...routes], intervalSeconds: 1 };
    const stack = await startEmbeddedStack({ settings, apiKey: KEY, stageMs: STAGE_MS });
    if (stack.standIn === undefined) throw new Error('no stand-in');
    const client = { endpoint: stack.endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS };
    operated = {
      stack,
      standIn: stack.standIn,
      directory,
      client,
      seen: ({ build }, ...names) => stack.seen((event) => event.build === build && names.includes(event.event)),
    };
    const dynamoDb = new DynamoDBClient(client);
    const ledger = createDynamoDbLedger(openTable(dynamoDb, stack.environment.ledgerTable));
    for (const { projectId } of tested) await ledger.noteWebhook(projectId, 'testedAt', Date.now());
    dynamoDb.destroy();
  }, PATIENCE.hookTimeout);
  afterAll(async () => {
    await operated?.stack.stop();
    if (operated !== undefined) await rm(operated.directory, { recursive: true });
  }, PATIENCE.hookTimeout);
  return () => {
    if (operated === undefined) throw new Error('the stack has not started');
    return operated;
  };
}
