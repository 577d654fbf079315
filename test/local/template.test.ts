import { describe, expect, it } from 'vitest';
import { deploymentOf } from '../../local/aws/template.ts';

const PLACE = { region: 'eu-west-3', endpoint: 'http://127.0.0.1:4566' };
const CODE = new Map([['abc.zip', '/assets/abc']]);

type Resources = Parameters<typeof deploymentOf>[0]['Resources'];

function deploy(resources: Resources, rest: object = {}) {
  return deploymentOf({ Resources: resources, ...rest }, 'Drop', CODE, PLACE);
}

/** Text for `Fn::Sub`: its placeholders look like those of JavaScript, which the linter takes for a slip. */
const sub = (text: string) => text.replaceAll('{', '${');

const FUNCTION = {
  Type: 'AWS::Lambda::Function',
  Properties: {
    Code: { S3Bucket: { 'Fn::Sub': sub('assets-{AWS::AccountId}') }, S3Key: 'abc.zip' },
    Handler: 'index.handler',
    Runtime: 'nodejs24.x',
    Timeout: 60,
    MemorySize: 512,
    Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
    LoggingConfig: { LogGroup: { Ref: 'Log' } },
    Environment: { Variables: { QUEUE: { Ref: 'Queue' }, TABLE: { Ref: 'Table' } } },
  },
};
const STACK: Resources = {
  Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'builds' } },
  Table: { Type: 'AWS::DynamoDB::Table', Properties: {} },
  Log: { Type: 'AWS::Logs::LogGroup', Properties: {} },
  Role: { Type: 'AWS::IAM::Role', Properties: {} },
  Function: FUNCTION,
  Source: {
    Type: 'AWS::Lambda::EventSourceMapping',
    Properties: {
      BatchSize: 7,
      EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
      FunctionName: { Ref: 'Function' },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 3 },
    },
  },
};

const WITH_POLICY: Resources = {
  ...STACK,
  Policy: {
    Type: 'AWS::SQS::QueuePolicy',
    Properties: { Queues: [{ Ref: 'Queue' }], PolicyDocument: { Statement: [{ Resource: { Ref: 'Nothing' } }] } },
  },
};

