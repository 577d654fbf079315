import { describe, expect, it } from 'vitest';
import { deploymentOf } from '../../local/aws/template.ts';

const PLACE = { region: 'eu-west-3', endpoint: 'http://127.0.0.1:4566' };

type Resources = Parameters<typeof deploymentOf>[0]['Resources'];

function deploy(resources: Resources, rest: object = {}) {
  return deploymentOf({ Resources: resources, ...rest }, 'Drop', '/assets', PLACE);
}

const FUNCTION = {
  Type: 'AWS::Lambda::Function',
  Properties: {
    Code: { S3Bucket: { 'Fn::Sub': 'assets-0' }, S3Key: 'abc.zip' },
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
      ScalingConfig: { MaximumConcurrency: 3 },
    },
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
        function: {
          name: 'Drop-Function',
          arn: 'arn:aws:lambda:eu-west-3:000000000000:function:Drop-Function',
          codeDirectory: '/assets/asset.abc',
          handler: 'index.handler',
          timeoutS: 60,
          memoryMb: 512,
          environment: { QUEUE: 'http://127.0.0.1:4566/000000000000/builds', TABLE: 'Drop-Table' },
          logGroup: 'Drop-Log',
        },
      },
    ]);
  });

  describe('of a bucket', () => {
    const queueArn = 'arn:aws:sqs:eu-west-3:000000000000:builds';
    const notificationOf = (BucketName: unknown) => ({
      Type: 'Custom::BucketNotification',
      Properties: {
        ServiceToken: { 'Fn::GetAtt': ['Function', 'Arn'] },
        BucketName,
        QueueArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
        Prefix: 'builds/',
        Suffix: '.zip',
      },
    });
    const notification = { queueArn, prefix: 'builds/', suffix: '.zip' };
    const eventsOf = (bucket: string) => ({
      Type: 'AWS::Events::Rule',
      Properties: {
        EventPattern: {
          source: ['aws.s3'],
          detail: { bucket: { name: [bucket] }, object: { key: [{ wildcard: '*.zip' }] } },
        },
        Targets: [{ Arn: { 'Fn::GetAtt': ['Queue', 'Arn'] }, Id: 'T', DeadLetterConfig: { Arn: queueArn } }],
      },
    });

    it('knows it by its notification or by the rule for its events, and reads which keys are announced', () => {
      const { buckets, rules } = deploy({ ...STACK, Notification: notificationOf('theirs'), Rule: eventsOf('others') });
      expect(buckets).toEqual([
        { name: 'theirs', notifications: [notification], eventPatterns: [] },
        { name: 'others', notifications: [], eventPatterns: [rules[0]?.pattern] },
      ]);
    });
  });

  it('reads the alarms on queue depth with their threshold, and no others', () => {
    const alarm = (metric: string, threshold: number) => ({
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmName: metric,
        MetricName: metric,
        Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': ['Queue', 'QueueName'] } }],
        Threshold: threshold,
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
    expect(depthAlarms).toEqual([
      { name: 'ApproximateNumberOfMessagesVisible', queueName: 'builds', threshold: 2, periodMs: 60_000 },
    ]);
  });

  describe('of the rules', () => {
    const rule = (properties: object): Resources => ({
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

    it('reads which events they take, and the functions and queues that get them', () => {
      const Targets = [
        { Arn: { 'Fn::GetAtt': ['Queue', 'Arn'] }, Id: 'Target0' },
        { Arn: { 'Fn::GetAtt': ['Function', 'Arn'] }, Id: 'Target1' },
      ];
      expect(deploy(rule({ Targets })).rules).toEqual([
        {
          pattern: { source: ['aws.ssm'], detail: { name: ['Drop-Table'] } },
          targets: [
            { kind: 'queue', queueUrl: 'http://127.0.0.1:4566/000000000000/builds' },
            { kind: 'function', function: expect.objectContaining({ name: 'Drop-Function' }), retryAttempts: 2 },
          ],
        },
      ]);
    });

    it('reads how often the function is tried again', () => {
      const config = {
        Type: 'AWS::Lambda::EventInvokeConfig',
        Properties: { FunctionName: { Ref: 'Function' }, Qualifier: '$LATEST', MaximumRetryAttempts: 1 },
      };
      expect(deploy({ ...rule({}), Config: config }).rules[0]?.targets).toMatchObject([{ retryAttempts: 1 }]);
    });

    it('leaves out those with a schedule', () => {
      expect(deploy(rule({ EventPattern: undefined, ScheduleExpression: 'rate(1 day)' })).rules).toEqual([]);
    });

    it.each<[string, object, string]>([
      [
        'a condition',
        { EventPattern: { detail: { name: [{ suffix: '/key' }] } } },
        'can\'t match by [{"suffix":"/key"}] at detail.name',
      ],
      [
        'an input of the target',
        { Targets: [{ Arn: { 'Fn::GetAtt': ['Function', 'Arn'] }, Id: 'T', Input: '{}' }] },
        "does not know Input of a rule's target",
      ],
      ['a target', { Targets: [{ Arn: 'arn:aws:sqs:eu-west-3:0:theirs', Id: 'T' }] }, 'no function arn:aws:sqs'],
    ])('refuses %s that the local stack does not know', (_, properties, message) => {
      expect(() => deploy(rule(properties))).toThrow(message);
    });
  });

  it('reads the routes of an HTTP API with their functions, and how many requests it takes', () => {
    const { httpApis, output } = deploy(
      {
        ...STACK,
        Api: { Type: 'AWS::ApiGatewayV2::Api', Properties: { Name: 'hooks', ProtocolType: 'HTTP' } },
        Stage: {
          Type: 'AWS::ApiGatewayV2::Stage',
          Properties: {
            ApiId: { Ref: 'Api' },
            DefaultRouteSettings: { ThrottlingBurstLimit: 20, ThrottlingRateLimit: 10 },
          },
        },
        Integration: {
          Type: 'AWS::ApiGatewayV2::Integration',
          Properties: { ApiId: { Ref: 'Api' }, IntegrationUri: { 'Fn::GetAtt': ['Function', 'Arn'] } },
        },
        Route: {
          Type: 'AWS::ApiGatewayV2::Route',
          Properties: {
            ApiId: { Ref: 'Api' },
            RouteKey: 'POST /{projectId}/{token}',
            Target: { 'Fn::Join': ['', ['integrations/', { Ref: 'Integration' }]] },
          },
        },
      },
      { Outputs: { Url: { Value: { 'Fn::GetAtt': ['Api', 'ApiEndpoint'] } } } },
    );
    const spec = expect.objectContaining({ name: 'Drop-Function', codeDirectory: '/assets/asset.abc' });
    expect(httpApis).toEqual([
      {
        id: 'Drop-Api',
        throttle: { ratePerS: 10, burst: 20 },
        routes: [{ key: 'POST /{projectId}/{token}', function: spec }],
      },
    ]);
    expect(output('Url')).toBe('http://127.0.0.1:4566/_aws/execute-api/Drop-Api');
  });

  it.each([
    ['a pseudo parameter', { Ref: 'AWS::AccountId' }, '000000000000'],
    ['a joined list', { 'Fn::Join': ['/', ['a', { Ref: 'AWS::Partition' }]] }, 'a/aws'],
    ['an ARN', { 'Fn::GetAtt': ['Queue', 'Arn'] }, 'arn:aws:sqs:eu-west-3:000000000000:builds'],
    ['an attribute that it does not know', { 'Fn::GetAtt': ['Queue', 'Colour'] }, '(not emulated: Colour of Queue)'],
    ['a function that it does not know', { 'Fn::Base64': 'x' }, '(not emulated: Fn::Base64)'],
  ])('resolves %s', (_, Value, expected) => {
    expect(deploy(STACK, { Outputs: { It: { Value } } }).output('It')).toBe(expected);
  });

  it('has functions without variables of their own', () => {
    const { Environment: _, ...Properties } = FUNCTION.Properties;
    expect(deploy({ ...STACK, Function: { ...FUNCTION, Properties } }).functions).toMatchObject([{ environment: {} }]);
  });

  it('has no output that the template does not have', () => {
    expect(() => deploy(STACK).output('Nothing')).toThrow('no output Nothing');
  });
});
