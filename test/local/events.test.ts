import { describe, expect, it } from 'vitest';
import { eventOfLogLine, type LocalEvent } from '../../local/start/events.ts';
import { lineOf, troubleOf } from '../../local/start/screen.ts';

const TIME = '2026-04-21T11:30:00.000Z';
const BUILD = { bucket: 'drop', key: 'a b.zip', build: 'drop/a b.zip@v1' };
const logged = (fields: object) => JSON.stringify({ time: TIME, level: 'info', ...BUILD, ...fields });

describe('the event behind a line of the log', () => {
  it('keeps the fields about the build, and leaves the rest', () => {
    const line = logged({
      event: 'submitted',
      uploadId: '66',
      status: 200,
      attempt: 1,
      possiblyDoubled: false,
      size: 3,
    });
    expect(eventOfLogLine(line)).toEqual({
      time: TIME,
      event: 'submitted',
      ...BUILD,
      uploadId: '66',
      status: 200,
      attempt: 1,
    });
  });

  it('calls a cause a reason', () => {
    const line = logged({ event: 'postponed', cause: 'Slot', until: '2026-04-21T11:32:00.000Z' });
    expect(eventOfLogLine(line)).toMatchObject({ reason: 'Slot', until: '2026-04-21T11:32:00.000Z' });
  });

  it('says for a redrive what was moved for which key', () => {
    const line = JSON.stringify({ time: TIME, event: 'redriven', parameter: '/drop/key', moved: 3, left: 0 });
    expect(eventOfLogLine(line)).toEqual({ time: TIME, event: 'redriven', parameter: '/drop/key', moved: 3, left: 0 });
  });

  it.each([
    ['webhook-received', { stage: 'saving' }, 'heard'],
    ['build-approved', { releaseMode: 'manual', tookSeconds: 3 }, 'approved'],
    ['build-rejected', { detail: 'No.' }, 'rejected'],
    ['build-late', {}, 'late'],
    ['build-stuck', { stage: 'saving' }, 'stuck'],
    ['webhook-silent', {}, 'silent'],
    ['build-released', { by: 'approval' }, 'released'],
    ['release-failed', { detail: 'No.' }, 'release-failed'],
  ])('has another name for %s', (event, fields, name) => {
    expect(eventOfLogLine(logged({ event, uploadId: '66', ...fields }))).toEqual({
      time: TIME,
      event: name,
      ...BUILD,
      uploadId: '66',
      ...fields,
    });
  });

  it.each([
    ['about something else', logged({ event: 'calling' })],
    ['about a final stage, which has an event of its own', logged({ event: 'webhook-received', stage: 'approved' })],
    ["about S3's test event", JSON.stringify({ time: TIME, event: 'skipped', cause: 'TestEvent' })],
    ['that is no JSON', 'Task timed out'],
    ['that is JSON, but no object', '"submitted"'],
  ])('is none for a line %s', (_, line) => {
    expect(eventOfLogLine(line)).toBeUndefined();
  });
});

