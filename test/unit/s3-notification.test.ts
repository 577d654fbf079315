import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildId } from '../../functions/domain/model/build.ts';
import { parseNotification } from '../../functions/domain/submit/s3-notification.ts';
import { fixture } from '../support/fixtures.ts';
import { s3Event, s3EventRecord } from '../support/s3-event.ts';

function onlyBuild(body: string) {
  const notification = parseNotification(body);
  if (notification.kind !== 'records') throw new Error(`expected records, got ${JSON.stringify(notification)}`);
  const [record] = notification.records;
  if (record?.kind !== 'build') throw new Error(`expected a build, got ${JSON.stringify(record)}`);
  return record.build;
}

describe('parseNotification', () => {
  it('reads the put event of the S3 documentation', () => {
    const build = onlyBuild(fixture('s3-put'));
    expect(build).toEqual({
      bucket: 'amzn-s3-demo-bucket',
      key: 'HappyFace.zip',
      region: 'us-west-2',
      droppedAt: 0,
      versionId: '096fKKXTRTtl3on89fVO.nfljtsv6qko',
      sequencer: '0055AED6DCD90281E5',
      eTag: 'd41d8cd98f00b204e9800998ecf8427e',
      size: 1024,
    });
    expect(buildId(build)).toBe('amzn-s3-demo-bucket/HappyFace.zip@096fKKXTRTtl3on89fVO.nfljtsv6qko');
  });

  it('decodes a key exactly once: spaces, plus, percent, umlaut and emoji', () => {
    expect(onlyBuild(fixture('s3-multipart-upload')).key).toBe('games/My Game + 100% ü 🚀.zip');
  });

  it('names a build without a version by its sequencer', () => {
    expect(buildId(onlyBuild(fixture('s3-multipart-upload')))).toBe(
      'drop/games/My Game + 100% ü 🚀.zip@0066F1A2B3C4D5E6F7',
    );
  });

  it('does not decode the key of an EventBridge event', () => {
    const build = onlyBuild(fixture('eventbridge-object-created'));
    expect(build).toMatchObject({
      bucket: 'example-bucket',
      key: 'games/My Game + 100%.zip',
      region: 'ca-central-1',
      versionId: 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
      eTag: 'b1946ac92492d2347c6235b4d2611184',
      size: 5,
    });
  });

  it('recognises the test event that S3 sends when a notification is set up', () => {
    expect(parseNotification(fixture('s3-test-event'))).toEqual({ kind: 'test-event' });
  });

  it('reads every record of a message, also beside bad ones', () => {
    const good = s3EventRecord({ key: 'a.zip' });
    const removed = { ...good, eventName: 'ObjectRemoved:Delete' };
    const undecodable = { ...good, s3: { ...good.s3, object: { ...good.s3.object, key: 'bad%ZZ.zip' } } };
    const notification = parseNotification(JSON.stringify({ Records: [good, removed, undecodable, null, good] }));
    expect(notification).toMatchObject({
      kind: 'records',
      records: [
        { kind: 'build' },
        { kind: 'unrecognised' },
        { kind: 'unrecognised' },
        { kind: 'unrecognised' },
        { kind: 'build' },
      ],
    });
  });

  it.each([
    ['games/', 'FolderMarker'],
    ['games/readme.txt', 'NotAZipKey'],
    ['games/Upper.ZIP', 'NotAZipKey'],
    ['zip', 'NotAZipKey'],
  ])('skips %s as %s', (key, cause) => {
    expect(parseNotification(s3Event({ key }))).toMatchObject({ records: [{ kind: 'not-a-build', key, cause }] });
  });

  it.each([
    ['no JSON', 'hello'],
    ['a JSON string', '"hello"'],
    ['null', 'null'],
    ['a foreign object', '{"hello":1}'],
    ['no records', '{"Records":[]}'],
    ['records that are not a list', '{"Records":{"0":{}}}'],
    ['another EventBridge event', '{"detail-type":"Object Deleted","source":"aws.s3"}'],
    ['a test event of something else', '{"Event":"sns:TestEvent"}'],
  ])('calls %s unrecognised', (_, body) => {
    expect(parseNotification(body).kind).toBe('unrecognised');
  });

  it('does not quote a foreign message', () => {
    const notification = parseNotification('{"Records":[{"eventSource":"canary-value"}]}');
    expect(JSON.stringify(notification)).not.toContain('canary-value');
  });

  it('treats the version "null" of a suspended bucket as no version', () => {
    expect(onlyBuild(s3Event({ key: 'a.zip', versionId: 'null' }))).not.toHaveProperty('versionId');
  });

  it('decodes every key that S3 could have encoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (name) => {
        const key = `${name}.zip`;
        expect(onlyBuild(s3Event({ key })).key).toBe(key);
      }),
    );
  });

  it('never throws, whatever the body', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        expect(['test-event', 'records', 'unrecognised']).toContain(parseNotification(body).kind);
      }),
    );
  });
});
