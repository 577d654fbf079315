import { expect, it } from 'vitest';
import { lineOf, troubleOf } from '../../local/start/screen.ts';

const HOSTILE = 'a\x1b]0;owned\x07\r\n\u202e\u2028\x9b31m';

it('shows nothing of keys, messages and logs that a terminal would obey', () => {
  const event = { time: '2026-04-21T12:00:00.000Z', bucket: 'b', key: HOSTILE, detail: HOSTILE, uploadId: HOSTILE };
  const lines = [
    lineOf({ ...event, event: 'rejected' }),
    lineOf({ ...event, event: 'live' }),
    lineOf({ ...event, event: 'retried', reason: 'VendorError', until: HOSTILE }),
    troubleOf({ functionName: 'f', stream: 'stderr', text: HOSTILE }) ?? '',
    troubleOf({
      functionName: 'f',
      stream: 'stdout',
      text: JSON.stringify({ level: 'error', event: HOSTILE, build: HOSTILE, error: HOSTILE }),
    }) ?? '',
  ];
  for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
});

it("keeps the lines of an alert, and nothing else of what it can't show", () => {
  const text = lineOf({
    time: '',
    event: 'alert',
    detail: 'Subject',
    message: `One.\n\nTwo ${HOSTILE.replaceAll('\n', '')}`,
  });
  expect(text).toMatch(/Subject\n\n {10}One\.\n\n {10}Two a/);
  expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
});
