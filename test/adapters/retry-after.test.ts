import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseRetryAfter } from '../../functions/adapters/retry-after.ts';

const NOW = Date.parse('2026-04-21T12:00:00Z');
const DAY_S = 86_400;

/** What an answer asks for, in s. */
function waitS(answer: Partial<Parameters<typeof parseRetryAfter>[0]>): number | undefined {
  const ms = parseRetryAfter({ status: 429, headers: {}, json: undefined, message: '', ...answer }, NOW);
  return ms === undefined ? undefined : ms / 1_000;
}

describe('the header Retry-After', () => {
  it.each([
    ['0', 0],
    ['120', 120],
    [' 120 ', 120],
    ['7200', 7_200],
    ['299.997', 299.997],
    ['0.5', 0.5],
    ['.5', 0.5],
    ['.25', 0.25],
    ['0.0001', 0.001],
    ['600s', 600],
    ['600 s', 600],
    ['10m', 600],
    ['10 min', 600],
    ['2 minutes', 120],
    ['1h', 3_600],
    ['1h30m', 5_400],
    ['500ms', 0.5],
    ['1d', DAY_S],
    ['PT5M', 300],
    ['PT1H30M', 5_400],
    ['PT2.5S', 2.5],
    ['P10D', DAY_S],
    ['Tue, 21 Apr 2026 12:05:00 GMT', 300],
    ['Tuesday, 21-Apr-26 12:05:00 GMT', 300],
    ['Tue Apr 21 12:05:00 2026', 300],
    ['2026-04-21T12:05:00Z', 300],
    ['2026-04-21T12:05:00', 300],
    ['2026-04-21T14:05:00+02:00', 300],
    ['2026-04-21T14:05:00+0200', 300],
    ['Tue, 21 Apr 2026 11:00:00 GMT', 0],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
    [`${NOW / 1_000 + 90}`, 90],
    [`${NOW + 90_000}`, 90],
    // The first numbers that are s and ms since the epoch: long ago.
    ['1000000000', 0],
    ['1000000000000', 0],
    ['999999999', DAY_S],
    ['9'.repeat(400), DAY_S],
    // Cut where it is longer than every form there is.
    [`${'9'.repeat(5_000)}x`, DAY_S],
    ['Fri, 31 Dec 9999 23:59:59 GMT', DAY_S],
  ])('of "%s" is %d s', (header, seconds) => {
    expect(waitS({ headers: { 'retry-after': header } })).toBe(seconds);
    expect(waitS({ headers: { 'retry-after': header }, status: 503 })).toBe(seconds);
  });

  it.each([
    '',
    '-5',
    '+5',
    'soon',
    'NaN',
    'Infinity',
    '1e3',
    '0x10',
    '5 apples',
    'May',
    '12:05',
    'P',
    'PT',
    // Five months.
    'P5M',
    '5 sP',
    'Tue, yesterday',
  ])('of "%s" counts as absent', (header) => {
    expect(waitS({ headers: { 'retry-after': header } })).toBeUndefined();
    expect(waitS({ headers: { 'retry-after': header }, message: 'Try again in 5 minutes.' })).toBe(300);
  });

  it.each(['Tue Apr 21 12:05:00 2026', 'Tuesday, 21-Apr-2026 12:05:00', '2026-04-21T12:05:00'])(
    'of "%s", without a zone, is in UTC wherever the function runs',
    (header) => {
      vi.stubEnv('TZ', 'Asia/Tokyo');
      expect(new Date(NOW).getHours()).toBe(21);
      expect(waitS({ headers: { 'retry-after': header } })).toBe(300);
    },
  );
  afterEach(() => vi.unstubAllEnvs());

  it('counts before the headers of a limit, and in whichever order they came', () => {
    expect(waitS({ headers: { 'x-ratelimit-reset': '120', 'retry-after': '90' } })).toBe(90);
  });

  it('counts before fields, and fields before words', () => {
    const json = { retryAfter: 60 };
    const message = 'Try again in 5 minutes.';
    expect(waitS({ headers: { 'retry-after': '90' }, json, message })).toBe(90);
    expect(waitS({ json, message })).toBe(60);
    expect(waitS({ json: {}, message })).toBe(300);
  });
});

