import { describe, expect, it, vi } from 'vitest';
import { createSsmApiKeys } from '../../functions/adapters/ssm-api-keys.ts';
import type { GetParameter, Parameter } from '../../functions/adapters/ssm-parameters.ts';
import type { ApiKeyRead } from '../../functions/domain/ports.ts';

const NAME = '/streampixel-drop/api-key';

function given(...answers: (Parameter | Error | undefined)[]) {
  let now = 0;
  const warnings: string[] = [];
  const fields: unknown[] = [];
  const getParameter = vi.fn<GetParameter>(async () => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const log = {
    info: () => {},
    warn: (event: string, more: unknown) => void [warnings.push(event), fields.push(more)],
    error: () => {},
  };
  const keys = createSsmApiKeys(getParameter, { now: () => now }, log);
  return {
    keys,
    getParameter,
    warnings,
    fields,
    wait: (ms: number) => {
      now += ms;
    },
  };
}

const parameter = (Value: string, Version = 1, Type = 'SecureString') => ({ Value, Version, Type });
const named = (name: string) => Object.assign(new Error('c4nary in the message: apikey=c4nary'), { name });
const shown = (read: ApiKeyRead) => (read.kind === 'found' ? [read.key.secret.reveal(), read.key.version] : read.kind);

describe('API keys from SSM', () => {
  it('trims what a paste brought along', async () => {
    const { keys, getParameter } = given(parameter(' the-key\n'));
    expect(shown(await keys.read(NAME))).toEqual(['the-key', 1]);
    expect(getParameter).toHaveBeenCalledExactlyOnceWith(NAME);
  });

  it('keeps a key for five minutes from when it was read, however long the function has run', async () => {
    const { keys, getParameter, wait } = given(parameter('one'));
    wait(3_600_000);
    await keys.read(NAME);
    wait(299_999);
    await keys.read(NAME);
    expect(getParameter).toHaveBeenCalledTimes(1);
  });

  it('keeps a key for five minutes, and each parameter’s own', async () => {
    const { keys, getParameter, wait } = given(parameter('one', 1), parameter('two', 2), parameter('other', 7));
    await keys.read(NAME);
    wait(299_999);
    expect(shown(await keys.read(NAME))).toEqual(['one', 1]);
    wait(1);
    expect(shown(await keys.read(NAME))).toEqual(['two', 2]);
    expect(shown(await keys.read('/other'))).toEqual(['other', 7]);
    expect(getParameter).toHaveBeenCalledTimes(3);
  });

  it('shares one read among those who ask at once', async () => {
    const { keys, getParameter } = given(parameter('one'));
    const reads = await Promise.all([keys.read(NAME), keys.read(NAME), keys.read(NAME)]);
    expect(reads.map(shown)).toEqual([
      ['one', 1],
      ['one', 1],
      ['one', 1],
    ]);
    expect(getParameter).toHaveBeenCalledTimes(1);
  });

  it('serves the stale key while a refresh fails, and says so', async () => {
    const { keys, wait, warnings, fields } = given(parameter('one'), named('ThrottlingException'));
    await keys.read(NAME);
    wait(300_000);
    expect(shown(await keys.read(NAME))).toEqual(['one', 1]);
    expect(warnings).toEqual(['stale-api-key-used']);
    expect(fields).toMatchObject([
      { parameter: NAME, version: 1, detail: expect.stringContaining('ThrottlingException') },
    ]);
  });

  it('does not remember a failure', async () => {
    const { keys } = given(named('ThrottlingException'), parameter('one'));
    expect(shown(await keys.read(NAME))).toBe('unavailable');
    expect(shown(await keys.read(NAME))).toEqual(['one', 1]);
  });

  it('reads past the cache on demand, and gives no stale key then', async () => {
    const { keys } = given(parameter('one', 1), parameter('two', 2), named('ThrottlingException'));
    await keys.read(NAME);
    expect(shown(await keys.readAgain(NAME))).toEqual(['two', 2]);
    expect(shown(await keys.readAgain(NAME))).toBe('unavailable');
  });

  it('does not share a read that began earlier, which may bring the key that was replaced', async () => {
    const { keys } = given(parameter('one', 1), parameter('two', 2));
    const reads = await Promise.all([keys.read(NAME), keys.readAgain(NAME)]);
    expect(reads.map(shown)).toEqual([
      ['one', 1],
      ['two', 2],
    ]);
  });

  it.each([
    ['that does not exist', named('ParameterNotFound'), 'no SSM parameter'],
    ['that is empty', parameter('  \n'), 'is empty'],
    ['without a value', { Type: 'SecureString' }, 'is empty'],
    ['of which SSM answers nothing', undefined, 'is empty'],
    ['that is no SecureString', parameter('one', 1, 'String'), 'is a String, not a SecureString'],
  ])('calls a parameter missing %s', async (_, answer, words) => {
    const { keys } = given(answer);
    const read = await keys.read(NAME);
    expect(read.kind).toBe('missing');
    expect(read).toHaveProperty('detail', expect.stringContaining(words));
  });

  it('forgets the key of a parameter that was deleted', async () => {
    const { keys, wait } = given(parameter('one'), named('ParameterNotFound'));
    await keys.read(NAME);
    wait(300_000);
    expect(shown(await keys.read(NAME))).toBe('missing');
  });

  it('does not use the key of a parameter that was deleted, even while SSM does not answer', async () => {
    const { keys, wait } = given(parameter('one'), named('ParameterNotFound'), named('ThrottlingException'));
    await keys.read(NAME);
    wait(300_000);
    expect(shown(await keys.read(NAME))).toBe('missing');
    expect(shown(await keys.read(NAME))).toBe('unavailable');
  });

  it('lets no value into what it says', async () => {
    const { keys } = given(named('AccessDeniedException'));
    expect(JSON.stringify(await keys.read(NAME))).not.toContain('c4nary"');
    const found = given(parameter('c4nary'));
    expect(JSON.stringify(await found.keys.read(NAME))).not.toContain('c4nary');
  });
});
