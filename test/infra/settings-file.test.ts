import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, win32 } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { appSettings } from '../../infra/settings/app-settings.ts';
import { SettingsError } from '../../infra/settings/read.ts';
import { SAMPLE_ROUTES } from '../../infra/settings/sample.ts';
import { readSettingsFile, settingsPath } from '../../infra/settings/settings-file.ts';

const ROUTE = { ...SAMPLE_ROUTES[0], userId: '5'.repeat(24), projectId: '6'.repeat(24) };
const FILE = 'streampixel-drop.json';

const made: string[] = [];
afterAll(() => Promise.all(made.map((each) => rm(each, { recursive: true }))));

/** A directory with these files: objects as JSON, the rest as it is. */
function directoryWith(files: Readonly<Record<string, string | Uint8Array | object>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'streampixel-drop-settings-'));
  made.push(directory);
  for (const [name, content] of Object.entries(files)) {
    const isRaw = typeof content === 'string' || content instanceof Uint8Array;
    writeFileSync(join(directory, name), isRaw ? content : JSON.stringify(content));
  }
  return directory;
}
const EMPTY = directoryWith({});

/** What the app reads in a directory, where the CDK CLI hands over this context. */
const read = (directory: string, context: Record<string, unknown> = {}, home = EMPTY) =>
  appSettings(context, directory, home);

