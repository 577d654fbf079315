import { describe, expect, it } from 'vitest';
import * as followBuilds from '../../functions/follow-builds/environment.ts';
import * as receiveWebhook from '../../functions/receive-webhook/environment.ts';
import * as redriveBuilds from '../../functions/redrive-builds/environment.ts';
import * as remindOfDeadLetters from '../../functions/remind-of-dead-letters/environment.ts';
import * as submitBuild from '../../functions/submit-build/environment.ts';
import { type Resource, ROUTE, STUDIO, type Stack, synthesized } from './synthesized.ts';

const stack = synthesized();

const FUNCTIONS = {
  SubmitBuild: submitBuild,
  ReceiveWebhook: receiveWebhook,
  FollowBuilds: followBuilds,
  RedriveBuilds: redriveBuilds,
  RemindOfDeadLetters: remindOfDeadLetters,
};
/** Runs at deployments only, without variables of its own. */
const ANNOUNCE_BUILDS = 'DropBucketNotificationAnnounceBuilds';
type Configured = keyof typeof FUNCTIONS;
type Construct = Configured | typeof ANNOUNCE_BUILDS;
const configured = Object.keys(FUNCTIONS) as Configured[];
const constructs: readonly Construct[] = [...configured, ANNOUNCE_BUILDS];

const functionOf = ({ ofType }: Stack, construct: Construct): Resource => {
  const found = ofType('AWS::Lambda::Function').find(({ id }) => id.startsWith(construct));
  if (found === undefined) throw new Error(`no function ${construct}`);
  return found;
};

describe.each(constructs)('%s', (construct) => {
  const { Properties } = functionOf(stack, construct);

  it('runs on Node 24 on ARM and writes text lines to a log of its own', () => {
    const logs = stack.ofType('AWS::Logs::LogGroup').filter(({ id }) => id.startsWith(construct));
    expect(logs).toHaveLength(1);
    expect(Properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      LoggingConfig: { LogFormat: 'Text', LogGroup: `<${logs[0]?.id}>` },
    });
  });

  it('reserves no concurrency: a new account has none to reserve', () => {
    expect(Properties).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  it('has a role of its own, without managed policies', () => {
    const users = stack.ofType('AWS::Lambda::Function').filter(({ Properties: { Role } }) => Role === Properties.Role);
    expect(users).toHaveLength(1);
    const role = stack.ofType('AWS::IAM::Role').find(({ id }) => Properties.Role === `<${id}.Arn>`);
    expect(role?.Properties).not.toHaveProperty('ManagedPolicyArns');
  });
});

describe('the functions', () => {
  it.each(configured)('%s is given exactly the variables that it reads, and can read them', (construct) => {
    const { ENV, readEnvironment } = FUNCTIONS[construct];
    const { Variables } = functionOf(stack, construct).Properties.Environment;
    expect(Object.keys(Variables).sort()).toEqual(Object.values(ENV).sort());
    expect(() => readEnvironment(Variables)).not.toThrow();
  });

  it('are the five of the path of a build, and the one that runs at deployments', () => {
    expect(stack.ofType('AWS::Lambda::Function')).toHaveLength(constructs.length);
  });

  it('read what the settings say, each value in the unit of its name', () => {
    const settings = {
      ...STUDIO,
      streampixelBaseUrl: 'https://proxy.studio.example/api',
      intervalSeconds: 0.001,
      fileUrlLifetimeSeconds: 3600,
      maxAttempts: 3,
      onLostAnswer: 'dead-letter',
      packageCheck: 'warn',
      alertFormat: 'chat',
      webhookTokenParameter: '/studio/webhook-token',
      lateAfterMinutes: 30,
      stuckAfterMinutes: 90,
      reconcile: true,
      tagObjects: true,
      reminderHourUtc: 0,
      stackName: 'BuildsOfTeamA',
    };
    const given = synthesized(settings);
    const variables = (construct: Configured) => functionOf(given, construct).Properties.Environment.Variables;
    const read = configured.map((construct) => FUNCTIONS[construct].readEnvironment(variables(construct)));
    const queue = (name: string) => given.only('AWS::SQS::Queue', ({ QueueName }) => QueueName.endsWith(name));

    expect(Object.assign({}, ...read)).toEqual({
      streampixelBaseUrl: 'https://proxy.studio.example/api',
      intervalMs: 1,
      commandTarget: { stack: 'BuildsOfTeamA', region: '<AWS::Region>' },
      fileUrls: { delivery: 's3' },
      fileUrlLifetimeS: 3600,
      maxAttempts: 3,
      onLostAnswer: 'dead-letter',
      packageCheck: 'warn',
      buildsQueueUrl: `<${queue('-builds').id}>`,
      messageRetentionS: queue('-builds').Properties.MessageRetentionPeriod,
      deadLetterQueueUrl: `<${queue('-builds-dead-letters').id}>`,
      followQueueUrl: `<${queue('-follow').id}>`,
      ledgerTable: `<${given.only('AWS::DynamoDB::Table').id}>`,
      alertTopicArn: `<${given.only('AWS::SNS::Topic').id}>`,
      alertFormat: 'chat',
      webhookTokenParameter: '/studio/webhook-token',
      lateAfterMs: 30 * 60_000,
      stuckAfterMs: 90 * 60_000,
      reconcile: true,
      tagObjects: true,
      reminderHourUtc: 0,
      stackName: 'BuildsOfTeamA',
    });
  });

  it('keep their logs for as long as the settings say', () => {
    const kept = synthesized({ ...STUDIO, logRetentionDays: '90' });
    const days = kept.ofType('AWS::Logs::LogGroup').map(({ Properties }) => Properties.RetentionInDays);
    expect(new Set(days)).toEqual(new Set([90]));
  });

  it('finish before the other side stops waiting', () => {
    // Streampixel waits for a webhook's answer for 10 s.
    expect(functionOf(stack, 'ReceiveWebhook').Properties.Timeout).toBeLessThanOrEqual(10);
    // A dead letter that was received becomes visible again after 300 s, and would be redriven twice.
    expect(functionOf(stack, 'RedriveBuilds').Properties.Timeout).toBeLessThanOrEqual(300);
  });
});

interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: string | string[];
  readonly Condition?: Record<string, Record<string, unknown>>;
}
const statementsOf = ({ ofType }: Stack, construct: Construct): Statement[] =>
  ofType('AWS::IAM::Policy')
    .filter(({ id }) => id.startsWith(construct))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
