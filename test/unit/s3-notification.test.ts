import { describe, expect, it } from 'vitest';
import { buildId } from '../../functions/domain/model/build.ts';
import { parseNotification } from '../../functions/domain/model/s3-notification.ts';
import { fc } from '../support/fast-check.ts';
import { fixture } from '../support/fixtures.ts';
import { s3Event, s3EventRecord } from '../support/s3-event.ts';

function onlyBuild(body: string) {
  const notification = parseNotification(body);
  if (notification.kind !== 'records') throw new Error(`expected records, got ${JSON.stringify(notification)}`);
  const [record] = notification.records;
  if (record?.kind !== 'build') throw new Error(`expected a build, got ${JSON.stringify(record)}`);
  return record.build;
}

/** The object with another value at the path. `undefined` is no field in JSON. */
function withValue(object: object, [name = '', ...rest]: readonly string[], value: unknown): object {
  const inner = Reflect.get(object, name);
  return { ...object, [name]: rest.length === 0 ? value : withValue(inner, rest, value) };
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

  it('takes the key of an EventBridge event as it is', () => {
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

  it('knows the test event S3 sends when a notification is set up', () => {
    expect(parseNotification(fixture('s3-test-event'))).toEqual({ kind: 'test-event' });
  });

  it('reads every record of a message, a bad one apart from those beside it', () => {
    const good = s3EventRecord({ key: 'a.zip' });
    const undecodable = { ...good, s3: { ...good.s3, object: { ...good.s3.object, key: 'bad%ZZ.zip' } } };
    const notification = parseNotification(JSON.stringify({ Records: [good, undecodable, null, good] }));
    expect(notification).toMatchObject({
      kind: 'records',
      records: [
        { kind: 'build' },
        { kind: 'unrecognised', detail: 'The object key is not form-url-encoded.' },
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

  describe('wrapped by SNS, without raw delivery,', () => {
    const wrapped = (message: unknown, changes: object = {}) =>
      JSON.stringify({ Type: 'Notification', MessageId: 'm', TopicArn: 'arn', Message: message, ...changes });

    it.each([
      ['a notification of S3', s3Event({ key: 'a.zip' })],
      ['an event of EventBridge', fixture('eventbridge-object-created')],
      ['a test event', fixture('s3-test-event')],
      ['a message of several records', JSON.stringify({ Records: [s3EventRecord({ key: 'a.zip' }), null] })],
    ])('is read as if it had come alone: %s', (_, body) => {
      expect(parseNotification(wrapped(body))).toEqual(parseNotification(body));
      expect(parseNotification(JSON.stringify({ Type: 'Notification', Message: body }))).toEqual(
        parseNotification(body),
      );
    });

    it.each([
      ['another message', wrapped('hello'), 'In an SNS message: The body is not JSON.'],
      [
        'an object',
        wrapped({ Records: [] }),
        'An SNS message without a notification. Must the subscription be confirmed?',
      ],
      [
        'a request to confirm',
        wrapped('You have chosen to subscribe', { Type: 'SubscriptionConfirmation', Token: 'canary' }),
        'An SNS message without a notification. Must the subscription be confirmed?',
      ],
    ])('is not recognised where it is %s', (_, body, detail) => {
      expect(parseNotification(body)).toEqual({ kind: 'unrecognised', detail });
    });
  });

  const noEvent = 'Neither an S3 notification nor an S3 event from EventBridge.';
  const noRecords = 'Records is not a list with at least one record.';
  it.each([
    ['hello', 'The body is not JSON.'],
    ['"hello"', 'The body is not a JSON object.'],
    ['null', 'The body is not a JSON object.'],
    ['{"hello":1}', noEvent],
    ['{"Event":"sns:TestEvent"}', noEvent],
    ['{"Records":[]}', noRecords],
    ['{"Records":{"0":{}}}', noRecords],
  ])('does not recognise %s', (body, detail) => {
    expect(parseNotification(body)).toEqual({ kind: 'unrecognised', detail });
  });

  const missingOrUnexpected = (what: string) => ({
    kind: 'unrecognised',
    detail: `Not an S3 ObjectCreated event: ${what} is missing or unexpected.`,
  });

  it.each<[string, unknown?]>([
    ['eventSource', 'aws:sns'],
    ['eventName', 'ObjectRemoved:Delete'],
    ['awsRegion'],
    ['awsRegion', ''],
    ['eventTime', 'yesterday'],
    ['s3'],
    ['s3.bucket'],
    ['s3.bucket.name'],
    ['s3.bucket.name', ''],
    ['s3.object'],
    ['s3.object.key'],
    ['s3.object.key', ''],
    ['s3.object.size', '1024'],
    ['s3.object.eTag', 7],
    ['s3.object.versionId', 7],
    ['s3.object.sequencer', 7],
  ])('does not recognise a record of S3 whose %s is %o, and names the field', (path, value) => {
    const record = withValue(s3EventRecord({ key: 'a.zip' }), path.split('.'), value);
    expect(parseNotification(JSON.stringify({ Records: [record] }))).toEqual({
      kind: 'records',
      records: [missingOrUnexpected(path)],
    });
  });

  it('does not recognise a record that is no object', () => {
    expect(parseNotification('{"Records":[null]}')).toEqual({
      kind: 'records',
      records: [missingOrUnexpected('the record')],
    });
  });

  it.each<[string, unknown?]>([
    ['source', 'aws.ec2'],
    ['detail-type', 'Object Deleted'],
    ['region'],
    ['region', ''],
    ['time', 'yesterday'],
    ['detail'],
    ['detail.bucket'],
    ['detail.bucket.name'],
    ['detail.bucket.name', ''],
    ['detail.object'],
    ['detail.object.key'],
    ['detail.object.key', ''],
    ['detail.object.size', '5'],
    ['detail.object.etag', 7],
    ['detail.object.version-id', 7],
    ['detail.object.sequencer', 7],
  ])('does not recognise an event of EventBridge whose %s is %o, and names the field', (path, value) => {
    const event = withValue(JSON.parse(fixture('eventbridge-object-created')), path.split('.'), value);
    expect(parseNotification(JSON.stringify(event))).toEqual(missingOrUnexpected(path));
  });

  it('does not quote a foreign message', () => {
    const notification = parseNotification('{"Records":[{"eventSource":"canary-value"}]}');
    expect(JSON.stringify(notification)).not.toContain('canary-value');
  });

  it.each([
    ['versionId', undefined],
    ['versionId', null],
    ['versionId', ''],
    // That of an object that was stored while versioning was suspended: the next one overwrites it.
    ['versionId', 'null'],
    ['sequencer', undefined],
    ['sequencer', ''],
    ['eTag', undefined],
    ['eTag', ''],
    ['size', undefined],
  ])('leaves the %s %o out of the build', (name, value) => {
    const all = s3EventRecord({ key: 'a.zip', versionId: 'v1' });
    const record = withValue(all, ['s3', 'object', name], value);
    expect(Object.keys(onlyBuild(JSON.stringify({ Records: [all] })))).toContain(name);
    expect(Object.keys(onlyBuild(JSON.stringify({ Records: [record] })))).not.toContain(name);
  });

  it('keeps the size of an empty object', () => {
    expect(onlyBuild(s3Event({ key: 'a.zip', size: 0 })).size).toBe(0);
  });

  it('gives back every key that S3 could have encoded', () => {
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
