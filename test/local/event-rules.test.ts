import { describe, expect, it } from 'vitest';
import { matches, readEventPattern } from '../../local/aws/event-rules.ts';

const taken = (condition: unknown, value: unknown) => matches(readEventPattern({ key: [condition] }), { key: value });

describe('a rule of EventBridge', () => {
  it.each([
    ['a.zip', 'a.zip', true],
    ['a.zip', 'a.zip.zip', false],
    [{ prefix: 'builds/' }, 'builds/a.txt', true],
    [{ prefix: 'builds/' }, 'a/builds/', false],
    [{ wildcard: 'builds/*.zip' }, 'builds/deep/a b+c.zip', true],
    [{ wildcard: 'builds/*.zip' }, 'builds/.zip', true],
    [{ wildcard: 'builds/*.zip' }, 'builds/a.ZIP', false],
    [{ wildcard: 'builds/*.zip' }, 'other/a.zip', false],
    // The two ends may not share characters.
    [{ wildcard: 'a.z*.zip' }, 'a.zip', false],
    [{ wildcard: '*.zip' }, undefined, false],
  ])('with %j takes %j: %s', (condition, value, expected) => {
    expect(taken(condition, value)).toBe(expected);
  });

  it.each([{ suffix: '.zip' }, { wildcard: '*a*' }, { prefix: 'a', wildcard: 'a*' }, { prefix: 7 }])(
    'with %j is not known here',
    (condition) => {
      expect(() => readEventPattern({ detail: { key: [condition] } })).toThrow("can't match by");
    },
  );
});