const statement = (given: Stack, construct: Construct, sid: string) =>
  statementsOf(given, construct).find(({ Sid }) => Sid === sid);

describe('what the functions may do', () => {
  const here = '<AWS::Region>:<AWS::AccountId>';
  const parameter = (name: string) => `arn:<AWS::Partition>:ssm:${here}:parameter${name}`;
  const bucket = `arn:<AWS::Partition>:s3:::streampixeldrop-<AWS::AccountId>-<AWS::Region>`;
  const named = new Map([
    ...stack.ofType('AWS::SQS::Queue').map(({ id, Properties }) => [`<${id}.Arn>`, Properties.QueueName] as const),
    [`<${stack.only('AWS::SNS::Topic').id}>`, 'topic'],
    [`<${stack.only('AWS::DynamoDB::Table').id}.Arn>`, 'ledger'],
    [`<${stack.only('AWS::DynamoDB::Table').id}.Arn>/index/by-state`, 'ledger by state'],
    [`<${stack.only('AWS::DynamoDB::Table').id}.Arn>/index/by-upload-id`, 'ledger by upload id'],
    [`arn:<AWS::Partition>:events:${here}:event-bus/default`, 'bus'],
    [`arn:<AWS::Partition>:kms:${here}:key/*`, 'keys'],
    [parameter('/studio/api-key'), 'API key'],
    [parameter('/streampixel-drop/webhook-token'), 'webhook token'],
    [bucket, 'bucket'],
    [`${bucket}/builds/*`, 'builds'],
  ]);

  /** `service:Action resource` for each pair that is allowed, but for the function's own log and traces. */
  const allowed = (construct: Construct) =>
    statementsOf(stack, construct)
      .flatMap(({ Action, Resource }) =>
        [Action].flat().flatMap((action) => [Resource].flat().map((to) => `${action} ${named.get(to) ?? to}`)),
      )
      .filter((pair) => !pair.startsWith('logs:') && !pair.startsWith('xray:'))
      .sort();
  const consume = (queue: string) =>
    ['ChangeMessageVisibility', 'DeleteMessage', 'GetQueueAttributes', 'ReceiveMessage'].map(
      (action) => `sqs:${action} ${queue}`,
    );
  const readApiKeys = ['ssm:GetParameter API key', 'kms:Decrypt keys'];
  const keepLedger = ['dynamodb:GetItem ledger', 'dynamodb:PutItem ledger', 'dynamodb:UpdateItem ledger'];
  const notify = ['sns:Publish topic', 'events:PutEvents bus'];

  it.each([
    [
      'SubmitBuild',
      [
        ...consume('StreampixelDrop-builds'),
        'sqs:SendMessage StreampixelDrop-builds-dead-letters',
        ...keepLedger,
        'dynamodb:Query ledger by state',
        ...notify,
        ...readApiKeys,
        's3:GetObject builds',
        's3:GetObjectVersion builds',
        's3:ListBucket bucket',
      ],
    ],
    [
      'FollowBuilds',
      [
        ...consume('StreampixelDrop-follow'),
        'sqs:SendMessage StreampixelDrop-follow',
        ...keepLedger,
        'dynamodb:Query ledger by state',
        'dynamodb:Query ledger by upload id',
        ...notify,
        ...readApiKeys,
      ],
    ],
    [
      'ReceiveWebhook',
      ['sqs:SendMessage StreampixelDrop-follow', 'ssm:GetParameter webhook token', 'kms:Decrypt keys'],
    ],
    [
      'RedriveBuilds',
      [
        'sqs:ChangeMessageVisibility StreampixelDrop-builds-dead-letters',
        'sqs:DeleteMessage StreampixelDrop-builds-dead-letters',
        'sqs:ReceiveMessage StreampixelDrop-builds-dead-letters',
        'sqs:SendMessage StreampixelDrop-builds',
        'dynamodb:DeleteItem ledger',
        'dynamodb:PutItem ledger',
        ...notify,
        ...readApiKeys,
      ],
    ],
    [
      'RemindOfDeadLetters',
      [
        'sqs:GetQueueAttributes StreampixelDrop-builds-dead-letters',
        'sqs:ReceiveMessage StreampixelDrop-builds-dead-letters',
        'sns:Publish topic',
      ],
    ],
    [
      ANNOUNCE_BUILDS,
      [
        's3:GetBucketNotification bucket',
        's3:PutBucketNotification bucket',
        'cloudformation:DescribeStacks <AWS::StackId>',
      ],
    ],
  ] as const)('%s: this and nothing else', (construct, pairs) => {
    expect(allowed(construct)).toEqual([...pairs].sort());
  });

  it.each(constructs)('%s: its own log only, and no wildcard but for traces', (construct) => {
    const statements = statementsOf(stack, construct);
    const log = stack.ofType('AWS::Logs::LogGroup').find(({ id }) => id.startsWith(construct));
    for (const { Action, Effect, Resource } of statements) {
      const actions = [Action].flat();
      expect(Effect).toBe('Allow');
      expect(actions.filter((action) => action.includes('*'))).toEqual([]);
      if (actions.some((action) => action.startsWith('logs:'))) expect(Resource).toBe(`<${log?.id}.Arn>`);
      if (Resource === '*') expect(actions).toEqual(['xray:PutTelemetryRecords', 'xray:PutTraceSegments']);
    }
  });

  it.each(constructs)('%s: keys only through SSM for its own parameters, events only under our name', (construct) => {
    for (const { Action, Condition } of statementsOf(stack, construct)) {
      if (Action === 'kms:Decrypt') {
        const [readable] = statementsOf(stack, construct).flatMap(({ Action: action, Resource }) =>
          action === 'ssm:GetParameter' ? [[Resource].flat()] : [],
        );
        expect(Condition).toEqual({
          StringEquals: {
            'kms:ViaService': 'ssm.<AWS::Region>.<AWS::URLSuffix>',
            'kms:EncryptionContext:PARAMETER_ARN': readable,
          },
        });
      }
      if (Action === 'events:PutEvents') {
        // A call may have several events: a key with several values needs the set operator, which an absent key satisfies as well.
        expect(Condition).toEqual({
          'ForAllValues:StringEquals': { 'events:source': 'streampixel-drop' },
          Null: { 'events:source': 'false' },
        });
      }
      // Only to tell a missing build from an unreadable one: nothing outside the watched prefix.
      if (Action === 's3:ListBucket') expect(Condition).toEqual({ StringLike: { 's3:prefix': 'builds/*' } });
    }
  });

  it('read each route’s parameter, once, and no other', () => {
    const routes = [
      ROUTE,
      { ...ROUTE, prefix: 'builds/demo/', userId: '5f0000000000000000000009', apiKeyParameter: '/demo/api-key' },
      { ...ROUTE, prefix: 'builds/test/' },
    ];
    const given = synthesized({ ...STUDIO, routes });
    for (const construct of ['SubmitBuild', 'FollowBuilds', 'RedriveBuilds'] as const) {
      expect([statement(given, construct, 'ReadApiKeys')?.Resource].flat().sort()).toEqual([
        parameter('/demo/api-key'),
        parameter('/studio/api-key'),
      ]);
    }
  });

  it('tag builds where the settings say so, under the watched prefix only', () => {
    expect(statement(synthesized({ ...STUDIO, tagObjects: true }), 'FollowBuilds', 'TagBuilds')).toMatchObject({
      Action: [
        's3:GetObjectTagging',
        's3:GetObjectVersionTagging',
        's3:PutObjectTagging',
        's3:PutObjectVersionTagging',
      ],
      Resource: `${bucket}/builds/*`,
    });
  });

  it('decrypt builds where the bucket has a key of the studio’s own, through S3 only', () => {
    const bucketKmsKeyArn = 'arn:aws:kms:eu-central-1:123456789012:key/0f0f-1';
    const encrypted = synthesized({ ...STUDIO, bucketName: 'studio-builds', bucketKmsKeyArn });
    expect(statement(encrypted, 'SubmitBuild', 'DecryptBuilds')).toMatchObject({
      Action: 'kms:Decrypt',
      Resource: bucketKmsKeyArn,
      Condition: { StringEquals: { 'kms:ViaService': 's3.<AWS::Region>.<AWS::URLSuffix>' } },
    });
  });
});

