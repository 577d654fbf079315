import { DeleteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, it, vi } from 'vitest';
import { buildItemKey } from '../../functions/adapters/ledger-table.ts';
import type { DroppedBuild } from '../../local/start/embedded-stack.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import type { Behaviour } from '../../local/streampixel/streampixel-stand-in.ts';
import { routesFor, useOperatedStack, WRONG_KEY } from './operated-stack.ts';
import { EVENTUALLY, PATIENCE, startTool, tool, toolJson } from './tool.ts';

const ROUTES = routesFor('submit', 'redrive', 'doctor');
const use = useOperatedStack(ROUTES);
vi.setConfig(PATIENCE);
/** The id of the project has a typing error. */
const NO_PROJECT: Behaviour = { kind: 'answer', status: 404, body: { message: 'Project not found' } };

describe('submit', () => {
  const address = (key: string) => `s3://${use().stack.bucket}/${key}`;

  it('leaves what was accepted, and submits what was dead-lettered or is unknown', async () => {
    // Prepare
    const zip = await makeSampleBuild();
    const accepted = await use().stack.drop(zip, 'submit/accepted.zip');
    await use().seen(accepted, 'submitted');
    const forgotten = await use().stack.drop(zip, 'submit/forgotten.zip');
    await use().seen(forgotten, 'submitted');
    const dynamoDb = new DynamoDBClient(use().client);
    const Key = { pk: { S: buildItemKey(forgotten.build) } };
    await dynamoDb.send(new DeleteItemCommand({ TableName: use().stack.environment.ledgerTable, Key }));
    dynamoDb.destroy();
    use().standIn.script(NO_PROJECT);
    const stopped = await use().stack.drop(zip, 'submit/stopped.zip');
    await use().seen(stopped, 'dead-lettered');

    // Act
    const dry = await toolJson(use().stack.port, ['submit', '--prefix', 'submit/']);
    const { code, data } = await toolJson(use().stack.port, ['submit', '--prefix', 'submit/', '--yes']);

    // Assess
    const plan = [
      { build: accepted.build, submit: false },
      { build: forgotten.build, submit: true },
      { build: stopped.build, submit: true },
    ];
    expect(dry.data).toMatchObject({ dryRun: true, sent: 0, builds: plan });
    expect({ code, data }).toMatchObject({ code: 0, data: { sent: 2, settled: 1, builds: plan } });
    await use().seen(stopped, 'submitted');
    expect(
      use()
        .stack.deadLetters()
        .filter(({ body }) => body.includes('submit/stopped.zip')),
    ).toEqual([]);
    await vi.waitFor(() => expect(submissionsOf(forgotten)).toBe(2), EVENTUALLY);
    expect(submissionsOf(accepted)).toBe(1);
  });

  it('submits again what was accepted, where a person asks for it', async () => {
    const build = await use().stack.drop(await makeSampleBuild(), 'submit/once-more.zip');
    // While webhooks about it are processed, the worker may find the build in use, and waits for a minute.
    await use().seen(build, 'approved');
    const { data } = await toolJson(use().stack.port, ['submit', address('submit/once-more.zip'), '--again', '--yes']);
    expect(data).toMatchObject({ sent: 1, builds: [{ build: build.build, submit: true }] });
    await vi.waitFor(() => expect(submissionsOf(build)).toBe(2), EVENTUALLY);
  });

  const submissionsOf = ({ build }: DroppedBuild) =>
    use().stack.events.filter((event) => event.event === 'submitted' && event.build === build).length;

  it('takes objects of the drop bucket only', async () => {
    const runs = await Promise.all([
      tool(use().stack.port, ['submit', 's3://elsewhere/game.zip']),
      tool(use().stack.port, ['submit', address('submit/nothing.zip')]),
      tool(use().stack.port, ['submit']),
    ]);
    expect(runs.map(({ code }) => code)).toEqual([2, 1, 2]);
  });
});

describe('dlq redrive', () => {
  it('killed and run again, submits every build of a corrected project, and each once', async () => {
    // Prepare
    const zip = await makeSampleBuild();
    use().standIn.script(...Array.from({ length: 5 }, () => NO_PROJECT));
    const dropped = await Promise.all([1, 2, 3, 4, 5].map((n) => use().stack.drop(zip, `redrive/${n}.zip`)));
    await Promise.all(dropped.map((build) => use().seen(build, 'dead-lettered')));
    const project = ROUTES.find(({ prefix }) => prefix === 'redrive/')?.projectId ?? '';
    const args = ['dlq', 'redrive', '--reason', 'ProjectNotFound', '--project', project, '--yes'];

    // Act
    const killed = startTool(use().stack.port, args);
    await use().stack.seen(({ build, event, time }) => event === 'submitted' && isOurs(build) && time > '');
    killed.process.kill('SIGKILL');
    await killed.ended;
    const again = await toolJson(use().stack.port, args);

    // Assess
    expect(again.code).toBe(0);
    await Promise.all(dropped.map((build) => use().seen(build, 'submitted')));
    await vi.waitFor(
      () =>
        expect(
          use()
            .stack.deadLetters()
            .filter(({ body }) => body.includes('redrive/')),
        ).toEqual([]),
      EVENTUALLY,
    );
    const submitted = use().stack.events.filter(({ build, event }) => event === 'submitted' && isOurs(build));
    expect(submitted.map(({ build }) => build).sort()).toEqual(dropped.map(({ build }) => build).sort());

    function isOurs(build: string | undefined): boolean {
      return dropped.some((each) => each.build === build);
    }
  });
});

describe('doctor', () => {
  it('finds everything in order, and a key that is refused', async () => {
    const good = await toolJson(use().stack.port, ['doctor']);
    await tool(use().stack.port, ['key', 'set', '--parameter', '/drop/doctor', '--force'], WRONG_KEY);
    const bad = await tool(use().stack.port, ['doctor']);
    expect(good.code).toBe(0);
    expect(good.data.findings).toContainEqual({ check: 'Project', status: 'ok', text: ROUTES[0]?.projectId });
    expect(good.data.findings.filter(({ status }: { status: string }) => status === 'fail')).toEqual([]);
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(
      /FAIL {2}User.*rejected as InvalidApiKey.*\n.*-> npx --no streampixel-drop key set --parameter \/drop\/doctor/,
    );
  });
});