describe('what the local stack reads from the template', () => {
  it('gives a queue the attributes it deploys with, references resolved', () => {
    const { queues } = deploy({
      Letters: { Type: 'AWS::SQS::Queue', Properties: { MessageRetentionPeriod: 1209600 } },
      Builds: {
        Type: 'AWS::SQS::Queue',
        Properties: {
          QueueName: { 'Fn::Join': ['-', ['drop', { Ref: 'AWS::Region' }]] },
          VisibilityTimeout: 360,
          SqsManagedSseEnabled: true,
          RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Letters', 'Arn'] }, maxReceiveCount: 100 },
        },
      },
    });
    expect(queues).toEqual([
      { name: 'Drop-Letters', attributes: { MessageRetentionPeriod: '1209600' } },
      {
        name: 'drop-eu-west-3',
        attributes: {
          VisibilityTimeout: '360',
          SqsManagedSseEnabled: 'true',
          RedrivePolicy:
            '{"deadLetterTargetArn":"arn:aws:sqs:eu-west-3:000000000000:Drop-Letters","maxReceiveCount":100}',
        },
      },
    ]);
  });

  it('connects an event source with its queue and its function', () => {
    expect(deploy(STACK).eventSources).toEqual([
      {
        queueUrl: 'http://127.0.0.1:4566/000000000000/builds',
        queueArn: 'arn:aws:sqs:eu-west-3:000000000000:builds',
        batchSize: 7,
        maximumConcurrency: 3,
        reportBatchItemFailures: true,
        function: {
          name: 'Drop-Function',
          arn: 'arn:aws:lambda:eu-west-3:000000000000:function:Drop-Function',
          codeDirectory: '/assets/abc',
          handler: 'index.handler',
          timeoutS: 60,
          memoryMb: 512,
          environment: { QUEUE: 'http://127.0.0.1:4566/000000000000/builds', TABLE: 'Drop-Table' },
          logGroup: 'Drop-Log',
        },
      },
    ]);
  });

  it('reads which keys of a bucket are announced, and whether it keeps versions', () => {
    const { buckets } = deploy({
      ...STACK,
      Bucket: {
        Type: 'AWS::S3::Bucket',
        Properties: {
          VersioningConfiguration: { Status: 'Enabled' },
          NotificationConfiguration: {
            QueueConfigurations: [
              {
                Event: 's3:ObjectCreated:*',
                Queue: { 'Fn::GetAtt': ['Queue', 'Arn'] },
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
          },
        },
      },
    });
    const queueArn = 'arn:aws:sqs:eu-west-3:000000000000:builds';
    const notification = { id: 'queue-0', queueArn, events: ['s3:ObjectCreated:*'], prefix: 'builds/', suffix: '.zip' };
    expect(buckets).toEqual([{ name: 'drop-bucket', versioned: true, notifications: [notification] }]);
  });

  it('reads the notification of a bucket that exists already from the custom resource that sets it', () => {
    const { buckets } = deploy({
      ...STACK,
      Notifications: {
        Type: 'Custom::S3BucketNotifications',
        Properties: {
          BucketName: 'theirs',
          NotificationConfiguration: {
            QueueConfigurations: [
              {
                Events: ['s3:ObjectCreated:*'],
                QueueArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
                Filter: { Key: { FilterRules: [{ Name: 'suffix', Value: '.zip' }] } },
              },
            ],
          },
        },
      },
    });
    expect(buckets).toMatchObject([{ name: 'theirs', notifications: [{ prefix: '', suffix: '.zip' }] }]);
  });

  it('reads the alarms on queue depth with their threshold, and no others', () => {
    const alarm = (metric: string, threshold: number) => ({
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmName: metric,
        MetricName: metric,
        Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': ['Queue', 'QueueName'] } }],
        Threshold: threshold,
        ComparisonOperator: 'GreaterThanThreshold',
        Period: 60,
        // Of a resource that has no counterpart here.
        AlarmDescription: { Ref: 'Role' },
      },
    });
    const { depthAlarms } = deploy({
      ...STACK,
      Depth: alarm('ApproximateNumberOfMessagesVisible', 2),
      Errors: alarm('Errors', 1),
    });
    expect(depthAlarms).toMatchObject([
      { name: 'ApproximateNumberOfMessagesVisible', queueName: 'builds', periodMs: 60_000 },
    ]);
    expect([2, 3].map((depth) => depthAlarms[0]?.isBreached(depth))).toEqual([false, true]);
  });

  describe('of the rules', () => {
    const rule = (properties: object) => ({
      ...STACK,
      Rule: {
        Type: 'AWS::Events::Rule',
        Properties: {
          EventPattern: { source: ['aws.ssm'], detail: { name: [{ Ref: 'Table' }] } },
          State: 'ENABLED',
          Targets: [{ Arn: { 'Fn::GetAtt': ['Function', 'Arn'] }, Id: 'Target0' }],
          ...properties,
        },
      },
    });

    it('reads what they take and whom they invoke', () => {
      expect(deploy(rule({})).rules).toMatchObject([
        {
          name: 'Drop-Rule',
          pattern: { source: ['aws.ssm'], detail: { name: ['Drop-Table'] } },
          targets: [
            { kind: 'function', function: { name: 'Drop-Function', codeDirectory: '/assets/abc' }, retryAttempts: 2 },
          ],
        },
      ]);
    });

    it('reads which queues their events go to, beside functions', () => {
      const Targets = [
        { Arn: { 'Fn::GetAtt': ['Queue', 'Arn'] }, Id: 'Target0' },
        { Arn: { 'Fn::GetAtt': ['Function', 'Arn'] }, Id: 'Target1' },
      ];
      expect(deploy(rule({ Targets })).rules[0]?.targets).toEqual([
        { kind: 'queue', queueUrl: 'http://127.0.0.1:4566/000000000000/builds' },
        { kind: 'function', function: expect.objectContaining({ name: 'Drop-Function' }), retryAttempts: 2 },
      ]);
    });

    it('reads how often the function is tried again', () => {
      const config = {
        Type: 'AWS::Lambda::EventInvokeConfig',
        Properties: { FunctionName: { Ref: 'Function' }, Qualifier: '$LATEST', MaximumRetryAttempts: 1 },
      };
      expect(deploy({ ...rule({}), Config: config }).rules[0]?.targets).toMatchObject([{ retryAttempts: 1 }]);
    });

    it('leaves out one that is disabled', () => {
      expect(deploy(rule({ State: 'DISABLED' })).rules).toEqual([]);
    });

    it('lists those that AWS runs by time apart', () => {
      const { rules, schedules } = deploy({
        ...rule({ EventPattern: undefined, ScheduleExpression: 'rate(1 day)' }),
        Schedule: { Type: 'AWS::Scheduler::Schedule', Properties: { Name: 'reminder' } },
      });
      expect({ rules, schedules }).toEqual({ rules: [], schedules: ['Drop-Rule', 'reminder'] });
    });

    it.each<[string, object, string]>([
      ['a pattern', { EventPattern: { detail: { name: [{ suffix: '/key' }] } } }, "can't match detail.name"],
      ['another bus', { EventBusName: 'mine' }, 'a bus other than the default one'],
      ['a target', { Targets: [{ Arn: { Ref: 'Topic' }, Id: 'T' }] }, 'refers to Topic'],
      [
        'an input of the target',
        { Targets: [{ Arn: { 'Fn::GetAtt': ['Function', 'Arn'] }, Id: 'T', Input: '{}' }] },
        'its target has Input',
      ],
      [
        'an input of a queue',
        { Targets: [{ Arn: { 'Fn::GetAtt': ['Queue', 'Arn'] }, Id: 'T', InputPath: '$.detail' }] },
        'its target has InputPath',
      ],
      [
        'a queue of another stack',
        { Targets: [{ Arn: 'arn:aws:sqs:eu-west-3:000000000000:theirs', Id: 'T' }] },
        'no function arn:aws:sqs:eu-west-3:000000000000:theirs',
      ],
    ])('names the one with %s it does not know', (_, properties, message) => {
      expect(() => deploy(rule(properties))).toThrow(`can't serve the rule Rule: `);
      expect(() => deploy(rule(properties))).toThrow(message);
    });
  });

  describe('of HTTP APIs', () => {
    const api = (changes: Readonly<Record<string, object>> = {}): Resources => ({
      ...STACK,
      Api: { Type: 'AWS::ApiGatewayV2::Api', Properties: { Name: 'hooks', ProtocolType: 'HTTP', ...changes.Api } },
      Stage: {
        Type: 'AWS::ApiGatewayV2::Stage',
        Properties: {
          ApiId: { Ref: 'Api' },
          AutoDeploy: true,
          StageName: '$default',
          // Of a resource that has no counterpart here.
          AccessLogSettings: { DestinationArn: { Ref: 'Role' }, Format: '$context.requestId' },
          DefaultRouteSettings: { ThrottlingBurstLimit: 20, ThrottlingRateLimit: 10 },
          ...changes.Stage,
        },
      },
      Integration: {
        Type: 'AWS::ApiGatewayV2::Integration',
        Properties: {
          ApiId: { Ref: 'Api' },
          IntegrationType: 'AWS_PROXY',
          IntegrationUri: { 'Fn::GetAtt': ['Function', 'Arn'] },
          PayloadFormatVersion: '2.0',
          ...changes.Integration,
        },
      },
      Route: {
        Type: 'AWS::ApiGatewayV2::Route',
        Properties: {
          ApiId: { Ref: 'Api' },
          AuthorizationType: 'NONE',
          RouteKey: 'POST /{projectId}/{token}',
          Target: { 'Fn::Join': ['', ['integrations/', { Ref: 'Integration' }]] },
          ...changes.Route,
        },
      },
      Permission: {
        Type: 'AWS::Lambda::Permission',
        Properties: {
          Action: 'lambda:InvokeFunction',
          FunctionName: { 'Fn::GetAtt': ['Function', 'Arn'] },
          Principal: 'apigateway.amazonaws.com',
          SourceArn: { 'Fn::Join': ['', ['arn:aws:execute-api:eu-west-3:0:', { Ref: 'Api' }, '/*/*/*/*']] },
        },
      },
    });

    it('reads their routes with the functions behind them, and how many requests they take', () => {
      expect(deploy(api()).httpApis).toEqual([
        {
          id: 'Drop-Api',
          throttle: { ratePerS: 10, burst: 20 },
          routes: [
            {
              key: {
                text: 'POST /{projectId}/{token}',
                method: 'POST',
                segments: [
                  { kind: 'variable', name: 'projectId' },
                  { kind: 'variable', name: 'token' },
                ],
              },
              function: expect.objectContaining({ name: 'Drop-Function', codeDirectory: '/assets/abc' }),
              timeoutMs: 30_000,
            },
          ],
        },
      ]);
    });

    it('reads how long the integration waits', () => {
      const [first] = deploy(api({ Integration: { TimeoutInMillis: 5_000 } })).httpApis;
      expect(first?.routes).toMatchObject([{ timeoutMs: 5_000 }]);
    });

    it("goes by the account's throttle where the stage has none", () => {
      const [first] = deploy(api({ Stage: { DefaultRouteSettings: { DetailedMetricsEnabled: true } } })).httpApis;
      expect(first?.throttle).toEqual({ ratePerS: 10_000, burst: 5_000 });
    });

    it('keeps a throttle that lets nothing in', () => {
      const none = { ThrottlingBurstLimit: 0, ThrottlingRateLimit: 0 };
      const [first] = deploy(api({ Stage: { DefaultRouteSettings: none } })).httpApis;
      expect(first?.throttle).toEqual({ ratePerS: 0, burst: 0 });
    });

    it('keeps the parts of several apart', () => {
      const second: Resources = Object.fromEntries(
        Object.entries(JSON.parse(JSON.stringify(api()).replaceAll('"Api"', '"Second"')) as Resources).map(
          ([id, resource]) => [id === 'Second' ? 'Second' : `${id}2`, resource],
        ),
      );
      const withTargets = JSON.parse(JSON.stringify(second).replaceAll('"Integration"', '"Integration2"')) as Resources;
      const { httpApis } = deploy({ ...api(), ...withTargets, ...STACK });
      expect(httpApis.map(({ id, routes }) => [id, routes.length])).toEqual([
        ['Drop-Api', 1],
        ['Drop-Second', 1],
      ]);
    });

    it.each([
      ['the endpoint', { 'Fn::GetAtt': ['Api', 'ApiEndpoint'] }, 'http://127.0.0.1:4566/_aws/execute-api/Drop-Api'],
      [
        'the endpoint in text',
        { 'Fn::Sub': sub('{Api.ApiEndpoint}/p') },
        'http://127.0.0.1:4566/_aws/execute-api/Drop-Api/p',
      ],
      ['the id', { Ref: 'Api' }, 'Drop-Api'],
      ['the id as an attribute', { 'Fn::GetAtt': ['Api', 'ApiId'] }, 'Drop-Api'],
      ['the stage', { Ref: 'Stage' }, '$default'],
      ['the route', { Ref: 'Route' }, 'Drop-Route'],
    ])('resolves %s', (_, Value, expected) => {
      expect(deploy(api(), { Outputs: { It: { Value } } }).output('It')).toBe(expected);
    });

    it('tells functions the endpoint', () => {
      const Environment = { Variables: { BASE: { 'Fn::GetAtt': ['Api', 'ApiEndpoint'] } } };
      const told = { ...FUNCTION, Properties: { ...FUNCTION.Properties, Environment } };
      const [source] = deploy({ ...api(), Function: told }).eventSources;
      expect(source?.function.environment).toEqual({ BASE: 'http://127.0.0.1:4566/_aws/execute-api/Drop-Api' });
    });

    it.each<[string, Readonly<Record<string, object>>, string]>([
      ['WebSockets', { Api: { ProtocolType: 'WEBSOCKET' } }, 'its protocol is WEBSOCKET'],
      ['no endpoint', { Api: { DisableExecuteApiEndpoint: true } }, 'its endpoint is disabled'],
      ['CORS', { Api: { CorsConfiguration: {} } }, 'it has CorsConfiguration'],
      ['another stage', { Stage: { StageName: 'beta' } }, 'its stage is beta, not $default'],
      ['no deployment', { Stage: { AutoDeploy: false } }, 'its stage is not deployed by itself'],
      ['settings for one route', { Stage: { RouteSettings: {} } }, 'its stage has RouteSettings'],
      ['no stage', { Stage: { ApiId: 'another' } }, 'it has 0 stages'],
      ['a route for the rest', { Route: { RouteKey: '$default' } }, 'its route $default is no method with a path'],
      ['a greedy variable', { Route: { RouteKey: 'GET /{proxy+}' } }, 'its route GET /{proxy+} has {proxy+}'],
      ['a route for the few', { Route: { AuthorizationType: 'JWT' } }, 'asks for authorization by JWT'],
      ['an authorizer', { Route: { AuthorizerId: 'x' } }, 'its route POST /{projectId}/{token} has AuthorizerId'],
      ['a route to nowhere', { Route: { Target: 'integrations/x' } }, 'leads to integrations/x'],
      ['another server', { Integration: { IntegrationType: 'HTTP_PROXY' } }, 'leads to no function that takes'],
      ['another format', { Integration: { PayloadFormatVersion: '1.0' } }, 'takes payload format 2.0'],
      ['changed requests', { Integration: { RequestParameters: {} } }, 'has RequestParameters'],
      ['an unknown function', { Integration: { IntegrationUri: 'arn:x' } }, 'no function arn:x'],
    ])('names the one with %s', (_, changes, message) => {
      expect(() => deploy(api(changes))).toThrow("The local stack can't serve the API Drop-Api: ");
      expect(() => deploy(api(changes))).toThrow(message);
    });
  });

  it.each([
    ['a reference to a parameter', { Ref: 'Stage' }, 'beta'],
    ['a pseudo parameter', { Ref: 'AWS::AccountId' }, '000000000000'],
    ['a joined list', { 'Fn::Join': ['/', ['a', { Ref: 'AWS::Partition' }]] }, 'a/aws'],
    [
      'a substitution',
      { 'Fn::Sub': sub('{AWS::Region}:{Queue.QueueName}:{!Literal}') },
      sub('eu-west-3:builds:{Literal}'),
    ],
    ['a substitution with variables', { 'Fn::Sub': [sub('{x}!'), { x: { Ref: 'Table' } }] }, 'Drop-Table!'],
    ['a reference to the policy of a queue', { Ref: 'Policy' }, 'Drop-Policy'],
    ['an attribute by its dotted name', { 'Fn::GetAtt': 'Queue.Arn' }, 'arn:aws:sqs:eu-west-3:000000000000:builds'],
  ])('resolves %s', (_, value, expected) => {
    const deployment = deploy(WITH_POLICY, {
      Parameters: { Stage: { Default: 'beta' } },
      Outputs: { It: { Value: value } },
    });
    expect(deployment.output('It')).toBe(expected);
  });

  it.each([
    ['a resource it has no counterpart for', { Ref: 'Role' }, "can't serve Role (AWS::IAM::Role)"],
    ['a resource that is not there', { Ref: 'Nothing' }, 'refers to Nothing'],
    ['the ARN of what has none', { 'Fn::GetAtt': ['Policy', 'Arn'] }, 'no ARN of Policy (AWS::SQS::QueuePolicy)'],
    ['an attribute it does not know', { 'Fn::GetAtt': ['Queue', 'Colour'] }, 'the attribute Colour of Queue'],
    ['an intrinsic function it does not know', { 'Fn::Base64': 'x' }, 'Fn::Base64'],
  ])('names %s, once something asks for it', (_, value, message) => {
    const deployment = deploy(WITH_POLICY, { Outputs: { It: { Value: value } } });
    expect(() => deployment.output('It')).toThrow(message);
  });

  it('refuses a function that no Node.js bundle is behind', () => {
    const inline = { ...FUNCTION, Properties: { ...FUNCTION.Properties, Runtime: 'python3.13' } };
    expect(() => deploy({ ...STACK, Function: inline })).toThrow("Function can't run here");
  });
});