describe('what starts the functions', () => {
  const permissionFor = (construct: Construct) =>
    stack.only(
      'AWS::Lambda::Permission',
      ({ FunctionName }) => FunctionName === `<${functionOf(stack, construct).id}.Arn>`,
    ).Properties;
  const ruleFor = (given: Stack, construct: Construct) =>
    given.only('AWS::Events::Rule', ({ Targets }) => Targets[0].Arn === `<${functionOf(given, construct).id}.Arn>`);

  it.each([
    ['SubmitBuild', '-builds'],
    ['FollowBuilds', '-follow'],
  ] as const)(
    '%s: batches of its queue; it reports what failed of them, and no filter deletes messages',
    (construct, queue) => {
      const mapping = stack.only(
        'AWS::Lambda::EventSourceMapping',
        ({ FunctionName }) => FunctionName === `<${functionOf(stack, construct).id}>`,
      ).Properties;
      const source = stack.only('AWS::SQS::Queue', ({ QueueName }) => QueueName.endsWith(queue));
      expect(mapping).toMatchObject({
        EventSourceArn: `<${source.id}.Arn>`,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        ScalingConfig: { MaximumConcurrency: 2 },
      });
      expect(mapping).not.toHaveProperty('FilterCriteria');
    },
  );

  it('RedriveBuilds: each of the routes’ API keys when it is stored, once, and no other parameter', () => {
    const routes = [
      ROUTE,
      { ...ROUTE, prefix: 'builds/demo/', userId: '5f0000000000000000000009', apiKeyParameter: '/demo/api-key' },
      { ...ROUTE, prefix: 'builds/test/' },
    ];
    const { Properties } = ruleFor(synthesized({ ...STUDIO, routes }), 'RedriveBuilds');
    expect(Properties).toMatchObject({
      State: 'ENABLED',
      EventPattern: {
        source: ['aws.ssm'],
        'detail-type': ['Parameter Store Change'],
        detail: { name: ['/studio/api-key', '/demo/api-key'], operation: ['Create', 'Update'] },
      },
    });
    // On the default bus, where SSM's events are.
    expect(Properties).not.toHaveProperty('EventBusName');
  });

  it('RedriveBuilds: Lambda itself tries again, for as long as it keeps an event', () => {
    const redrive = stack.only('AWS::Lambda::EventInvokeConfig').Properties;
    expect(redrive.FunctionName).toBe(`<${functionOf(stack, 'RedriveBuilds').id}>`);
    expect(redrive).toMatchObject({ MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 6 * 3600 });
  });

  it('RemindOfDeadLetters: each hour; it knows itself at which one to remind', () => {
    expect(ruleFor(stack, 'RemindOfDeadLetters').Properties.ScheduleExpression).toBe('cron(0 * * * ? *)');
  });

  it('AnnounceBuilds: deployments, for the bucket’s notification', () => {
    const { ServiceToken } = stack.only('Custom::BucketNotification').Properties;
    expect(ServiceToken).toBe(`<${functionOf(stack, ANNOUNCE_BUILDS).id}.Arn>`);
  });

  it('can’t fail unseen: what EventBridge can’t deliver goes to a dead-letter queue, or an alarm names its rule', () => {
    for (const settings of [STUDIO, { ...STUDIO, bucketEvents: 'eventbridge' }]) {
      const given = synthesized(settings);
      const alarms = given
        .ofType('AWS::CloudWatch::Alarm')
        .filter(({ Properties }) => Properties.MetricName === 'FailedInvocations');
      const rules = given.ofType('AWS::Events::Rule');
      expect(rules.length).toBeGreaterThanOrEqual(3);
      for (const { id, Properties } of rules) {
        const alarmed = alarms.filter(
          (alarm) =>
            alarm.Properties.Dimensions[0].Value === `<${id}>` && alarm.Properties.AlarmDescription.includes(`<${id}>`),
        );
        const [{ DeadLetterConfig }, ...others] = Properties.Targets;
        expect(others).toEqual([]);
        expect([id, alarmed.length + (DeadLetterConfig === undefined ? 0 : 1)]).toEqual([id, 1]);
      }
    }
  });

  it.each(['RedriveBuilds', 'RemindOfDeadLetters'] as const)('%s: its own rule may, and no other', (construct) => {
    expect(permissionFor(construct)).toMatchObject({
      Principal: 'events.amazonaws.com',
      SourceArn: `<${ruleFor(stack, construct).id}.Arn>`,
    });
  });

  it('ReceiveWebhook: one method and path of the API, throttled, without an access log: the path holds the token', () => {
    const api = stack.only('AWS::ApiGatewayV2::Api');
    const stage = stack.only('AWS::ApiGatewayV2::Stage').Properties;
    expect(stack.only('AWS::ApiGatewayV2::Route').Properties.RouteKey).toBe('POST /{projectId}/{token}');
    expect(stage.DefaultRouteSettings.ThrottlingRateLimit).toBeGreaterThan(0);
    expect(stage.DefaultRouteSettings.ThrottlingBurstLimit).toBeGreaterThan(0);
    expect(stage).not.toHaveProperty('AccessLogSettings');
    expect(permissionFor('ReceiveWebhook').Principal).toBe('apigateway.amazonaws.com');
    expect(permissionFor('ReceiveWebhook').SourceArn).toContain(`<${api.id}>/*/*/{projectId}/{token}`);
  });
});
