import {
  type NotificationConfiguration,
  PutBucketNotificationConfigurationCommand,
  type QueueConfiguration,
  type S3Client,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import {
  announceBuilds,
  type BucketNotification,
  stopAnnouncing,
} from '../../functions/set-bucket-notification/bucket-notification.ts';

const QUEUES = 'arn:aws:sqs:eu-central-1:123456789012';
const NOTIFICATION: BucketNotification = {
  BucketName: 'drop',
  QueueArn: `${QUEUES}:Drop-builds`,
  Prefix: 'builds/',
  Suffix: '.zip',
};

/** The notifications of a bucket, as S3 keeps them: all are replaced together, and no two may be for the same keys. */
class Bucket {
  configuration: NotificationConfiguration;
  skippedValidation = false;

  constructor(configuration: NotificationConfiguration = {}) {
    this.configuration = configuration;
  }

  readonly client = {
    send: async (command: object) => {
      if (!(command instanceof PutBucketNotificationConfigurationCommand)) {
        return { $metadata: { httpStatusCode: 200 }, ...this.configuration };
      }
      const { NotificationConfiguration: next = {}, SkipDestinationValidation = false } = command.input;
      const rules = next.QueueConfigurations ?? [];
      if (rules.some((rule, index) => rules.slice(index + 1).some((other) => overlap(rule, other)))) {
        const message = 'Configuration is ambiguously defined.';
        throw Object.assign(new Error(message), { name: 'InvalidArgument' });
      }
      this.configuration = next;
      this.skippedValidation = SkipDestinationValidation;
      return {};
    },
  } as unknown as S3Client;
}

function overlap(a: QueueConfiguration, b: QueueConfiguration): boolean {
  const part = ({ Filter }: QueueConfiguration, name: string) =>
    Filter?.Key?.FilterRules?.find(({ Name }) => Name === name)?.Value ?? '';
  const startsTogether = (x: string, y: string) => x.startsWith(y) || y.startsWith(x);
  const endsTogether = (x: string, y: string) => x.endsWith(y) || y.endsWith(x);
  return startsTogether(part(a, 'prefix'), part(b, 'prefix')) && endsTogether(part(a, 'suffix'), part(b, 'suffix'));
}

const rule = (queue: string, prefix: string, suffix = '.zip', Id = queue): QueueConfiguration => ({
  Id,
  QueueArn: `${QUEUES}:${queue}`,
  Events: ['s3:ObjectCreated:*'],
  Filter: {
    Key: {
      FilterRules: [
        { Name: 'prefix', Value: prefix },
        { Name: 'suffix', Value: suffix },
      ],
    },
  },
});
const OWN = rule('Drop-builds', 'builds/');
/** What another tool has put on the bucket. */
const OTHERS = {
  TopicConfigurations: [
    { TopicArn: 'arn:aws:sns:eu-central-1:123456789012:other', Events: ['s3:ObjectRemoved:*' as const] },
  ],
  QueueConfigurations: [rule('Other', 'reports/')],
  EventBridgeConfiguration: {},
};

describe('the notification', () => {
  it('announces every way of creating a zip under the prefix', async () => {
    const bucket = new Bucket();
    await announceBuilds(bucket.client, NOTIFICATION);
    expect(bucket.configuration).toEqual({ QueueConfigurations: [OWN] });
  });

  it('has no condition on the start of keys where all are taken: S3 refuses an empty one', async () => {
    const bucket = new Bucket();
    await announceBuilds(bucket.client, { ...NOTIFICATION, Prefix: '' });
    const [{ Filter } = {}] = bucket.configuration.QueueConfigurations ?? [];
    expect(Filter?.Key?.FilterRules).toEqual([{ Name: 'suffix', Value: '.zip' }]);
  });

  it('leaves those of others, and comes and goes beside them', async () => {
    const bucket = new Bucket(OTHERS);
    await announceBuilds(bucket.client, NOTIFICATION);
    expect(bucket.configuration).toEqual({ ...OTHERS, QueueConfigurations: [...OTHERS.QueueConfigurations, OWN] });
    await stopAnnouncing(bucket.client, NOTIFICATION);
    expect(bucket.configuration).toEqual(OTHERS);
  });

  it.each([
    ['a deployment with another prefix', rule('Drop-builds', '')],
    ['a former stack, which put it into the bucket’s own properties', rule('Drop-builds', 'builds/', '.zip', 'MTQw')],
  ])('replaces that of %s: S3 would refuse a second one', async (_, left) => {
    const bucket = new Bucket({ ...OTHERS, QueueConfigurations: [...OTHERS.QueueConfigurations, left] });
    await announceBuilds(bucket.client, NOTIFICATION);
    expect(bucket.configuration.QueueConfigurations).toEqual([...OTHERS.QueueConfigurations, OWN]);
  });

  it('that overlaps with another’s is refused with what to do', async () => {
    const bucket = new Bucket({ QueueConfigurations: [rule('Other', '')] });
    await expect(announceBuilds(bucket.client, NOTIFICATION)).rejects.toThrow(
      /for the same keys, or its destination does not exist\. Remove it, or set bucketEvents to eventbridge\. S3: Configuration/,
    );
  });

  it('fails with the error of S3 where that is another one', async () => {
    const bucket = new Bucket();
    const send = async (command: object) => {
      if (command instanceof PutBucketNotificationConfigurationCommand) {
        throw Object.assign(new Error('no'), { name: 'AccessDenied' });
      }
      return bucket.client.send(command as never);
    };
    await expect(announceBuilds({ send } as unknown as S3Client, NOTIFICATION)).rejects.toThrow(/^no$/);
  });

  it('lets a destroyed stack’s bucket be adopted by another stack, whatever its name', async () => {
    const bucket = new Bucket();
    await announceBuilds(bucket.client, NOTIFICATION);
    await stopAnnouncing(bucket.client, NOTIFICATION);
    await announceBuilds(bucket.client, { ...NOTIFICATION, QueueArn: `${QUEUES}:Again-builds` });
    expect(bucket.configuration.QueueConfigurations).toEqual([rule('Again-builds', 'builds/')]);
  });

  it('goes even if the destination of another one does not exist', async () => {
    const bucket = new Bucket(OTHERS);
    await announceBuilds(bucket.client, NOTIFICATION);
    expect(bucket.skippedValidation).toBe(false);
    await stopAnnouncing(bucket.client, NOTIFICATION);
    expect(bucket.skippedValidation).toBe(true);
  });

  it('goes with a bucket that was deleted before the stack', async () => {
    const failing = (name: string) =>
      ({ send: async () => Promise.reject(Object.assign(new Error('no'), { name })) }) as unknown as S3Client;
    await expect(stopAnnouncing(failing('NoSuchBucket'), NOTIFICATION)).resolves.toBeUndefined();
    await expect(stopAnnouncing(failing('AccessDenied'), NOTIFICATION)).rejects.toThrow('no');
  });
});