function problemsOf(...args: Parameters<typeof read>): readonly string[] {
  try {
    read(...args);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('the file of settings', () => {
  it('is the one beside cdk.json, with what -c sets on top', () => {
    const directory = directoryWith({
      [FILE]: { $schema: './x.json', routes: [ROUTE], maxAttempts: 3, dashboard: false },
    });
    const { settings } = read(directory, { maxAttempts: '4', alertEmails: '["a@studio.example"]' });
    expect(settings).toMatchObject({
      routes: [ROUTE],
      maxAttempts: 4,
      dashboard: false,
      alertEmails: ['a@studio.example'],
    });
    expect(read(directory, { routes: JSON.stringify([{ ...ROUTE, prefix: 'a/' }]) }).settings.routes).toEqual([
      { ...ROUTE, prefix: 'a/' },
    ]);
  });

  it('may have more routes than anyone needs', () => {
    // By the square of its length, this would take an hour.
    const directory = directoryWith({ [FILE]: { routes: Array.from({ length: 30_000 }, () => ROUTE) } });
    expect(readSettingsFile({ directory })?.problems).toEqual([]);
  });

  it('has single settings unset by -c', () => {
    const directory = directoryWith({
      [FILE]: { routes: [ROUTE], bucketName: 'builds', alertEmails: ['a@studio.example'] },
    });
    const { settings } = read(directory, { bucketName: '', alertEmails: '' });
    expect([settings.bucketName, settings.alertEmails]).toEqual([undefined, []]);
  });

  it('is another one where -c settings names it, relative to the directory or absolute', () => {
    const directory = directoryWith({ [FILE]: '{', 'staging.json': { routes: [ROUTE], stackName: 'Staging' } });
    for (const settings of ['staging.json', './staging.json', join(directory, 'staging.json')]) {
      expect(read(directory, { settings }).settings.stackName).toBe('Staging');
    }
    expect(read(directoryWith({ [FILE]: { routes: [ROUTE] } }), { settings: '' }).settings.routes).toEqual([ROUTE]);
  });

  it.each([
    ['C:\\studio\\game', 'config\\staging.json', 'C:\\studio\\game\\config\\staging.json'],
    ['C:\\studio\\game', 'D:\\staging.json', 'D:\\staging.json'],
    ['C:\\studio\\game', '../staging.json', 'C:\\studio\\staging.json'],
    ['C:\\studio\\game', undefined, 'C:\\studio\\game\\streampixel-drop.json'],
  ])('is found on Windows: in %s, %s is %s', (directory, file, path) => {
    expect(settingsPath({ directory, file }, win32.resolve)).toBe(path);
  });

  it('is replaced by the sample where there is none, unless it was named', () => {
    expect(read(EMPTY).settings.routes).toEqual(SAMPLE_ROUTES);
    expect(read(EMPTY, { routes: [ROUTE] }).settings.routes).toEqual([ROUTE]);
    expect(problemsOf(EMPTY, { settings: 'staging.json' })).toEqual([
      `staging.json: there is no such file (${join(EMPTY, 'staging.json')})`,
    ]);
  });

  // Links need a right of their own on Windows.
  it.skipIf(process.platform === 'win32')('may be a link, and one that leads to nothing is no missing file', () => {
    const directory = directoryWith({ 'shared.json': { routes: [ROUTE] } });
    symlinkSync('shared.json', join(directory, FILE));
    expect(read(directory).settings.routes).toEqual([ROUTE]);
    const moved = directoryWith({});
    symlinkSync('shared.json', join(moved, FILE));
    expect(problemsOf(moved)).toEqual([`${FILE}: is a link to a file that does not exist`]);
  });

  it.each([
    ['a byte order mark', '\ufeff{"routes": []}'],
    ['CRLF', '{\r\n"routes": []\r\n}\r\n'],
    ['UTF-16', Buffer.from('\ufeff{"routes": []}', 'utf16le')],
  ])('may have %s', (_, content) => {
    expect(readSettingsFile({ directory: directoryWith({ [FILE]: content }) })).toMatchObject({
      values: { routes: [] },
      problems: [],
    });
  });

  it.each([
    ['a trailing comma', '{\n  "routes": [],\n}', 'line 2, column 15: JSON has no comma before }'],
    ['a comment', '{\r\n  // ids\r\n}', 'line 2, column 3: JSON has no comments'],
    ['a comment behind a value', '{"prefix": "" # all\n}', 'line 1, column 15: JSON has no comments'],
    ['a missing comma', '{"prefix": ""\n "dashboard": true}', 'line 2, column 2: a comma or } is missing before this'],
    ['single quotes', "{'prefix': ''}", 'line 1, column 2: a name in double quotes is expected here'],
    ['a single quoted value', `{"prefix": ''}`, 'line 1, column 12: text needs double quotes'],
    ['a value without quotes', '{"prefix": builds/}', 'line 1, column 12: this is no JSON: text needs double quotes'],
    ['a value that is missing', '{"prefix": }', 'line 1, column 12: a value is missing before this'],
    ['a missing colon', '{"prefix" ""}', 'line 1, column 11: a colon is missing after "prefix"'],
    ['text that goes on', '{"prefix": "a\n"}', 'line 1, column 12: this text has no closing "'],
    ['an end too early', '{"routes": [', 'line 1, column 13: the text ends here, and a value is missing'],
    ['a bracket that stays open', '{"routes": [1', 'the bracket of line 1, column 12 is still open'],
    ['a rest', '{} {}', 'line 1, column 4: the JSON ends before this'],
    [
      'a name twice',
      '{"prefix": "a",\n "prefix": "b"}',
      'line 2, column 2: prefix is here for the second time (line 1, column 2)',
    ],
    ['no object', '[]', 'must be an object with settings'],
    ['nothing', ' \n', 'is empty'],
    ['no text', Buffer.from([0x7b, 0xc3, 0x28]), 'is no text in UTF-8'],
  ])('says of %s where it is and what to do', (_, content, message) => {
    const problems = problemsOf(directoryWith({ [FILE]: content }));
    expect(problems).toEqual([expect.stringContaining(message)]);
    expect(problems[0]).toMatch(/^streampixel-drop\.json: /);
  });

  it('reads what JSON.parse reads', () => {
    const content = String.raw`{"prefix": "\u0061\n\"", "maxAttempts": -1.5e3, "dashboard": true, "x": [null, {}, []], "__proto__": 1}`;
    const { values } = readSettingsFile({ directory: directoryWith({ [FILE]: content }) }) ?? {};
    expect(JSON.stringify(values)).toBe(JSON.stringify(JSON.parse(content)));
  });

  it('has the types of JSON: text for a number is for -c', () => {
    const directory = directoryWith({
      [FILE]: { routes: [ROUTE], maxAttempts: '3', dashboard: 'true', alertEmails: 'a@b.example' },
    });
    expect(problemsOf(directory).map((problem) => problem.split(': ').slice(0, 2).join(': '))).toEqual([
      'streampixel-drop.json: alertEmails',
      'streampixel-drop.json: maxAttempts',
      'streampixel-drop.json: dashboard',
    ]);
  });
});

describe('problems', () => {
  it('are in one list, and each names its source', () => {
    const directory = directoryWith({
      [FILE]: { routes: [{ ...ROUTE, userId: 'me' }], alertEmail: 'x', lateAfterMinutes: 130 },
    });
    const problems = problemsOf(directory, { maxAttempts: '99', stackname: 'X', stuckAfterMinutes: '60' });
    expect(problems).toEqual([
      expect.stringMatching(/^streampixel-drop\.json: routes\[0\]\.userId: must be 24 hexadecimal digits/),
      expect.stringMatching(/^-c maxAttempts: must be a whole number/),
      expect.stringMatching(/^streampixel-drop\.json: lateAfterMinutes: is 130, more than stuckAfterMinutes \(60\)/),
      'streampixel-drop.json: alertEmail: is not a setting. Did you mean alertEmails?',
      '-c stackname: is not a setting. Did you mean stackName?',
    ]);
  });

  it('of -c are there beside those of a file that can’t be read, and nothing is missed in it', () => {
    expect(problemsOf(directoryWith({ [FILE]: '{' }), { dashboard: 'no' })).toEqual([
      expect.stringMatching(/^streampixel-drop\.json: line 1, column 2: /),
      expect.stringMatching(/^-c dashboard: /),
    ]);
  });

  it('name the file where something is missing in it', () => {
    expect(problemsOf(directoryWith({ [FILE]: {} }))).toEqual([
      expect.stringMatching(/^streampixel-drop\.json: routes: must be a list with at least one route/),
    ]);
  });

  it('say what was meant by a name that -c does not know', () => {
    const directory = directoryWith({ [FILE]: { routes: [ROUTE], setting: 'x' } });
    expect(problemsOf(directory, { 'routes[0].userId': 'x', Settings: 'staging.json' })).toEqual([
      expect.stringMatching(/^streampixel-drop\.json: setting: is not a setting\. There are: /),
      '-c routes[0].userId: is a part of routes, which can be given as a whole only',
      '-c Settings: is not a setting. Did you mean settings?',
    ]);
  });

  it('say where flags of CDK belong', () => {
    expect(problemsOf(directoryWith({ [FILE]: { routes: [ROUTE], '@aws-cdk/core:x': true } }))).toEqual([
      'streampixel-drop.json: @aws-cdk/core:x: is a flag of CDK. Put it into the context of cdk.json',
    ]);
  });
});

describe('settings in the files of the CDK CLI', () => {
  const former = { routes: [ROUTE], alertEmails: ['a@studio.example'] };
  const cdkJson = { app: 'node infra/app.ts', context: { ...former, '@aws-cdk/core:x': true } };

  it('are to be moved, by init where there is no file yet', () => {
    expect(problemsOf(directoryWith({ 'cdk.json': cdkJson }), cdkJson.context)).toEqual([
      'cdk.json: has settings (routes, alertEmails), which belong in streampixel-drop.json now. Move them: npx --no streampixel-drop init',
    ]);
    expect(problemsOf(directoryWith({ 'cdk.json': cdkJson, [FILE]: former }), cdkJson.context)).toEqual([
      expect.stringMatching(/^cdk\.json: has settings \(routes, alertEmails\).* Move those that you need by hand$/),
    ]);
    expect(problemsOf(directoryWith({ 'cdk.context.json': former }), former)).toEqual([
      expect.stringMatching(/^cdk\.context\.json: .* by hand$/),
    ]);
  });

  it('is not named in cdk.json: each run names the one that it is for', () => {
    const context = { settings: 'staging.json' };
    expect(problemsOf(directoryWith({ 'cdk.json': { context } }), context)).toEqual([
      'cdk.json: settings: can be named with -c only: -c settings=FILE',
    ]);
  });

  it('are not hidden by a slip, or by -c', () => {
    const context = { alertEmail: 'a@studio.example', prefix: 'a' };
    expect(problemsOf(directoryWith({ 'cdk.json': { context } }), { ...context, prefix: '' })).toEqual([
      expect.stringMatching(/^cdk\.json: has settings \(prefix\)/),
      'cdk.json: alertEmail: is not a setting. Did you mean alertEmails?',
    ]);
  });

  it('are not used from the home directory, where other projects may have theirs', () => {
    const context = { prefix: 'theirs/', team: 'b' };
    const home = directoryWith({ '.cdk.json': { context } });
    const directory = directoryWith({ [FILE]: { routes: [ROUTE] } });
    const { settings, warnings } = read(directory, context, home);
    expect(settings.prefix).toBe('');
    expect(warnings).toEqual([expect.stringMatching(/^prefix in ~\/\.cdk\.json is not used\./)]);
    expect(read(directory, { ...context, prefix: '' }, home).warnings).toEqual([]);
  });

  it('leaves CDK’s own there, and what -c sets of it', () => {
    const context = { '@aws-cdk/core:x': true, 'availability-zones:account=1': ['a'], 'cli-telemetry': false };
    const directory = directoryWith({
      'cdk.json': { context },
      'cdk.context.json': context,
      [FILE]: { routes: [ROUTE] },
    });
    expect(read(directory, { ...context, '@aws-cdk/core:y': 'true' }).warnings).toEqual([]);
  });
});
