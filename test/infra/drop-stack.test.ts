import { type App, Validations } from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it, vi } from 'vitest';
import { LEDGER_TABLE } from '../../functions/adapters/ledger-table.ts';
import {
  ENV as REDRIVE_ENV,
  readEnvironment as readRedriveEnvironment,
} from '../../functions/redrive-builds/environment.ts';
import { ENV, readEnvironment } from '../../functions/submit-build/environment.ts';
import { OUTPUTS } from '../../infra/outputs.ts';
import { appOf, type Resource, ROUTE, STUDIO, synthesized } from './synthesized.ts';

const DAY_S = 24 * 3600;

const stack = synthesized();
const adopting = synthesized({ ...STUDIO, bucketName: 'studio-builds' });

const queues = ({ only }: typeof stack) => ({
  builds: only('AWS::SQS::Queue', ({ QueueName }) => QueueName === 'StreampixelDrop-builds'),
  deadLetters: only('AWS::SQS::Queue', ({ QueueName }) => QueueName === 'StreampixelDrop-builds-dead-letters'),
});
const { builds, deadLetters } = queues(stack);
const submitBuildOf = ({ only }: typeof stack) =>
  only('AWS::Lambda::Function', ({ Environment }) => ENV.maxAttempts in Environment.Variables);
const submitBuild = submitBuildOf(stack);
const redriveBuilds = stack.only(
  'AWS::Lambda::Function',
  ({ Environment: { Variables } }) =>
    REDRIVE_ENV.deadLetterQueueUrl in Variables && ENV.routes in Variables && !(ENV.maxAttempts in Variables),
);
/** The rule that waits for changes of SSM's parameters. */
const isOnKeys = ({ EventPattern }: { EventPattern?: { source: string[] } }) =>
  EventPattern?.source.includes('aws.ssm') === true;
const logGroupOf = (worker: Resource) => {
  const group = stack
    .ofType('AWS::Logs::LogGroup')
    .find(({ id }) => worker.Properties.LoggingConfig.LogGroup === `<${id}>`);
  if (group === undefined) throw new Error(`${worker.id} has no log group of its own`);
  return group;
};
const logGroup = logGroupOf(submitBuild);
const table = stack.only('AWS::DynamoDB::Table');
const topic = stack.only('AWS::SNS::Topic');

