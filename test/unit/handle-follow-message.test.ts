import { describe, expect, it } from 'vitest';
import { atVendor, FollowWorld } from '../support/follow-world.ts';
import { ROUTE, START } from '../support/world.ts';

describe('a message of the follow queue', () => {
  it('from the dashboard’s test shows that the webhook is set up', async () => {
    const world = new FollowWorld();
    const message = { kind: 'webhook-test', projectId: ROUTE.projectId, receivedAt: START } as const;
    expect(await world.handle(message)).toEqual({ kind: 'done' });
    expect(await world.ledger.webhookOf(ROUTE.projectId)).toEqual({ testedAt: START });
  });

  it.each([
    ['a test', { kind: 'webhook-test', projectId: 'f'.repeat(24), receivedAt: START }],
    [
      'a build of no upload of ours',
      { kind: 'webhook', notice: { projectId: 'f'.repeat(24), uploadId: 'x', at: START }, receivedAt: START },
    ],
  ] as const)('leaves no trace of a project that the settings do not name: %s', async (_, message) => {
    const world = new FollowWorld();
    expect(await world.handle(message, { receiveCount: 4 })).toEqual({ kind: 'done' });
    expect(await world.ledger.webhookOf('f'.repeat(24))).toEqual({});
  });

  it('about a build of a project that has left the settings counts: the build ends as it was submitted', async () => {
    const world = new FollowWorld();
    await world.given(atVendor());
    world.settings = { ...world.settings, routes: [{ ...ROUTE, projectId: 'f'.repeat(24) }] };
    const notice = { projectId: ROUTE.projectId, uploadId: 'upload-1', stage: 'approved', at: START } as const;
    expect(await world.handle({ kind: 'webhook', notice, receivedAt: START })).toEqual({ kind: 'done' });
    expect(world.entry().state).toBe('approved');
  });

  it('names its build in each line of its log', async () => {
    const world = new FollowWorld();
    await world.given(atVendor());
    const contexts: unknown[] = [];
    const { log } = world.ports;
    const within: typeof log.within = (fields, work) => {
      contexts.push(fields);
      return log.within(fields, work);
    };
    Object.assign(world.ports, { log: { ...log, within } });
    await world.handle({ kind: 'watch', build: 'drop/a.zip@v1', uploadId: 'upload-1' });
    const notice = { projectId: ROUTE.projectId, uploadId: 'upload-1', stage: 'approved', at: START } as const;
    await world.handle({ kind: 'webhook', notice, receivedAt: START });
    expect(contexts.filter((fields) => 'build' in (fields as object))).toEqual([
      { build: 'drop/a.zip@v1' },
      { build: 'drop/a.zip@v1' },
    ]);
  });

  it.each([
    '',
    'null',
    '[]',
    '{"kind":"other"}',
    '{"kind":"watch","build":7,"uploadId":"u"}',
    '{"kind":"webhook","notice":{"projectId":"p","at":-1},"receivedAt":1}',
    '{"kind":"webhook","notice":{"projectId":"p","at":1,"stage":"constructor"},"receivedAt":1}',
    '{"kind":"release","build":"b","uploadId":"u","requestId":"r","by":"robot","requestedAt":1}',
    '{"source":"streampixel-drop","detail-type":"Build Skipped","detail":{"uploadId":"u","build":{"id":"b"}}}',
    '{"source":"foreign","detail-type":"Build Submitted","detail":{"uploadId":"u","build":{"id":"b"}}}',
  ])('that is not one of these kinds stays for the dead-letter queue, and is not quoted: %s', async (body) => {
    await expect(new FollowWorld().handle(body)).rejects.toThrow(/^The message is not one of the follow queue\.$/);
  });
});