describe('other headers', () => {
  it.each([
    ['retry-after-ms', '1500', 1.5],
    ['retry-after-ms', '1500000000', DAY_S],
    ['x-ms-retry-after-ms', '1500', 1.5],
    ['x-retry-after', '90', 90],
  ])('%s: %s ask for %d s', (name, value, seconds) => {
    expect(waitS({ headers: { [name]: value } })).toBe(seconds);
    expect(waitS({ headers: { [name]: value }, status: 503 })).toBe(seconds);
  });

  it.each([
    ['ratelimit-reset', '90', 90],
    ['x-ratelimit-reset', '90', 90],
    ['x-ratelimit-reset', `${NOW / 1_000 + 90}`, 90],
    ['x-ratelimit-reset', `${NOW + 90_000}`, 90],
    ['x-rate-limit-reset', '2026-04-21T12:01:30Z', 90],
    ['x-ratelimit-reset-after', '1.25', 1.25],
    ['ratelimit', 'limit=1, remaining=0, reset=90', 90],
    ['ratelimit', '"default";r=0;t=90', 90],
  ])('%s: %s ask for %d s after a 429, and for nothing where the limit was not the reason', (name, value, seconds) => {
    expect(waitS({ headers: { [name]: value } })).toBe(seconds);
    expect(waitS({ headers: { [name]: value }, status: 500 })).toBeUndefined();
  });
});

describe('a field of the answer', () => {
  it.each<[Record<string, unknown>, number | undefined]>([
    [{ retryAfter: 90 }, 90],
    [{ retryAfter: 0.5 }, 0.5],
    [{ retry_after: '90' }, 90],
    [{ 'retry-after': '2m' }, 120],
    [{ retryAfterMs: 1_500 }, 1.5],
    [{ retry_after_seconds: 90 }, 90],
    [{ retryAfterMinutes: 2 }, 120],
    [{ retryAfter: '2026-04-21T12:01:30.000Z' }, 90],
    [{ parameters: { retry_after: 90 } }, 90],
    [{ error: { code: 429, data: { retryAfter: 0.5 } } }, 0.5],
    [{ retryAfter: -1 }, undefined],
    [{ retryAfter: null }, undefined],
    [{ retryAfter: true }, undefined],
    [{ retryAfter: [90] }, undefined],
    [{ retries: 5 }, undefined],
    [{ a: { b: { c: { retryAfter: 5 } } } }, undefined],
  ])('in %j asks for %s s', (json, seconds) => {
    expect(waitS({ json })).toBe(seconds);
  });
});

describe('words', () => {
  it.each([
    ['Rate limit exceeded. Try again in 2 minutes.', 120],
    ['1 upload per 2 minutes. Try again in 540 seconds', 540],
    ['Try again in 540 seconds: 1 upload per 2 minutes', 540],
    ['Limit of 1 request every 120 seconds exceeded, retry in 119.5s', 119.5],
    ['retry after 5 minutes', 300],
    ['Retry-After: 300', 300],
    ['Please wait 2 min 30 s', 150],
    ['Please wait 1 hour and 5 minutes before your next upload.', 3_900],
    ['Wait 2 minutes between uploads. Try again in 540 seconds.', 540],
    ['Please wait 540 more seconds.', 540],
    ['540 seconds remaining', 540],
    ['Please wait 1,200 seconds', 1_200],
    ['Try again in 2-3 minutes', 180],
    ['Try again in an hour', 3_600],
    ['Try again in two hours', 7_200],
    ['Down for maintenance, back in about 2 hours', 7_200],
    ['The service will be available again at 2026-04-21T13:00:00Z.', 3_600],
    ['Maintenance until 2026-04-21 13:00', 3_600],
    ['next upload possible in 1h 5m', 3_900],
    ['Try again in 0 seconds.', 0],
    ['TRY AGAIN\n IN\t5 MINUTES', 300],
    ['Try again in 5\n  minutes', 300],
    ['Please wait 2 minutes; the next upload is possible in 540 seconds.', 540],
    [`${'x '.repeat(480)}Try again in 5 minutes.`, 300],
  ])('"%s" ask for %d s', (message, seconds) => {
    expect(waitS({ message })).toBe(seconds);
    expect(waitS({ message, status: 503 })).toBe(seconds);
  });

  it.each([
    'slow down',
    '1 upload per 2 minutes',
    'You can retry once per 2 minutes.',
    'Limit: 1 upload / 2 minutes. Try again later.',
    'Please wait 2 minutes between uploads.',
    'The limit resets every 120 seconds.',
    'Timed out after 30 seconds',
    'Try again. Took 30 ms.',
    'Please try again in a few minutes.',
    'again 5 messages',
    'Available again at 2026-04-31T99:00Z.',
    // A page.
    `${'x '.repeat(500)}Try again in 5 minutes.`,
  ])('"%s" ask for nothing that is known', (message) => {
    expect(waitS({ message })).toBeUndefined();
  });

  it.each(['1'.repeat(65_536), '1 '.repeat(32_768), `again ${'1 x '.repeat(16_384)}`, `wait${' '.repeat(65_536)}`])(
    'are read to an end, however many they are',
    (message) => {
      const header = message.slice(0, 16_000).replaceAll('1', 'x');
      expect(waitS({ message, headers: { 'retry-after': header } })).toBeUndefined();
    },
  );
});