const policyOf = ({ ofType }: typeof stack, type: string, target: Resource) =>
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

  it('keeps versions, is encrypted, private and owned by nobody else', () => {
    expect(bucket.Properties).toMatchObject({
      BucketName: 'streampixeldrop-<AWS::AccountId>-<AWS::Region>',
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

  it('outlives the stack', () => {
    expect(bucket.DeletionPolicy).toBe('Retain');
  });

  it('drops given-up uploads and replaced versions, but no current one', () => {
    expect(bucket.Properties.LifecycleConfiguration.Rules).toEqual([
      { Id: 'AbortStalledUploads', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
      { Id: 'ExpireReplacedVersions', Status: 'Enabled', NoncurrentVersionExpiration: { NoncurrentDays: 30 } },
    ]);
  });

  it('keeps a replaced version for longer than a build can wait for it', () => {
    const waitS = builds.Properties.MessageRetentionPeriod + deadLetters.Properties.MessageRetentionPeriod;
    expect(30 * DAY_S).toBeGreaterThan(waitS);
  });

  it('announces every way of creating a zip under the prefix, to the builds queue only', () => {
    expect(bucket.Properties.NotificationConfiguration).toEqual({
      QueueConfigurations: [
        {
          Event: 's3:ObjectCreated:*',
          Queue: `<${builds.id}.Arn>`,
          Filter: {
            S3Key: {
              Rules: [
                { Name: 'prefix', Value: 'builds/' },
                { Name: 'suffix', Value: '.zip' },
              ],
            },
          },
        },
      ],
    });
  });

  it('watches all keys where no prefix is set', () => {
    const everything = synthesized({ ...STUDIO, prefix: '' });
    const [{ Filter }] = everything.only('AWS::S3::Bucket').Properties.NotificationConfiguration.QueueConfigurations;
    expect(Filter.S3Key.Rules).toEqual([{ Name: 'suffix', Value: '.zip' }]);
  });

  it('is made after the permission that S3 checks at once, without a custom resource', () => {
    const policy = stack.only('AWS::SQS::QueuePolicy', ({ Queues }) => Queues.includes(`<${builds.id}>`));
    expect(bucket.DependsOn).toContain(policy.id);
    expect(stack.ofType('Custom::S3BucketNotifications')).toEqual([]);
  });

  it('has a name that S3 takes, whatever the region and however long the stack’s name may be', () => {
    const named = synthesized({ ...STUDIO, stackName: `S${'x'.repeat(34)}` });
    const name = named
      .only('AWS::S3::Bucket')
      .Properties.BucketName.replace('<AWS::AccountId>', '123456789012')
      .replace('<AWS::Region>', 'ap-southeast-1');
    expect(name).toMatch(/^[a-z0-9-]{3,63}$/);
  });
});

describe('an existing bucket', () => {
  it('is told by CDK’s custom resource, and is not made or changed otherwise', () => {
    expect(adopting.ofType('AWS::S3::Bucket')).toEqual([]);
    expect(adopting.ofType('AWS::S3::BucketPolicy')).toEqual([]);
    const notifications = adopting.only('Custom::S3BucketNotifications');
    expect(notifications.Properties).toMatchObject({
      BucketName: 'studio-builds',
      Managed: false,
      NotificationConfiguration: {
        QueueConfigurations: [
          {
            Events: ['s3:ObjectCreated:*'],
            QueueArn: `<${queues(adopting).builds.id}.Arn>`,
            Filter: {
              Key: {
                FilterRules: expect.arrayContaining([
                  { Name: 'prefix', Value: 'builds/' },
                  { Name: 'suffix', Value: '.zip' },
                ]),
              },
            },
          },
        ],
      },
    });
    const policy = adopting.only('AWS::SQS::QueuePolicy', ({ Queues }) =>
      Queues.includes(`<${queues(adopting).builds.id}>`),
    );
    expect(notifications.DependsOn).toContain(policy.id);
  });

  it('comes with a word of warning about sharing it', () => {
    expect(adopting.messages).toEqual([expect.stringMatching(/^info: .*Do not deploy two stacks for one bucket/)]);
  });

  it('may be encrypted with a key of the studio’s own', () => {
    const bucketKmsKeyArn = 'arn:aws:kms:eu-central-1:123456789012:key/0f0f-1';
    const encrypted = synthesized({ ...STUDIO, bucketName: 'studio-builds', bucketKmsKeyArn });

    expect(statementsOf(encrypted).DecryptBuilds).toEqual({
      Sid: 'DecryptBuilds',
      Effect: 'Allow',
      Action: 'kms:Decrypt',
      Resource: bucketKmsKeyArn,
      Condition: { StringEquals: { 'kms:ViaService': 's3.<AWS::Region>.<AWS::URLSuffix>' } },
    });
    expect(statementsOf(adopting)).not.toHaveProperty('DecryptBuilds');
  });
});

describe.each([
  ['its own bucket', stack, 'streampixeldrop-<AWS::AccountId>-<AWS::Region>'],
  ['an existing bucket', adopting, 'studio-builds'],
])('S3’s permission on the builds queue, with %s', (_, given, bucketName) => {
  it('is for this bucket of this account only', () => {
    const statements = policyOf(given, 'AWS::SQS::QueuePolicy', queues(given).builds);

    expect(statements).toEqual([
      deniesPlainHttp('sqs:*'),
      {
        Sid: 'AllowS3Notifications',
        Effect: 'Allow',
        Principal: { Service: 's3.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: `<${queues(given).builds.id}.Arn>`,
        Condition: {
          ArnEquals: { 'aws:SourceArn': `arn:<AWS::Partition>:s3:::${bucketName}` },
          StringEquals: { 'aws:SourceAccount': '<AWS::AccountId>' },
        },
      },
    ]);
  });
});

describe('the queues', () => {
  it('are encrypted with SQS’s own key, which S3 can use, and take TLS only', () => {
    for (const queue of [builds, deadLetters]) {
      expect(queue.Properties.SqsManagedSseEnabled).toBe(true);
      expect(queue.Properties).not.toHaveProperty('KmsMasterKeyId');
      expect(policyOf(stack, 'AWS::SQS::QueuePolicy', queue)).toContainEqual(deniesPlainHttp('sqs:*'));
    }
  });

  it('hide a message for six times the function’s timeout, and are polled with patience', () => {
    expect(builds.Properties.VisibilityTimeout).toBe(6 * submitBuild.Properties.Timeout);
    expect(builds.Properties.ReceiveMessageWaitTimeSeconds).toBe(20);
  });

  it('leave giving up to the ledger: SQS moves a message only after 100 receives', () => {
    expect(builds.Properties.RedrivePolicy).toEqual({
      deadLetterTargetArn: `<${deadLetters.id}.Arn>`,
      maxReceiveCount: 100,
    });
  });

  it('leave a week at least to mend a dead letter, although SQS keeps its first enqueue time', () => {
    expect(builds.Properties.MessageRetentionPeriod).toBe(7 * DAY_S);
    expect(deadLetters.Properties.MessageRetentionPeriod).toBe(14 * DAY_S);
  });

  it('belong together: no other queue may use the dead-letter queue', () => {
    expect(deadLetters.Properties.RedriveAllowPolicy).toEqual({
      redrivePermission: 'byQueue',
      sourceQueueArns: [`arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>:${builds.Properties.QueueName}`],
    });
  });
});

describe('the ledger’s table', () => {
  it('has the shape that the adapters define', () => {
    const { partitionKey, timeToLive, byState, byUploadId } = LEDGER_TABLE;
    expect(table.Properties).toMatchObject({
      KeySchema: [{ AttributeName: partitionKey, KeyType: 'HASH' }],
      TimeToLiveSpecification: { AttributeName: timeToLive, Enabled: true },
      GlobalSecondaryIndexes: [
        {
          IndexName: byState.indexName,
          KeySchema: [
            { AttributeName: byState.partitionKey, KeyType: 'HASH' },
            { AttributeName: byState.sortKey, KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'ALL' },
        },
        {
          IndexName: byUploadId.indexName,
          KeySchema: [{ AttributeName: byUploadId.partitionKey, KeyType: 'HASH' }],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
    });
    expect(table.Properties.AttributeDefinitions).toEqual([
      { AttributeName: partitionKey, AttributeType: 'S' },
      { AttributeName: byState.partitionKey, AttributeType: 'S' },
      { AttributeName: byState.sortKey, AttributeType: 'N' },
      { AttributeName: byUploadId.partitionKey, AttributeType: 'S' },
    ]);
  });

  it('costs what is used, can be brought back, and outlives the stack', () => {
    expect(table.Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
    expect(table.DeletionPolicy).toBe('Retain');
  });
});

/** @param sid of a statement that only this function's role has */
function statementsOf(
  { only }: typeof stack,
  sid = 'SendDeadLetters',
): Record<string, { Action: unknown; Resource: unknown }> {
  const policy = only('AWS::IAM::Policy', ({ PolicyDocument }) =>
    PolicyDocument.Statement.some(({ Sid }: { Sid?: string }) => Sid === sid),
  );
  return Object.fromEntries(
    policy.Properties.PolicyDocument.Statement.map((statement: { Sid?: string; Action: string | string[] }) => [
      // Those that CDK grants have no Sid: the first action's service names them.
      statement.Sid ?? [statement.Action].flat()[0]?.split(':')[0],
      statement,
    ]),
  );
}

describe.each([
  ['submit-build', submitBuild],
  ['redrive-builds', redriveBuilds],
])('%s', (_, worker) => {
  it('runs on Node 24, ARM, traced, and writes text lines to a log of its own', () => {
    expect(worker.Properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      TracingConfig: { Mode: 'Active' },
      LoggingConfig: { LogFormat: 'Text', LogGroup: `<${logGroupOf(worker).id}>` },
    });
    expect(logGroupOf(worker)).toMatchObject({ Properties: { RetentionInDays: 30 }, DeletionPolicy: 'Delete' });
  });

  it('reserves no concurrency: a new account has none to reserve', () => {
    expect(worker.Properties).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  it('has a role of its own, without managed policies', () => {
    const [role, ...others] = stack
      .ofType('AWS::IAM::Role')
      .filter(({ id }) => worker.Properties.Role === `<${id}.Arn>`);
    expect(others).toEqual([]);
    expect(role?.Properties).not.toHaveProperty('ManagedPolicyArns');
  });
});

describe('the functions', () => {
  it('keep their logs for as long as the settings say', () => {
    const kept = synthesized({ ...STUDIO, logRetentionDays: '90' });
    const days = kept.ofType('AWS::Logs::LogGroup').map(({ Properties }) => Properties.RetentionInDays);
    expect(days).toEqual([90, 90, 90, 90, 90]);
  });
});

describe('submit-build', () => {
  it('has a minute for a batch', () => {
    expect(submitBuild.Properties.Timeout).toBe(60);
  });

  it('is given exactly the variables that it reads, and can read them', () => {
    const { Variables } = submitBuild.Properties.Environment;

    expect(Object.keys(Variables).sort()).toEqual(Object.values(ENV).sort());
    expect(readEnvironment(Variables)).toEqual({
      routes: [ROUTE],
      streampixelBaseUrl: 'https://api.streampixel.io/pixelStripeApi',
      intervalMs: 121_000,
      fileUrlLifetimeS: 21_600,
      maxAttempts: 6,
      onLostAnswer: 'retry',
      buildsQueueUrl: `<${builds.id}>`,
      messageRetentionS: builds.Properties.MessageRetentionPeriod,
      deadLetterQueueUrl: `<${deadLetters.id}>`,
      ledgerTable: `<${table.id}>`,
      alertTopicArn: `<${topic.id}>`,
      alertFormat: 'email',
      stackName: 'StreampixelDrop',
    });
  });

  it('can read the shortest interval that the settings allow', () => {
    const fast = synthesized({ ...STUDIO, intervalSeconds: 0.001 });
    const { Variables } = submitBuildOf(fast).Properties.Environment;
    expect(readEnvironment(Variables).intervalMs).toBe(1);
  });

  it('takes batches of 10, two at a time, and reports what failed of them; no filter deletes messages unseen', () => {
    const ofBuilds = ({ EventSourceArn }: { EventSourceArn: string }) => EventSourceArn === `<${builds.id}.Arn>`;
    expect(stack.only('AWS::Lambda::EventSourceMapping', ofBuilds).Properties).toEqual({
      EventSourceArn: `<${builds.id}.Arn>`,
      FunctionName: `<${submitBuild.id}>`,
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 2 },
    });
  });

  it('may do what it has to, and nothing else', () => {
    const parameter = 'arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/studio/api-key';
    const bucket = 'arn:<AWS::Partition>:s3:::streampixeldrop-<AWS::AccountId>-<AWS::Region>';
    const allow = (Action: string | string[], Resource: string | string[], more = {}) => ({
      Effect: 'Allow',
      Action,
      Resource,
      ...more,
    });
    const named = (Sid: string, ...rest: Parameters<typeof allow>) => ({ [Sid]: { Sid, ...allow(...rest) } });

    expect(statementsOf(stack)).toEqual({
      logs: allow(['logs:CreateLogStream', 'logs:PutLogEvents'], `<${logGroup.id}.Arn>`),
      xray: allow(['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], '*'),
      sqs: allow(
        [
          'sqs:ChangeMessageVisibility',
          'sqs:DeleteMessage',
          'sqs:GetQueueAttributes',
          'sqs:GetQueueUrl',
          'sqs:ReceiveMessage',
        ],
        `<${builds.id}.Arn>`,
      ),
      ...named('SendDeadLetters', 'sqs:SendMessage', `<${deadLetters.id}.Arn>`),
      ...named('KeepLedger', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], `<${table.id}.Arn>`),
      ...named('CountWaitingBuilds', 'dynamodb:Query', `<${table.id}.Arn>/index/by-state`),
      ...named('SendAlerts', 'sns:Publish', `<${topic.id}>`),
      ...named(
        'EmitEvents',
        'events:PutEvents',
        'arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/default',
        {
          Condition: { StringEquals: { 'events:source': 'streampixel-drop' } },
        },
      ),
      ...named('ReadApiKeys', 'ssm:GetParameter', parameter),
      ...named('DecryptApiKeys', 'kms:Decrypt', 'arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:key/*', {
        Condition: {
          StringEquals: {
            'kms:ViaService': 'ssm.<AWS::Region>.<AWS::URLSuffix>',
            'kms:EncryptionContext:PARAMETER_ARN': [parameter],
          },
        },
      }),
      ...named('ReadBuilds', ['s3:GetObject', 's3:GetObjectVersion'], `${bucket}/builds/*`),
      ...named('RecognizeMissingBuilds', 's3:ListBucket', bucket, {
        Condition: { StringLike: { 's3:prefix': 'builds/*' } },
      }),
    });
  });

  it('may read each route’s parameter, once, and no other', () => {
    const routes = [
      ROUTE,
      { ...ROUTE, prefix: 'builds/demo/', apiKeyParameter: '/demo/api-key' },
      { ...ROUTE, prefix: 'builds/test/' },
    ];
    expect(statementsOf(synthesized({ ...STUDIO, routes })).ReadApiKeys?.Resource).toEqual([
      'arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/demo/api-key',
      'arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/studio/api-key',
    ]);
  });
});

describe('redrive-builds', () => {
  const rule = stack.only('AWS::Events::Rule', isOnKeys);

  it('is started when one of the routes’ API keys is stored, and by no other parameter', () => {
    expect(rule.Properties).toMatchObject({
      State: 'ENABLED',
      EventPattern: {
        source: ['aws.ssm'],
        'detail-type': ['Parameter Store Change'],
        detail: { name: ['/studio/api-key'], operation: ['Create', 'Update'] },
      },
      Targets: [{ Arn: `<${redriveBuilds.id}.Arn>` }],
    });
    // The event goes to the default bus, where SSM's are.
    expect(rule.Properties).not.toHaveProperty('EventBusName');
    expect(
      stack.only('AWS::Lambda::Permission', ({ FunctionName }) => FunctionName === `<${redriveBuilds.id}.Arn>`)
        .Properties,
    ).toMatchObject({
      Principal: 'events.amazonaws.com',
      FunctionName: `<${redriveBuilds.id}.Arn>`,
      SourceArn: `<${rule.id}.Arn>`,
    });
  });

  it('watches each route’s parameter once', () => {
    const routes = [
      ROUTE,
      { ...ROUTE, prefix: 'builds/demo/', apiKeyParameter: '/demo/api-key' },
      { ...ROUTE, prefix: 'builds/test/' },
    ];
    const { detail } = synthesized({ ...STUDIO, routes }).only('AWS::Events::Rule', isOnKeys).Properties.EventPattern;
    expect(detail.name).toEqual(['/studio/api-key', '/demo/api-key']);
  });

  it('is tried three times, for as long as Lambda keeps an event', () => {
    expect(stack.only('AWS::Lambda::EventInvokeConfig').Properties).toMatchObject({
      FunctionName: `<${redriveBuilds.id}>`,
      MaximumRetryAttempts: 2,
      MaximumEventAgeInSeconds: 6 * 3600,
    });
  });

  it('has done before the letters that it took first come back into sight', () => {
    expect(redriveBuilds.Properties.Timeout).toBe(300);
  });

  it('is given exactly the variables that it reads, and can read them', () => {
    const { Variables } = redriveBuilds.Properties.Environment;

    expect(Object.keys(Variables).sort()).toEqual(Object.values(REDRIVE_ENV).sort());
    expect(readRedriveEnvironment(Variables)).toEqual({
      routes: [ROUTE],
      streampixelBaseUrl: 'https://api.streampixel.io/pixelStripeApi',
      buildsQueueUrl: `<${builds.id}>`,
      deadLetterQueueUrl: `<${deadLetters.id}>`,
      ledgerTable: `<${table.id}>`,
      alertTopicArn: `<${topic.id}>`,
      alertFormat: 'email',
    });
  });

  it('may do what it has to, and nothing else', () => {
    const statements = statementsOf(stack, 'TakeDeadLetters');
    expect(Object.entries(statements).map(([sid, { Action, Resource }]) => [sid, Action, Resource])).toEqual([
      ['logs', ['logs:CreateLogStream', 'logs:PutLogEvents'], `<${logGroupOf(redriveBuilds).id}.Arn>`],
      [
        'TakeDeadLetters',
        ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ReceiveMessage'],
        `<${deadLetters.id}.Arn>`,
      ],
      ['SendBuilds', 'sqs:SendMessage', `<${builds.id}.Arn>`],
      ['RememberKeys', ['dynamodb:DeleteItem', 'dynamodb:PutItem'], `<${table.id}.Arn>`],
      ['SendAlerts', 'sns:Publish', `<${topic.id}>`],
      [
        'EmitEvents',
        'events:PutEvents',
        'arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/default',
      ],
      [
        'ReadApiKeys',
        'ssm:GetParameter',
        'arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/studio/api-key',
      ],
      ['DecryptApiKeys', 'kms:Decrypt', 'arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:key/*'],
      ['xray', ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], '*'],
    ]);
    // Told apart by what they may, not by how: both read keys and tell under the same conditions.
    const shared = statementsOf(stack);
    for (const sid of ['EmitEvents', 'DecryptApiKeys']) expect(statements[sid]).toEqual(shared[sid]);
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

describe('outputs', () => {
  it('find everything by a stable id', () => {
    const values = Object.fromEntries(Object.entries(stack.outputs).map(([id, { Value }]) => [id, Value]));
    expect(values).toMatchObject({
      [OUTPUTS.dropBucketName]: 'streampixeldrop-<AWS::AccountId>-<AWS::Region>',
      [OUTPUTS.buildsQueueUrl]: `<${builds.id}>`,
      [OUTPUTS.deadLetterQueueUrl]: `<${deadLetters.id}>`,
      [OUTPUTS.submitBuildFunctionName]: `<${submitBuild.id}>`,
      [OUTPUTS.ledgerTableName]: `<${table.id}>`,
      [OUTPUTS.alertTopicArn]: `<${topic.id}>`,
    });
    expect(Object.keys(values).sort()).toEqual(Object.values(OUTPUTS).sort());
  });

  it('tell how to drop a build that has a route', () => {
    expect(stack.outputs[OUTPUTS.dropABuild]?.Value).toBe(
      "aws s3 cp MyGame.zip 's3://streampixeldrop-<AWS::AccountId>-<AWS::Region>/builds/MyGame.zip'",
    );
  });

  it('tell how to store each API key without showing it to history or process list', () => {
    const routes = [ROUTE, { ...ROUTE, prefix: 'builds/demo/', apiKeyParameter: '/demo/api-key' }];
    const { outputs } = synthesized({ ...STUDIO, routes });

    const lines = [outputs[OUTPUTS.storeApiKey]?.Value, outputs[`${OUTPUTS.storeApiKey}2`]?.Value];

    expect(lines).toEqual(
      ['/studio/api-key', '/demo/api-key'].map(
        (name) =>
          `read -rs KEY && printf %s "$KEY" | aws ssm put-parameter --region <AWS::Region> --name ${name} --type SecureString --overwrite --value file:///dev/stdin; unset KEY`,
      ),
    );
  });
});

describe('synthesis', () => {
  it('warns of each sample id, and of alarms that nobody hears', () => {
    // CDK prints them as well.
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const sample = synthesized({});
    printed.mockRestore();

    expect(sample.messages).toEqual([
      expect.stringMatching(/^warning: routes\[0\]\.userId and routes\[0\]\.projectId: still the sample/),
      expect.stringMatching(/^warning: alertEmails is empty/),
    ]);
    expect(stack.messages).toEqual([]);
  });

  it('warns of fileUrls that are signed for longer than any session lives', () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const overdone = synthesized({ ...STUDIO, fileUrlLifetimeSeconds: 12 * 3600 });
    printed.mockRestore();

    expect(overdone.messages).toEqual([
      expect.stringMatching(/^warning: fileUrlLifetimeSeconds: .* longer than 12 hours, .* Sign for less/),
    ]);
  });

  it('fails on what cdk-nag finds and nobody has acknowledged', () => {
    const app = appOf(STUDIO);
    new Topic(app.node.findChild('StreampixelDrop'), 'WithoutTls');

    expect(() => app.synth()).toThrow(/WithoutTls.*AwsSolutions-SNS3/s);
  });

  it('acknowledges these findings, wildcards one by one, and no others', () => {
    const ofRole = [
      'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
      'AwsSolutions::AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:key/*]',
    ];
    const ofWebhooks = ['AwsSolutions::AwsSolutions-APIG1', 'AwsSolutions::AwsSolutions-APIG4'];
    expect(acknowledgedIn(appOf(STUDIO))).toEqual(
      new Set([
        ...ofRole,
        ...ofWebhooks,
        'AwsSolutions::AwsSolutions-S1',
        'AwsSolutions::AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::streampixeldrop-<AWS::AccountId>-<AWS::Region>/builds/*]',
      ]),
    );
    expect(acknowledgedIn(appOf({ ...STUDIO, bucketName: 'studio-builds' }))).toEqual(
      new Set([
        ...ofRole,
        ...ofWebhooks,
        'AwsSolutions::AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::studio-builds/builds/*]',
      ]),
    );
  });
});

function acknowledgedIn(app: App): Set<string> {
  const acknowledged = app.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }) => Object.keys(data));
  return new Set(acknowledged);
}