describe('an event on the screen', () => {
  const shown = (event: Partial<LocalEvent>) =>
    lineOf({ time: TIME, ...BUILD, ...event } as LocalEvent)
      // The time of day depends on where it is shown.
      .replaceAll(/\d\d:\d\d:\d\d/g, '<time>');

  it.each<[Partial<LocalEvent>, string]>([
    [{ event: 'dropped', size: 1_500_000 }, 'dropped         a b.zip                   1.5 MB'],
    [{ event: 'postponed', reason: 'Slot', until: TIME }, 'its slot is at <time>'],
    [{ event: 'postponed', reason: 'RateLimited', status: 429, until: TIME }, 'again at <time>: RateLimited, HTTP 429'],
    [
      { event: 'retried', reason: 'VendorError', status: 500, until: TIME, attempt: 2, detail: 'oops' },
      'again at <time>, because attempt 2 failed: VendorError, HTTP 500. oops',
    ],
    [{ event: 'submitted', uploadId: '66', status: 200 }, 'upload id 66, HTTP 200'],
    [
      { event: 'submitted', uploadId: '66', status: 200, possiblyDoubled: true },
      'an earlier attempt may have been accepted, too',
    ],
    [{ event: 'redriven', moved: 3, left: 0 }, 'the new key works: 3 builds are back in the builds queue'],
    [{ event: 'redriven', moved: 1, left: 2 }, '1 build is back in the builds queue; 2 could not be moved'],
    [{ event: 'skipped', reason: 'Duplicate', detail: 'Accepted before.' }, 'Duplicate: Accepted before.'],
    [{ event: 'dead-lettered', reason: 'NotAZip', detail: 'No PK.' }, 'NotAZip: No PK.\n'],
    [{ event: 'dead-lettered', reason: 'NotAZip', detail: 'No PK.' }, 'Package the build again'],
    [{ event: 'dead-lettered', detail: 'SQS moved it there.' }, 'SQS moved it there.'],
    [{ event: 'downloaded', size: 3, sha256: 'abc', intact: true }, '3 bytes through the signed URL, byte for byte'],
    [{ event: 'downloaded', size: 3, sha256: 'abc', intact: false }, 'NOT the bytes that were dropped'],
    [{ event: 'alert', alarm: 'Builds failed', detail: 'On.' }, 'Builds failed: On.'],
    [
      { event: 'alert', detail: 'NotAZip: a b.zip', message: 'Why\nDo' },
      'NotAZip: a b.zip\n\n          Why\n          Do\n',
    ],
    [{ event: 'heard', stage: 'extracting' }, 'Streampixel reports: extracting'],
    [{ event: 'heard' }, 'Streampixel reports: a stage that is not known here'],
    [
      { event: 'approved', tookSeconds: 754, releaseMode: 'automatic' },
      'after 754 s; Streampixel makes it live by itself',
    ],
    [{ event: 'approved', tookSeconds: 2, releaseMode: 'manual' }, 'it waits until a person releases it'],
    [{ event: 'approved', tookSeconds: 2, releaseMode: 'on-approval' }, 'its release is requested'],
    [{ event: 'released', by: 'approval' }, 'Streampixel accepted the release, requested on its approval'],
    [{ event: 'released', by: 'person' }, 'requested by a person'],
    [{ event: 'live', uploadId: '66' }, 'upload id 66'],
    [{ event: 'late', uploadId: '66' }, 'it takes longer than usual; upload id 66'],
    [{ event: 'stuck', uploadId: '66' }, 'no progress at Streampixel; upload id 66'],
    [{ event: 'silent' }, 'the project has never sent a webhook'],
    [{ event: 'release-failed', detail: 'Access denied' }, 'Access denied'],
    [{ event: 'rejected', detail: 'No zip.' }, 'No zip.'],
  ])('%o says so', (event, words) => {
    expect(shown(event)).toContain(words);
  });

  it('keeps its columns, however long the key', () => {
    const key = `${'long/'.repeat(20)}game.zip`;
    const short = shown({ event: 'dropped', size: 1 });
    expect(shown({ event: 'dropped', size: 1, key })).toHaveLength(short.length);
    expect(shown({ event: 'dropped', size: 1, key })).toContain('game.zip');
  });
});

describe('other lines of the function', () => {
  const line = (text: string) => ({ functionName: 'submit-build', stream: 'stdout', text }) as const;

  it.each([
    [
      'a warning',
      logged({ level: 'warn', event: 'stale-api-key-used' }),
      'submit-build: stale-api-key-used, drop/a b.zip@v1',
    ],
    ['what is no log line', 'Segmentation fault', 'submit-build (stdout): Segmentation fault'],
    ['ordinary information', logged({ level: 'info', event: 'calling' }), undefined],
    ['nothing', '', undefined],
  ])('show %s as it deserves', (_, text, expected) => {
    expect(troubleOf(line(text))).toBe(expected);
  });
});
