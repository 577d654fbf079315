import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEAD_LETTER_ATTRIBUTES } from '../../functions/domain/model/message-attributes.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { type DroppedBuild, type EmbeddedStack, startEmbeddedStack } from '../../local/start/embedded-stack.ts';
import type { LocalEvent } from '../../local/start/events.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { eventually } from './eventually.ts';

/** Ten users: thirty builds have their slots in a few seconds. */
const LANES = Array.from({ length: 10 }, (_, index) => `lane-${index}`);
const ROUTES: readonly Route[] = LANES.map((name, index) => ({
  prefix: `${name}/`,
  userId: `${index + 1}`.padStart(24, '0'),
  projectId: `${index + 1}`.padStart(24, 'a'),
  autoRelease: false,
  apiKeyParameter: '/drop/key',
}));
const WRONG_PROJECT = 'f'.repeat(24);

let stack: EmbeddedStack;
let sqs: SQSClient;

beforeAll(async () => {
  stack = await startEmbeddedStack({ settings: { routes: ROUTES, intervalSeconds: 1 } });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  sqs = new SQSClient({ endpoint: stack.endpoint, region: 'us-east-1', credentials });
});
afterAll(async () => {
  sqs.destroy();
  await stack.stop();
});

const seen = (build: DroppedBuild, event: LocalEvent['event']) =>
  stack.seen((each) => each.build === build.build && each.event === event);
const count = (build: DroppedBuild, event: LocalEvent['event']) =>
  stack.events.filter((each) => each.build === build.build && each.event === event).length;

async function drained(queueUrl: string): Promise<void> {
  const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] });
  const empty = { ApproximateNumberOfMessages: '0', ApproximateNumberOfMessagesNotVisible: '0' };
  await eventually(async () => expect((await sqs.send(command)).Attributes).toMatchObject(empty));
}

describe('a route with the wrong project', () => {
  const builds: DroppedBuild[] = [];

  beforeAll(async () => {
    await stack.deploy({ routes: ROUTES.map((route) => ({ ...route, projectId: WRONG_PROJECT })) });
    const zip = await makeSampleBuild();
    for (const n of [1, 2, 3]) {
      builds.push(...(await Promise.all(LANES.map((lane) => stack.drop(zip, `${lane}/${n}.zip`)))));
    }
    await Promise.all(builds.map((build) => seen(build, 'dead-lettered')));
  });

  it('sends an alert for each of its builds, with the command that helps once the setting is fixed', async () => {
    for (const build of builds) {
      const alerts = () =>
        stack.events.filter(({ event, build: id, alarm }) => event === 'alert' && id === build.build && !alarm);
      await eventually(() =>
        expect(alerts()).toMatchObject([
          {
            reason: 'ProjectNotFound',
            message: expect.stringContaining(`dlq redrive ${build.build} --yes --local `),
          },
        ]),
      );
    }
    const reasons = stack.deadLetters().map(({ attributes }) => attributes[DEAD_LETTER_ATTRIBUTES.reason]);
    expect(reasons).toEqual(Array(30).fill('ProjectNotFound'));
  });

  it('loses and doubles nothing when a redrive is killed halfway and started again', async () => {
    await stack.deploy();
    async function redrive(dieIn: number): Promise<[NodeJS.Signals | null, string]> {
      const program = fileURLToPath(new URL('redrive-process.ts', import.meta.url));
      const { deadLettersUrl, buildsUrl } = stack.queues;
      const args = [program, stack.endpoint, deadLettersUrl, buildsUrl, `${dieIn}`];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const [output, [, signal]] = await Promise.all([text(child.stdout), once(child, 'close')]);
      return [signal, output];
    }

    expect(await redrive(2)).toEqual(['SIGKILL', '']);
    // Ten are moved, ten are in both queues and ten in this one. The killed process has hidden them for a while.
    await eventually(() => expect(stack.deadLetters()).toHaveLength(20));
    expect(await redrive(0)).toEqual([null, '{"moved":20,"left":0}']);

    await Promise.all(builds.map((build) => seen(build, 'submitted')));
    await drained(stack.queues.buildsUrl);
    await drained(stack.queues.deadLettersUrl);
    expect(builds.map((build) => count(build, 'submitted'))).toEqual(Array(30).fill(1));
    const uploads = stack.standIn?.requests.map(({ body }) => JSON.parse(body)) ?? [];
    const corrected = uploads.filter(({ projectId }) => projectId !== WRONG_PROJECT);
    expect(new Set(corrected.map(({ fileUrl }) => new URL(fileUrl).pathname)).size).toBe(30);
    expect(corrected).toHaveLength(30);
  });
});
