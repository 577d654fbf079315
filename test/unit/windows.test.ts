import { open } from 'node:fs/promises';
import { win32 } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { keyIn } from '../../cli/actions/store-key.ts';
import { targetOf } from '../../cli/stack/stack.ts';
import { keyFor } from '../../cli/upload/upload-key.ts';
import { nameOf } from '../../cli/upload/upload-source.ts';
import { inspectBuild, judgeZipFile } from '../../cli/upload/zip-file.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { settingsPath, textOf } from '../../infra/settings/settings-file.ts';
import { copyCommand, withVariables } from '../../local/start/session.ts';
import { ROUTE } from '../support/world.ts';

vi.mock('node:fs/promises', { spy: true });

describe('paths of Windows', () => {
  it.each([
    ['C:\\Builds\\MyGame.zip', 'MyGame.zip'],
    ['C:\\Builds\\Windows', 'Windows'],
    ['C:\\Builds\\Windows\\', 'Windows'],
    ['C:/Builds/Windows/', 'Windows'],
    ['\\\\server\\share\\My Game\\Windows\\', 'Windows'],
    ['\\\\?\\C:\\Builds\\MyGame.zip', 'MyGame.zip'],
    ['..\\Builds\\MyGame.zip', 'MyGame.zip'],
    ['D:MyGame.zip', 'MyGame.zip'],
  ])('name a build by their last part: %s', (path, name) => {
    expect(nameOf(path, win32)).toBe(name);
  });

  it('are one name: cmd and PowerShell leave wildcards to the program', async () => {
    await expect(inspectBuild('Builds\\*.zip')).rejects.toMatchObject({ remedy: expect.stringContaining('wildcards') });
  });

  it.each([
    ['C:\\studio\\staging.json', 'C:\\studio\\staging.json'],
    ['..\\staging.json', 'C:\\game\\staging.json'],
    ['\\\\server\\share\\staging.json', '\\\\server\\share\\staging.json'],
  ])('name a file of settings: %s', (file, path) => {
    expect(settingsPath({ directory: 'C:\\game\\drop', file }, win32.resolve)).toBe(path);
  });

  it('are printed with slashes, which each shell takes without quotes', () => {
    const target = targetOf({ settings: 'C:\\studio\\staging.json' }, win32.sep);
    expect(operatorCommands(target).status()).toBe(
      'npx --no streampixel-drop status --settings C:/studio/staging.json',
    );
    const withSpace = targetOf({ settings: '\\\\server\\our share\\staging.json' }, win32.sep);
    expect(operatorCommands(withSpace).status()).toMatch(/ --settings "\/\/server\/our share\/staging\.json"$/);
  });
});

it('a zip that another program has open is said to be so', async () => {
  vi.mocked(open).mockRejectedValueOnce(Object.assign(new Error('EBUSY: resource busy or locked'), { code: 'EBUSY' }));
  await expect(judgeZipFile('C:\\Builds\\MyGame.zip')).rejects.toMatchObject({
    code: 'Unreadable',
    message: 'C:\\Builds\\MyGame.zip cannot be read: EBUSY',
    remedy: expect.stringContaining('no other program'),
  });
});

describe('a key in the bucket', () => {
  const settings = {
    prefix: '',
    routes: [
      { ...ROUTE, prefix: '' },
      { ...ROUTE, prefix: 'games/my racer/' },
    ],
  };

  it('is refused with a backslash, and the one with slashes is named', () => {
    expect(() => keyFor(settings, 'a.zip', { key: 'games\\my racer\\a.zip' })).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('games/my racer/a.zip') }),
    );
  });

  it('is asked for in words that each shell takes: no single quotes, which cmd does not know, and no empty word', () => {
    expect(() => keyFor(settings, 'a.zip', {})).toThrow(
      expect.objectContaining({
        remedy: expect.stringMatching(/^Add one of: --route="".* --route "games\/my racer\/"\.$/),
      }),
    );
  });
});

describe('a key from stdin', () => {
  const read = (bytes: Uint8Array) => keyIn(textOf(bytes) ?? '\0').reveal();
  const utf16 = (text: string) => Buffer.from(text, 'utf16le');

  it.each([
    ['echo key| of cmd', Buffer.from('sk-1\r\n')],
    ['echo key | of cmd', Buffer.from('sk-1 \r\n')],
    ['a file of Notepad', Buffer.from('\ufeffsk-1\r\n')],
    ['a file that PowerShell 5.1 wrote with >', utf16('\ufeffsk-1\r\n')],
  ])('is read from %s', (_, bytes) => {
    expect(read(bytes)).toBe('sk-1');
  });

  it.each([
    ['UTF-16 without its mark', utf16('sk-1\r\n')],
    ['an old code page', Buffer.from([0x73, 0x6b, 0xe4])],
    ['quotes of a word processor', Buffer.from('“sk-1”')],
    ['two words', Buffer.from('sk 1')],
    ['nothing', Buffer.from('\r\n')],
  ])('is refused as %s, without being shown', (_, bytes) => {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('sk') }));
  });
});

describe('hints of npm start', () => {
  it.each(['win32', 'linux', 'darwin'] as const)('are for the shells of %s', (platform) => {
    const lines = withVariables({ AWS_REGION: 'us-east-1', AWS_X: 'y' }, 'aws s3 ls', platform);
    const copy = copyCommand('a.zip', platform === 'win32' ? '.local\\1\\drop' : '.local/1/drop', platform);
    expect([copy, ...lines]).toEqual(
      platform === 'win32'
        ? ['copy a.zip ".local\\1\\drop"', "$env:AWS_REGION='us-east-1'; $env:AWS_X='y'", 'aws s3 ls']
        : ['cp a.zip .local/1/drop/', 'AWS_REGION=us-east-1 AWS_X=y \\', '  aws s3 ls'],
    );
  });
});
