import { describe, expect, it } from 'vitest';
import { tokensIn, webhookAddress } from '../../functions/domain/follow/webhook-tokens.ts';

describe('the tokens in their parameter', () => {
  const [one, two, three] = ['a', 'b', 'c'].map((character) => character.repeat(43));

  it.each([
    ['one', `${one}`, [one]],
    ['two lines, the current one first', `${one}\n${two}`, [one, two]],
    ['the same with the white space of an editor', `  ${one}\r\n\r\n\t${two}  \n`, [one, two]],
    ['no more than two', `${one}\n${two}\n${three}`, [one, two]],
    ['none in an empty value', '', []],
    ['no short or long ones', `secret\n${'x'.repeat(31)}\n${'x'.repeat(129)}`, []],
    ['none that a URL would encode', `${'a b'.repeat(15)}\n${'ä'.repeat(43)}\n${'a/'.repeat(20)}`, []],
    ['two where other lines are not tokens', `# comment\n${one}\n\n${two}`, [one, two]],
  ])('are %s', (_, value, tokens) => {
    expect(tokensIn(value)).toEqual(tokens);
  });

  it.each(['https://api.example', 'https://api.example/', 'https://api.example//'])('are appended to %s', (base) => {
    expect(webhookAddress(base, 'project', 'token')).toBe(`https://api.example/project/token`);
  });
});
