import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type EmbeddedStack, startEmbeddedStack } from '../../local/start/embedded-stack.ts';
import { EVENTUALLY, PATIENCE } from './tool.ts';

vi.setConfig(PATIENCE);
const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const NO_ZIP = Buffer.from('Not a zip, whatever its name says.');

let stacks: readonly [EmbeddedStack, EmbeddedStack];
beforeAll(async () => {
  const start = (stackName: string) => startEmbeddedStack({ settings: { stackName, intervalSeconds: 1 } });
  stacks = [await start('First'), await start('Second')];
}, PATIENCE.hookTimeout);
afterAll(async () => {
  await Promise.all(stacks.map((stack) => stack.stop()));
}, PATIENCE.hookTimeout);

/** Runs a printed command as a shell does, with the tool of this clone in place of `npx --no streampixel-drop`. */
async function run(command: string): Promise<string> {
  const words = command.replace('npx --no streampixel-drop', `'${process.execPath}' '${MAIN}'`);
  expect(words).not.toBe(command);
  const { stdout } = await promisify(execFile)('sh', ['-c', words]);
  return stdout;
}

/** The command in the alert about a build. */
async function commandIn(stack: EmbeddedStack, build: string): Promise<string> {
  const { message = '' } = await stack.seen(
    (event) => event.event === 'alert' && event.build === build && event.alarm === undefined,
  );
  return /^Then run +(.*)$/m.exec(message)?.[1] ?? '';
}

const deadLettersOf = (stack: EmbeddedStack) => stack.deadLetters().map(({ attributes }) => attributes.Build);

it('the command in an alert acts on its own stack and build, beside another stack with dead letters of the same reason', async () => {
  const [first, second] = stacks;
  const key = `${first.environment.routes[0]?.prefix ?? ''}My Game (1).zip`;
  const ofFirst = await first.drop(NO_ZIP, key);
  const ofSecond = await second.drop(NO_ZIP, key);
  const stays = await second.drop(NO_ZIP, `${second.environment.routes[0]?.prefix ?? ''}stays.zip`);
  const command = await commandIn(second, ofSecond.build);
  await commandIn(first, ofFirst.build);
  await commandIn(second, stays.build);

  await run(command);

  expect(command).toMatch(/^npx --no streampixel-drop dlq discard .* --yes --local \d+$/);
  await vi.waitFor(() => expect(deadLettersOf(second)).toEqual([stays.build]), EVENTUALLY);
  expect(deadLettersOf(first)).toEqual([ofFirst.build]);
});
