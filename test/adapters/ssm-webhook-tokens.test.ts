import { describe, expect, it, vi } from 'vitest';
import type { GetParameter, Parameter } from '../../functions/adapters/ssm-parameters.ts';
import { createSsmWebhookTokens } from '../../functions/adapters/ssm-webhook-tokens.ts';

const NAME = '/streampixel-drop/webhook-token';
const [ONE, TWO, THREE] = ['one', 'two', 'three'].map((word) => word.padEnd(43, '-')) as [string, string, string];
const MINUTE_MS = 60_000;

function given(...answers: (Parameter | Error | undefined)[]) {
  let now = 1_000_000;
  const lines: unknown[] = [];
  const getParameter = vi.fn<GetParameter>(async () => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const write = (event: string, fields: unknown) => void lines.push([event, fields]);
  const log = { info: write, warn: write, error: write };
  const tokens = createSsmWebhookTokens(getParameter, NAME, { now: () => now }, log);
  return {
    check: (token: string) => tokens.check(token),
    getParameter,
    lines,
    wait: (ms: number) => {
      now += ms;
    },
  };
}

const parameter = (Value: string, Type = 'SecureString'): Parameter => ({ Value, Type, Version: 1 });
const named = (name: string) => Object.assign(new Error(`c4nary ${name}`), { name });

describe('the tokens of webhooks', () => {
  it('are the two in the parameter, and no others', async () => {
    const { check, getParameter } = given(parameter(`${ONE}\n${TWO}\n${THREE}`));
    expect(await check(ONE)).toBe('valid');
    expect(await check(TWO)).toBe('valid');
    expect(getParameter).toHaveBeenCalledExactlyOnceWith(NAME);
    for (const wrong of [THREE, '', ' ', ONE.slice(0, -1), `${ONE}-`, ONE.toUpperCase(), `${ONE}\n${TWO}`]) {
      expect([wrong, await check(wrong)]).toEqual([wrong, 'unknown']);
    }
  });

  it('are one where only one is there: nothing else stands in for the other', async () => {
    const { check } = given(parameter(ONE));
    expect(await check(ONE)).toBe('valid');
    expect(await check('')).toBe('unknown');
  });

  it('are used for a minute, and a token that was taken back lives no longer', async () => {
    const { check, getParameter, wait } = given(parameter(`${TWO}\n${ONE}`), parameter(`${THREE}\n${TWO}`));
    expect(await check(ONE)).toBe('valid');
    wait(MINUTE_MS - 1);
    expect(await check(ONE)).toBe('valid');
    expect(getParameter).toHaveBeenCalledTimes(1);
    wait(1);
    expect(await check(ONE)).toBe('unknown');
    expect(await check(THREE)).toBe('valid');
    expect(getParameter).toHaveBeenCalledTimes(2);
  });

  it('are not asked for again within a minute for one that is known', async () => {
    const { check, getParameter, wait } = given(parameter(ONE));
    await check(ONE);
    wait(MINUTE_MS - 1);
    await check(ONE);
    expect(getParameter).toHaveBeenCalledTimes(1);
  });

  it('are missed in the log, with the name of the parameter, only where there are none', async () => {
    const { check, lines } = given(parameter(ONE));
    await check(ONE);
    expect(lines).toEqual([]);
    const none = given(parameter('too short'));
    await none.check(ONE);
    expect(none.lines).toEqual([['webhook-token-missing', { parameter: NAME }]]);
  });

  it('are asked for again for one that is not known: it may be the new one', async () => {
    const { check, getParameter, wait } = given(parameter(ONE), parameter(`${TWO}\n${ONE}`));
    await check(ONE);
    wait(10_000);
    expect(await check(TWO)).toBe('valid');
    expect(getParameter).toHaveBeenCalledTimes(2);
  });

  it('are asked for once in 10 s at most, however many wrong ones come, one by one or at once', async () => {
    const { check, getParameter, wait } = given(parameter(ONE));
    const seconds = 120;
    for (let second = 0; second < seconds; second++) {
      await Promise.all(Array.from({ length: 20 }, (_, n) => check(`wrong-${second}-${n}`.padEnd(43, 'x'))));
      for (let n = 0; n < 20; n++) expect(await check(`wrong-${n}`)).toBe('unknown');
      expect(await check(ONE)).toBe('valid');
      wait(1_000);
    }
    expect(getParameter.mock.calls.length).toBeLessThanOrEqual(seconds / 10 + 1);
  });

  it('are asked for once by all who come at once', async () => {
    const { check, getParameter } = given(parameter(ONE));
    const verdicts = await Promise.all([check(ONE), check(TWO), check(ONE)]);
    expect(verdicts).toEqual(['valid', 'unknown', 'valid']);
    expect(getParameter).toHaveBeenCalledTimes(1);
  });

  it('stay good while SSM is down, which is not asked more often for it', async () => {
    const { check, getParameter, lines, wait } = given(parameter(ONE), named('ThrottlingException'));
    await check(ONE);
    for (let n = 0; n < 30; n++) {
      wait(10_000);
      expect(await check(ONE)).toBe('valid');
      expect(await check(TWO)).toBe('unknown');
    }
    expect(getParameter.mock.calls.length).toBeLessThanOrEqual(1 + 30);
    expect(lines).toContainEqual(['webhook-token-not-read', expect.objectContaining({ parameter: NAME })]);
  });

  it('are not known to be wrong where SSM never gave any: that is no 404', async () => {
    const { check, getParameter, wait } = given(named('ThrottlingException'), parameter(ONE));
    // However many come: others of the account need SSM, too.
    for (let n = 0; n < 50; n++) expect(await check(ONE)).toBe('unavailable');
    expect(getParameter).toHaveBeenCalledTimes(1);
    wait(1_000);
    expect(await check(ONE)).toBe('valid');
  });

  it.each([
    ['is not there', named('ParameterNotFound')],
    ['is empty', parameter('')],
    ['holds nothing that could not be guessed', parameter('secret\n1234')],
    ['is a String, which is not encrypted', parameter(ONE, 'String')],
    ['is a StringList', parameter(ONE, 'StringList')],
    ['has no type', { Value: ONE }],
    ['has no value', { Type: 'SecureString' }],
    ['comes as nothing', undefined],
  ])('are none where the parameter %s', async (_, answer) => {
    const { check, lines } = given(answer);
    expect(await check(ONE)).toBe('unknown');
    expect(await check('')).toBe('unknown');
    expect(lines.length).toBeGreaterThan(0);
  });

  it('serve on while SSM hangs: who is known need not wait for long', async () => {
    vi.useFakeTimers();
    try {
      const { check, getParameter, wait } = given(parameter(ONE));
      await check(ONE);
      getParameter.mockImplementation(() => new Promise(() => {}));
      wait(MINUTE_MS);
      const verdict = check(ONE);
      await vi.advanceTimersByTimeAsync(2_000);
      expect(await verdict).toBe('valid');
    } finally {
      vi.useRealTimers();
    }
  });

  it('are none once the parameter was deleted', async () => {
    const { check, wait } = given(parameter(ONE), named('ParameterNotFound'));
    await check(ONE);
    wait(MINUTE_MS);
    expect(await check(ONE)).toBe('unknown');
  });

  it('are in no line of the log, whatever happens', async () => {
    for (const answer of [parameter(ONE), parameter('c4nary'), parameter(ONE, 'String'), named(ONE)]) {
      const { check, lines } = given(answer);
      await check(TWO);
      await check(ONE);
      expect(JSON.stringify(lines)).not.toContain(TWO);
      if (!(answer instanceof Error)) expect(JSON.stringify(lines)).not.toMatch(/c4nary|one-/);
    }
  });
});
