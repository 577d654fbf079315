import { describe, expect, it } from 'vitest';
import { deploymentOf } from '../../local/template.ts';

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
      },
    });
    const { depthAlarms } = deploy({
      ...STACK,
      Depth: alarm('ApproximateNumberOfMessagesVisible', 2),
      Errors: alarm('Errors', 1),
    });
    expect(depthAlarms).toMatchObject([{ name: 'ApproximateNumberOfMessagesVisible', queueName: 'builds' }]);
    expect([2, 3].map((depth) => depthAlarms[0]?.isBreached(depth))).toEqual([false, true]);
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
    ['an attribute by its dotted name', { 'Fn::GetAtt': 'Queue.Arn' }, 'arn:aws:sqs:eu-west-3:000000000000:builds'],
  ])('resolves %s', (_, value, expected) => {
    const deployment = deploy(STACK, {
      Parameters: { Stage: { Default: 'beta' } },
      Outputs: { It: { Value: value } },
    });
    expect(deployment.output('It')).toBe(expected);
  });

  it.each([
    ['a resource it has no counterpart for', { Ref: 'Role' }, "can't serve Role (AWS::IAM::Role)"],
    ['a resource that is not there', { Ref: 'Nothing' }, 'refers to Nothing'],
    ['an attribute it does not know', { 'Fn::GetAtt': ['Queue', 'Colour'] }, 'the attribute Colour of Queue'],
    ['an intrinsic function it does not know', { 'Fn::Base64': 'x' }, 'Fn::Base64'],
  ])('names %s, once something asks for it', (_, value, message) => {
    const deployment = deploy(STACK, { Outputs: { It: { Value: value } } });
    expect(() => deployment.output('It')).toThrow(message);
  });

  it('refuses a function that no Node.js bundle is behind', () => {
    const inline = { ...FUNCTION, Properties: { ...FUNCTION.Properties, Runtime: 'python3.13' } };
    expect(() => deploy({ ...STACK, Function: inline })).toThrow("Function can't run here");
  });
});
