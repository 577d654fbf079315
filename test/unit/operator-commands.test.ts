import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { REASONS, type Reason } from '../../functions/domain/model/reasons.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { aBuild } from '../support/world.ts';

const COMMANDS = operatorCommands({ stack: 'Second', region: 'eu-central-1' });
const FLAGS = ['--stack', 'Second', '--region', 'eu-central-1'];
const REASON_CODES = Object.keys(REASONS) as Reason[];
const build = (key: string) => aBuild({ key });

/** The words that sh makes of a command, without those that start the tool. */
function inSh(command: string): string[] {
  const words = execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' })
    .trimEnd()
    .split('\n');
  expect(words.slice(0, 3)).toEqual(['npx', '--no', 'streampixel-drop']);
  return words.slice(3);
}

describe('a command', () => {
  it('names the stack, the region and the drop, or the port of the embedded stack', () => {
    expect(COMMANDS.doctor()).toBe('npx --no streampixel-drop doctor --stack Second --region eu-central-1');
    expect(operatorCommands({ stack: 'Studio', region: 'eu-central-1', drop: 'Builds' }).doctor()).toBe(
      'npx --no streampixel-drop doctor --stack Studio --region eu-central-1 --drop Builds',
    );
    expect(operatorCommands({ local: 4567 }).doctor()).toBe('npx --no streampixel-drop doctor --local 4567');
    expect(operatorCommands({}).doctor()).toBe('npx --no streampixel-drop doctor');
  });

  it('deploys that stack, from where its settings are', () => {
    const deployed = (...args: Parameters<typeof operatorCommands>) => {
      const { deploy, settingsPlace } = operatorCommands(...args);
      return [settingsPlace(), deploy()];
    };
    expect(deployed({})).toEqual(['streampixel-drop.json', 'npx cdk deploy']);
    expect(deployed({ stack: 'Second', region: 'eu-central-1' }, 'our files/second.json')).toEqual([
      'our files/second.json',
      'npx cdk deploy Second -c "settings=our files/second.json"',
    ]);
    expect(deployed({ settings: 'second.json' })).toEqual(['second.json', 'npx cdk deploy -c settings=second.json']);
    // Of an app that only its studio knows.
    expect(deployed({ stack: 'Studio', drop: 'Builds' })).toEqual([
      'the props of StreampixelDrop',
      'npx cdk deploy in your own CDK app',
    ]);
    expect(deployed({ local: 4567 })).toEqual(['streampixel-drop.json', 'npm start does it when the file is saved']);
  });

  it('names one build by its id', () => {
    expect(inSh(COMMANDS.status(build('Game.zip')))).toEqual(['status', 'drop/Game.zip@v1', ...FLAGS]);
    expect(inSh(COMMANDS.release(build('Game.zip'), 'upload-1'))).toEqual([
      ...['release', 'drop/Game.zip@v1', '--upload-id', 'upload-1', '--yes'],
      ...FLAGS,
    ]);
  });

  it.each(['My Game (1).zip', "it's.zip", 'a;b#c~*?[x]{y}.zip', 'Ünreal 🎮.zip', 'a,b.zip', '~a (b).zip'])(
    'quotes a key so that sh, PowerShell and cmd take it as it is: %s',
    (key) => {
      const command = COMMANDS.status(build(key));
      expect(command).toContain(` "drop/${key}@v1" `);
      expect(inSh(command)).toEqual(['status', `drop/${key}@v1`, ...FLAGS]);
    },
  );

  it.each([
    '$(touch owned).zip',
    '`id`;id.zip',
    '&& id #.zip',
    'a|b.zip',
    'a<b>c.zip',
    'a^b.zip',
    '%PATH%.zip',
    'wow!.zip',
    '"quoted".zip',
    '\u201cquoted\u201d.zip',
    'back\\slash.zip',
    'a\u202eb.zip',
    'a\nb.zip',
    'a\u2028b.zip',
  ])('names a build by its version where a shell could take part of its key for something else: %j', (key) => {
    expect(inSh(COMMANDS.status(build(key)))).toEqual(['status', 'v1', ...FLAGS]);
    expect(COMMANDS.submitAgain(build(key))).not.toContain(key);
  });

  it('names a build of a bucket without versions by its sequencer', () => {
    const { versionId: _, ...unversioned } = aBuild({ key: '%a%.zip', sequencer: '0055AED6DCD90281E5' });
    expect(inSh(COMMANDS.status(unversioned))).toEqual(['status', '0055AED6DCD90281E5', ...FLAGS]);
  });

  it.each(['$(touch owned)', "it's `id`", '-v1 $HOME'])(
    'runs nothing that is in a name without a version: %s',
    (key) => {
      const { versionId: _v, sequencer: _s, eTag: _e, ...bare } = build(key);
      expect(inSh(COMMANDS.status(bare))).toEqual(['status', `drop/${key}@unversioned`, ...FLAGS]);
    },
  );

  it('gives no shell a version that looks like an option', () => {
    const words = inSh(COMMANDS.status(aBuild({ key: '$a.zip', versionId: '--all' })));
    expect(words).toEqual(['status', 'drop/$a.zip@--all', ...FLAGS]);
  });
});

describe('the command after a reason', () => {
  it.each(REASON_CODES)('of %s never discards what a redrive could bring through', (reason) => {
    const command = COMMANDS.after(reason, { of: 'drop/Game.zip@v1' });
    // A remedy that ends in discarding is the only one that may.
    expect(/dlq discard/.test(command)).toBe(/discard/.test(REASONS[reason].remedy));
  });

  it.each(REASON_CODES)('of %s acts on one build where it speaks of one', (reason) => {
    const command = COMMANDS.after(reason, { of: 'drop/Game.zip@v1' });
    expect(command).not.toContain('--reason');
    if (!command.includes('key set')) expect(command).toContain(' drop/Game.zip@v1 --yes ');
  });

  it.each(['InvalidApiKey', 'ApiKeyMissing'] as const)(
    'of %s is to store a key: the redrive follows by itself',
    (reason) => {
      const words = inSh(COMMANDS.after(reason, { reasons: [reason] }, '/studio/api-key'));
      expect(words).toEqual(['key', 'set', '--parameter', '/studio/api-key', ...FLAGS]);
    },
  );

  it('keeps the filters of the list that it is under', () => {
    const choice = { reasons: ['NoRoute'], filters: ['--project', 'p1'] };
    expect(inSh(COMMANDS.after('NoRoute', choice))).toEqual([
      ...['dlq', 'redrive', '--reason', 'NoRoute', '--project', 'p1', '--yes'],
      ...FLAGS,
    ]);
  });
});
