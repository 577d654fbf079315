import { type App, Validations } from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it, vi } from 'vitest';
import { LEDGER_TABLE } from '../../functions/adapters/ledger-table.ts';
import { OUTPUTS } from '../../infra/outputs/outputs.ts';
import { appOf, type Resource, ROUTE, STUDIO, type Stack, synthesized } from './synthesized.ts';

const DAY_S = 24 * 3600;
const BUCKET = 'streampixeldrop-<AWS::AccountId>-<AWS::Region>';

const stack = synthesized();
const adopting = synthesized({ ...STUDIO, bucketName: 'studio-builds' });

const queueOf = ({ only }: Stack, suffix: string) =>
  only('AWS::SQS::Queue', ({ QueueName }) => QueueName === `StreampixelDrop${suffix}`);
const builds = queueOf(stack, '-builds');
const topic = stack.only('AWS::SNS::Topic');

const policyOf = ({ ofType }: Stack, type: string, target: Resource) =>
  ofType(type)
    .filter(({ Properties: { Queues = [], Topics = [] } }) => [...Queues, ...Topics].includes(`<${target.id}>`))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);

const deniesPlainHttp = (action: string) =>
  expect.objectContaining({
    Effect: 'Deny',
    Action: action,
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  });

describe('the drop bucket', () => {
  const bucket = stack.only('AWS::S3::Bucket');

  it('keeps versions, is encrypted and private, and takes TLS only', () => {
    expect(bucket.Properties).toMatchObject({
      VersioningConfiguration: { Status: 'Enabled' },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
    expect(stack.only('AWS::S3::BucketPolicy').Properties.PolicyDocument.Statement).toEqual([deniesPlainHttp('s3:*')]);
  });

  it('deletes abandoned uploads, and replaced versions later than a build can wait for them, but no current one', () => {
    const { Rules } = bucket.Properties.LifecycleConfiguration;
    const wait = [builds, queueOf(stack, '-builds-dead-letters')].map(
      ({ Properties }) => Properties.MessageRetentionPeriod,
    );
    const days = Rules.flatMap((rule: Record<string, { NoncurrentDays: number }>) =>
      rule.NoncurrentVersionExpiration ? [rule.NoncurrentVersionExpiration.NoncurrentDays] : [],
    );
    expect(days).toHaveLength(1);
    expect(days[0] * DAY_S).toBeGreaterThan(wait[0] + wait[1]);
    expect(Rules).toContainEqual(expect.objectContaining({ AbortIncompleteMultipartUpload: expect.anything() }));
    expect(JSON.stringify(Rules)).not.toMatch(/"(ExpirationInDays|ExpirationDate|Transitions?)"/);
  });

  it('has a name that S3 takes, with the longest name of a stack and of a region', () => {
    const { BucketName } = synthesized({ ...STUDIO, stackName: `S${'x'.repeat(34)}` }).only(
      'AWS::S3::Bucket',
    ).Properties;
    const name = BucketName.replace('<AWS::AccountId>', '123456789012').replace('<AWS::Region>', 'ap-southeast-1');
    expect(name).toMatch(/^[a-z0-9-]{3,63}$/);
  });
});

describe.each([
  ['its own bucket', stack, BUCKET],
  ['an existing bucket', adopting, 'studio-builds'],
])('the notification, with %s', (_, given, bucketName) => {
  const notification = given.only('Custom::BucketNotification');
  const queue = queueOf(given, '-builds');

  it('is for the zips under the prefix, goes to the builds queue, and does not wait for an hour where it fails', () => {
    expect(notification.Properties).toMatchObject({
      BucketName: bucketName,
      QueueArn: `<${queue.id}.Arn>`,
      Prefix: 'builds/',
      Suffix: '.zip',
      ServiceTimeout: '300',
    });
  });

  it('is made after the bucket and the permission that S3 checks at once', () => {
    const policy = given.only('AWS::SQS::QueuePolicy', ({ Queues }) => Queues.includes(`<${queue.id}>`));
    const buckets = given.ofType('AWS::S3::Bucket').map(({ id }) => id);
    expect(notification.DependsOn).toEqual(expect.arrayContaining([policy.id, ...buckets]));
  });
});

describe('an existing bucket', () => {
  it('is not made, and not changed but for the notification', () => {
    expect(adopting.ofType('AWS::S3::Bucket')).toEqual([]);
    expect(adopting.ofType('AWS::S3::BucketPolicy')).toEqual([]);
  });

  it('comes with a warning about sharing it', () => {
    expect(adopting.messages).toEqual([expect.stringMatching(/^info: .*Do not deploy two stacks for one bucket/)]);
  });
});

describe('events by EventBridge', () => {
  const own = synthesized({ ...STUDIO, bucketEvents: 'eventbridge' });
  const existing = synthesized({ ...STUDIO, bucketEvents: 'eventbridge', bucketName: 'studio-builds' });

  describe.each([
    ['its own bucket', own, BUCKET],
    ['an existing bucket', existing, 'studio-builds'],
  ])('with %s', (_, given, bucketName) => {
    const queue = queueOf(given, '-builds');
    const rule = given.only('AWS::Events::Rule', ({ Targets }) => Targets[0].Arn === `<${queue.id}.Arn>`);

    it('bring the zips under the prefix of this bucket to the builds queue, or to its dead-letter queue', () => {
      expect(rule.Properties.EventPattern).toEqual({
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: { bucket: { name: [bucketName] }, object: { key: [{ wildcard: 'builds/*.zip' }] } },
      });
      expect(rule.Properties.Targets).toEqual([
        expect.objectContaining({
          DeadLetterConfig: { Arn: `<${queueOf(given, '-builds-dead-letters').id}.Arn>` },
        }),
      ]);
    });

    it('let this rule send to the two queues, and S3 to none', () => {
      for (const each of [queue, queueOf(given, '-builds-dead-letters')]) {
        expect(policyOf(given, 'AWS::SQS::QueuePolicy', each)).toEqual([
          deniesPlainHttp('sqs:*'),
          expect.objectContaining({
            Principal: { Service: 'events.amazonaws.com' },
            Action: 'sqs:SendMessage',
            Condition: { ArnEquals: { 'aws:SourceArn': `<${rule.id}.Arn>` } },
          }),
        ]);
      }
    });

    it('do without a function that changes notifications', () => {
      expect(given.ofType('Custom::BucketNotification')).toEqual([]);
      expect(given.ofType('AWS::Lambda::Function')).toHaveLength(5);
    });
  });

  it('are sent by the stack’s own bucket, from when the rule is there', () => {
    const bucket = own.only('AWS::S3::Bucket');
    expect(bucket.Properties.NotificationConfiguration).toEqual({
      EventBridgeConfiguration: { EventBridgeEnabled: true },
    });
    expect(bucket.DependsOn).toEqual([expect.stringMatching(/^DropBucketDropped/)]);
  });

  it('have to be turned on for an existing bucket, which is not changed', () => {
    expect(existing.ofType('AWS::S3::Bucket')).toEqual([]);
    expect(existing.messages).toEqual([expect.stringMatching(/^info: studio-builds has to send .* EventBridge > On/)]);
  });

  it('are all zips of the bucket where the prefix is empty', () => {
    const routes = [{ ...ROUTE, prefix: '' }];
    const all = synthesized({ ...STUDIO, routes, prefix: '', bucketEvents: 'eventbridge' });
    const { detail } = all.only('AWS::Events::Rule', ({ Targets }) => Targets[0].Arn.includes('BuildsQueue')).Properties
      .EventPattern;
    expect(detail.object.key).toEqual([{ wildcard: '*.zip' }]);
  });
});

describe.each([
  ['its own bucket', stack, BUCKET],
  ['an existing bucket', adopting, 'studio-builds'],
])('S3’s permission on the builds queue, with %s', (_, given, bucketName) => {
  it('is for this bucket of this account only', () => {
    const queue = queueOf(given, '-builds');
    expect(policyOf(given, 'AWS::SQS::QueuePolicy', queue)).toEqual([
      deniesPlainHttp('sqs:*'),
      {
        Sid: 'AllowS3Notifications',
        Effect: 'Allow',
        Principal: { Service: 's3.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: `<${queue.id}.Arn>`,
        Condition: {
          ArnEquals: { 'aws:SourceArn': `arn:<AWS::Partition>:s3:::${bucketName}` },
          StringEquals: { 'aws:SourceAccount': '<AWS::AccountId>' },
        },
      },
    ]);
  });
});

describe.each([
  ['builds', 'SubmitBuild'],
  ['follow', 'FollowBuilds'],
])('the %s queue', (name, construct) => {
  const queue = queueOf(stack, `-${name}`);
  const deadLetters = queueOf(stack, `-${name}-dead-letters`);

  it('and its dead-letter queue are encrypted with SQS’s own key, which S3 and EventBridge can use, and take TLS only', () => {
    for (const each of [queue, deadLetters]) {
      expect(each.Properties.SqsManagedSseEnabled).toBe(true);
      expect(each.Properties).not.toHaveProperty('KmsMasterKeyId');
      expect(policyOf(stack, 'AWS::SQS::QueuePolicy', each)).toContainEqual(deniesPlainHttp('sqs:*'));
    }
  });

  it('hides a message for at least six times the function’s timeout', () => {
    const worker = stack.ofType('AWS::Lambda::Function').find(({ id }) => id.startsWith(construct));
    expect(queue.Properties.VisibilityTimeout).toBeGreaterThanOrEqual(6 * worker?.Properties.Timeout);
  });

  it('leaves giving up to the ledger: SQS itself moves a message only after many more receives than there are tries', () => {
    const { deadLetterTargetArn, maxReceiveCount } = queue.Properties.RedrivePolicy;
    expect(deadLetterTargetArn).toBe(`<${deadLetters.id}.Arn>`);
    expect(maxReceiveCount).toBeGreaterThanOrEqual(100);
  });

  it('leaves at least a week to fix a dead letter, although SQS counts from its first enqueue time', () => {
    const { MessageRetentionPeriod } = queue.Properties;
    expect(deadLetters.Properties.MessageRetentionPeriod).toBeGreaterThanOrEqual(MessageRetentionPeriod + 7 * DAY_S);
  });

  it('is the only one that may use its dead-letter queue', () => {
    expect(deadLetters.Properties.RedriveAllowPolicy).toEqual({
      redrivePermission: 'byQueue',
      sourceQueueArns: [`arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>:${queue.Properties.QueueName}`],
    });
  });
});

describe('a submission', () => {
  const submitted = (given: Stack) =>
    given.only('AWS::Events::Rule', ({ Targets }) => Targets[0].Arn === `<${queueOf(given, '-follow').id}.Arn>`);

  it('of the stack’s own builds goes to the follow queue, and no other: another stack may have the same bucket', () => {
    const rule = submitted(stack);
    const deadLetters = queueOf(stack, '-follow-dead-letters');
    expect(rule.Properties.EventPattern).toEqual({
      source: ['streampixel-drop'],
      'detail-type': ['Build Submitted'],
      detail: { build: { bucket: [BUCKET], key: [{ prefix: 'builds/' }] } },
    });
    // What can't be delivered is not lost.
    expect(rule.Properties.Targets[0].DeadLetterConfig).toEqual({ Arn: `<${deadLetters.id}.Arn>` });
    for (const queue of [queueOf(stack, '-follow'), deadLetters]) {
      expect(policyOf(stack, 'AWS::SQS::QueuePolicy', queue)).toContainEqual(
        expect.objectContaining({
          Principal: { Service: 'events.amazonaws.com' },
          Condition: { ArnEquals: { 'aws:SourceArn': `<${rule.id}.Arn>` } },
        }),
      );
    }
  });

  it('is known by the bucket where all of its keys are taken', () => {
    const routes = [{ ...ROUTE, prefix: '' }];
    const { EventPattern } = submitted(synthesized({ ...STUDIO, routes, prefix: '' })).Properties;
    expect(EventPattern.detail).toEqual({ build: { bucket: [BUCKET] } });
  });
});

describe('destroy', () => {
  const keptBy = ({ resources }: Stack) =>
    resources.filter(({ DeletionPolicy = 'Delete' }) => DeletionPolicy !== 'Delete').map(({ Type }) => Type);

  it('keeps the bucket with its policy and the ledger, and nothing else', () => {
    expect(keptBy(stack).sort()).toEqual(['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::S3::BucketPolicy']);
  });

  it('keeps nothing of a first deployment that fails, and a bucket or table that an update would replace', () => {
    for (const { DeletionPolicy, UpdateReplacePolicy } of stack.resources) {
      if (DeletionPolicy === undefined || DeletionPolicy === 'Delete') continue;
      expect([DeletionPolicy, UpdateReplacePolicy]).toEqual(['RetainExceptOnCreate', 'Retain']);
    }
  });

  it('takes the notification away from the bucket: two rules for the same keys are refused, and so the next stack would be', () => {
    expect(stack.only('AWS::S3::Bucket').Properties).not.toHaveProperty('NotificationConfiguration');
    expect(stack.only('Custom::BucketNotification').DeletionPolicy).not.toMatch(/Retain/);
  });

  it('can be undone by a stack that adopts what was kept', () => {
    const again = synthesized({ ...STUDIO, bucketName: 'studio-builds', ledgerTableName: 'Old-Ledger' });
    expect(keptBy(again)).toEqual([]);
    expect(again.ofType('AWS::DynamoDB::Table')).toEqual([]);
    expect(again.outputs[OUTPUTS.ledgerTableName]?.Value).toBe('Old-Ledger');
    const tables = again
      .ofType('AWS::Lambda::Function')
      .flatMap(({ Properties }) => Properties.Environment?.Variables.LEDGER_TABLE ?? []);
    expect(tables).toEqual(['Old-Ledger', 'Old-Ledger', 'Old-Ledger']);
  });
});

describe('the ledger’s table', () => {
  const table = stack.only('AWS::DynamoDB::Table');

  it('has the keys and indexes that the adapters use', () => {
    const { partitionKey, timeToLive, byState, byUploadId } = LEDGER_TABLE;
    const index = (name: string) =>
      table.Properties.GlobalSecondaryIndexes.find(({ IndexName }: { IndexName: string }) => IndexName === name)
        .KeySchema;
    expect(table.Properties.KeySchema).toEqual([{ AttributeName: partitionKey, KeyType: 'HASH' }]);
    expect(table.Properties.TimeToLiveSpecification).toEqual({ AttributeName: timeToLive, Enabled: true });
    expect(index(byState.indexName)).toEqual([
      { AttributeName: byState.partitionKey, KeyType: 'HASH' },
      { AttributeName: byState.sortKey, KeyType: 'RANGE' },
    ]);
    expect(index(byUploadId.indexName)).toEqual([{ AttributeName: byUploadId.partitionKey, KeyType: 'HASH' }]);
    // A number, or it would sort as text.
    expect(table.Properties.AttributeDefinitions).toContainEqual({
      AttributeName: byState.sortKey,
      AttributeType: 'N',
    });
  });

  it('costs what is used, and can be restored', () => {
    expect(table.Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
  });
});

describe('the alert topic', () => {
  it('lets alarms publish although its own policy replaces the default one', () => {
    expect(policyOf(stack, 'AWS::SNS::TopicPolicy', topic)).toEqual([
      deniesPlainHttp('sns:Publish'),
      {
        Sid: 'AllowAlarms',
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: 'sns:Publish',
        Resource: `<${topic.id}>`,
        Condition: {
          ArnLike: { 'aws:SourceArn': 'arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:*' },
          StringEquals: { 'aws:SourceAccount': '<AWS::AccountId>' },
        },
      },
    ]);
  });

  it('reaches every address of the settings', () => {
    const emails = ['a@studio.example', 'b@studio.example'];
    const subscriptions = synthesized({ ...STUDIO, alertEmails: emails }).ofType('AWS::SNS::Subscription');
    expect(subscriptions.map(({ Properties: { Protocol, Endpoint } }) => [Protocol, Endpoint])).toEqual([
      ['email', 'a@studio.example'],
      ['email', 'b@studio.example'],
    ]);
  });
});

const FLAGS = '--stack StreampixelDrop --region <AWS::Region>';

describe('outputs', () => {
  const other = '5f0000000000000000000003';
  const routes = [
    ROUTE,
    { ...ROUTE, prefix: 'builds/demo/', userId: other, projectId: other, apiKeyParameter: '/demo/api-key' },
    { ...ROUTE, prefix: 'builds/test/' },
  ];
  const several = synthesized({ ...STUDIO, routes });
  const value = (id: string) => several.outputs[id]?.Value;

  it('find everything by a stable id', () => {
    const {
      deliveryBucketPolicy,
      deliveryKmsKeyPolicy,
      distribution,
      rehearsal,
      rehearse,
      githubRoleArn,
      moreApiKeys,
      moreWebhooks,
      routes,
      ...always
    } = OUTPUTS;
    expect(Object.keys(stack.outputs).sort()).toEqual(Object.values(always).sort());
    const values = Object.fromEntries(Object.entries(stack.outputs).map(([id, { Value }]) => [id, Value]));
    const submitBuild = stack.ofType('AWS::Lambda::Function').find(({ id }) => id.startsWith('SubmitBuild'));
    expect(values).toMatchObject({
      [OUTPUTS.dropBucketName]: BUCKET,
      [OUTPUTS.buildsQueueUrl]: `<${builds.id}>`,
      [OUTPUTS.deadLetterQueueUrl]: `<${queueOf(stack, '-builds-dead-letters').id}>`,
      [OUTPUTS.followQueueUrl]: `<${queueOf(stack, '-follow').id}>`,
      [OUTPUTS.submitBuildFunctionName]: `<${submitBuild?.id}>`,
      [OUTPUTS.ledgerTableName]: `<${stack.only('AWS::DynamoDB::Table').id}>`,
      [OUTPUTS.alertTopicArn]: `<${topic.id}>`,
      [OUTPUTS.webhookUrl]: `<${stack.only('AWS::ApiGatewayV2::Api').id}.ApiEndpoint>`,
    });
  });

  it('say whether the rate limit is shared, and how to share it', () => {
    const rateLimit = ({ outputs }: Stack) => outputs[OUTPUTS.rateLimit]?.Value;
    const table = stack.only('AWS::DynamoDB::Table');
    expect(rateLimit(stack)).toMatch(/^Not shared\. /);
    expect(rateLimit(stack)).toContain(`-c ledgerTableName=<${table.id}>`);
    expect(rateLimit(synthesized({ ...STUDIO, ledgerTableName: 'Old-Ledger' }))).toMatch(
      /^Shared by all stacks on the ledger Old-Ledger\. /,
    );
  });

  it('say how to see what is under way for a project that has left the routes', () => {
    expect(stack.outputs[OUTPUTS.afterRouteChange]?.Value).toBe(`npx --no streampixel-drop doctor ${FLAGS}`);
  });

  it('tell the operator’s tool how builds are announced', () => {
    const { bucketEvents } = JSON.parse(
      synthesized({ ...STUDIO, bucketEvents: 'eventbridge' }).outputs[OUTPUTS.settings]?.Value ?? '',
    );
    expect(bucketEvents).toBe('eventbridge');
  });

  it('give the command that drops a build under a route', () => {
    expect(value(OUTPUTS.dropABuild)).toBe(`aws s3 cp MyGame.zip "s3://${BUCKET}/builds/MyGame.zip"`);
  });

  it('give a command for each API key, for this stack and region', () => {
    expect([value(OUTPUTS.storeApiKey), value(`${OUTPUTS.storeApiKey}2`)]).toEqual(
      ['/studio/api-key', '/demo/api-key'].map(
        (name) => `npx --no streampixel-drop key set --parameter ${name} ${FLAGS}`,
      ),
    );
    expect(value(`${OUTPUTS.storeApiKey}3`)).toBeUndefined();
  });

  it('give each project’s webhook with the steps on the dashboard, once, and without the token', () => {
    const base = value(OUTPUTS.webhookUrl);
    expect(value(OUTPUTS.webhookOfProject)).toBe(`${base}/${ROUTE.projectId}/TOKEN`);
    expect(value(`${OUTPUTS.webhookOfProject}2`)).toBe(`${base}/${other}/TOKEN`);
    expect(value(`${OUTPUTS.webhookOfProject}3`)).toBeUndefined();
    expect(several.outputs[OUTPUTS.webhookOfProject]?.Description).toMatch(
      /Project Settings.*every event.*Test Webhook/,
    );
    expect(value(OUTPUTS.setUpWebhooks)).toBe(`npx --no streampixel-drop webhook ${FLAGS}`);
  });
});

describe('synthesis', () => {
  /** CDK prints the warnings as well. */
  function messagesWith(settings: Record<string, unknown>): readonly string[] {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { messages } = synthesized(settings);
    printed.mockRestore();
    return messages;
  }

  it('warns of each sample id, and of alarms that reach no one', () => {
    expect(messagesWith({})).toEqual([
      expect.stringMatching(/^warning: routes\[0\]\.userId and routes\[0\]\.projectId: still the sample/),
      expect.stringMatching(/^warning: alertEmails is empty/),
    ]);
    expect(stack.messages).toEqual([]);
  });

  it('warns of fileUrls that are signed for longer than any session lives', () => {
    expect(messagesWith({ ...STUDIO, fileUrlLifetimeSeconds: 12 * 3600 })).toEqual([
      expect.stringMatching(/^warning: fileUrlLifetimeSeconds: .* longer than 12 hours, .* Sign for less/),
    ]);
  });

  it('fails on what cdk-nag finds and the code does not acknowledge', () => {
    const app = appOf(STUDIO);
    new Topic(app.node.findChild('StreampixelDrop'), 'WithoutTls');

    expect(() => app.synth()).toThrow(/WithoutTls.*AwsSolutions-SNS3/s);
  });

  it('acknowledges these findings, wildcards one by one, and no others', () => {
    const always = [
      'IAM5[Resource::*]',
      'IAM5[Resource::arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:key/*]',
      'IAM5[Resource::arn:<AWS::Partition>:cloudformation:<AWS::Region>:<AWS::AccountId>:stack/StreampixelDrop/*]',
      'APIG1',
      'APIG4',
    ];
    const builds = (bucket: string) =>
      ['*', '*.zip'].map((end) => `IAM5[Resource::arn:<AWS::Partition>:s3:::${bucket}/builds/${end}]`);
    expect(acknowledgedIn(appOf(STUDIO))).toEqual([...always, 'S1', ...builds(BUCKET)].sort());
    expect(acknowledgedIn(appOf({ ...STUDIO, bucketName: 'studio-builds' }))).toEqual(
      [...always, ...builds('studio-builds')].sort(),
    );
  });
});

function acknowledgedIn(app: App): string[] {
  // Wildcards are named as the template names them, so at synthesis.
  app.synth();
  const acknowledged = app.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }) => Object.keys(data))
    .map((rule) => rule.replace('AwsSolutions::AwsSolutions-', ''));
  return [...new Set(acknowledged)].sort();
}
