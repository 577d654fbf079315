import { describe, expect, it } from 'vitest';
import { clockTime, inLocalTime, parseSpan, parseTimeout, rateText } from '../../cli/units.ts';
import { bytes } from '../../functions/domain/model/size.ts';

const [S, M, H, D] = [1_000, 60_000, 3_600_000, 86_400_000];

describe('a time as people write it', () => {
  it.each([
    ['90s', 90 * S],
    ['30m', 30 * M],
    ['2h', 2 * H],
    ['1h30m', 1.5 * H],
    ['1h 30m', 1.5 * H],
    ['1d2h3m4s', D + 2 * H + 3 * M + 4 * S],
    ['7d', 7 * D],
    ['30M', 30 * M],
    [' 5m ', 5 * M],
  ])('%s', (text, ms) => {
    expect(parseSpan(text)).toBe(ms);
  });

  it.each(['', '30', '30 minutes', '-5m', '1.5h', '30m1h', '5m5m', '1e3s', 'h', '0x10s', '9999999s', 'NaNs'])(
    'is not %j',
    (text) => {
      expect(() => parseSpan(text)).toThrow(/90s, 30m, 2h, 1h30m/);
    },
  );

  it('is longer than nothing where it limits something', () => {
    expect(parseTimeout('1s')).toBe(S);
    expect(() => parseTimeout('0m')).toThrow(/longer than 0 s/);
  });
});

it.each([
  [0, '0 bytes'],
  [869.1, '869 bytes'],
  [999, '999 bytes'],
  [1_000, '1.0 kB'],
  [999_949, '999.9 kB'],
  [999_999, '1.0 MB'],
  [24e9, '24.0 GB'],
  [5e15, '5000.0 TB'],
])('shows %d bytes as %s, on the board too', async (count, text) => {
  const board = await import(new URL('../../cli/board/page/text.js', import.meta.url).href);

  expect([bytes(count), board.bytes(count)]).toEqual([text, text]);
});

it.each([
  [0, 100, 5_000, ''],
  [500, 100, 10, ''],
  [869, 8_690, 1_000, '0.9 kB/s, 10 s left'],
  [50e6, 100e6, 5_000, '10.0 MB/s, 10 s left'],
  [50e6, 0, 5_000, '10.0 MB/s, 0 s left'],
])('shows %d bytes sent and %d left after %d ms as "%s"', (done, left, ms, text) => {
  expect(rateText(done, left, ms)).toBe(text);
});

describe('times in a text', () => {
  const at = '2026-04-21T12:00:00.000Z';
  const now = Date.parse(at) + 86_400_000;
  const local = clockTime(Date.parse(at), now);

  it('are local ones for people', () => {
    expect(inLocalTime(`live since ${at}, by a person; (${at}) until ${at}.`, now)).toBe(
      `live since ${local}, by a person; (${local}) until ${local}.`,
    );
  });

  it('stay where they are a part of a word, such as a key', () => {
    for (const text of [`drop/${at}.zip@v1`, `${at}.zip`, `nightly-${at}`, `built=${at}`])
      expect(inLocalTime(text, now)).toBe(text);
  });
});
