import { describe, expect, it } from 'vitest';
import {
  ENV as FOLLOW_ENV,
  readEnvironment as readFollowEnvironment,
} from '../../functions/follow-builds/environment.ts';
import {
  readEnvironment as readWebhookEnvironment,
  ENV as WEBHOOK_ENV,
} from '../../functions/receive-webhook/environment.ts';
import { OUTPUTS } from '../../infra/outputs.ts';
import { ROUTE, STUDIO, synthesized } from './synthesized.ts';

const stack = synthesized();

type Stack = ReturnType<typeof synthesized>;
const functionOf = ({ ofType }: Stack, construct: string) => {
  const found = ofType('AWS::Lambda::Function').find(({ id }) => id.startsWith(construct));
  if (found === undefined) throw new Error(`no function ${construct}`);
  return found;
};
const queueOf = ({ only }: Stack, name: string) => only('AWS::SQS::Queue', ({ QueueName }) => QueueName === name);
const statementsOf = ({ ofType }: Stack, construct: string) =>
  ofType('AWS::IAM::Policy')
    .filter(({ id }) => id.startsWith(construct))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
/** Sid, or the service of what CDK grants by itself -> actions and resources. */
const permissionsOf = (given: Stack, construct: string) =>
  Object.fromEntries(
    statementsOf(given, construct).map(({ Action, Resource, Sid }) => [
      Sid ?? [Action].flat()[0].split(':')[0],
      [Action, Resource],
    ]),
  );

const follow = queueOf(stack, 'StreampixelDrop-follow');
const letters = queueOf(stack, 'StreampixelDrop-follow-dead-letters');
const followBuilds = functionOf(stack, 'FollowBuilds');
const receiveWebhook = functionOf(stack, 'ReceiveWebhook');
const table = stack.only('AWS::DynamoDB::Table');
const parameterArn = (name: string) => `arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter${name}`;

describe('the follow queue', () => {
  it('keeps a message hidden for six times the function’s timeout, and what can’t be handled for two weeks', () => {
    expect(follow.Properties).toMatchObject({
      SqsManagedSseEnabled: true,
      VisibilityTimeout: 6 * followBuilds.Properties.Timeout,
      MessageRetentionPeriod: 7 * 24 * 3600,
      RedrivePolicy: { deadLetterTargetArn: `<${letters.id}.Arn>`, maxReceiveCount: 100 },
    });
    expect(letters.Properties).toMatchObject({ SqsManagedSseEnabled: true, MessageRetentionPeriod: 14 * 24 * 3600 });
  });

  it('is told of each submission of the stack’s own bucket, and of nobody else’s', () => {
    const rule = stack.only('AWS::Events::Rule', ({ Targets }) => Targets[0].Arn === `<${follow.id}.Arn>`);
    expect(rule.Properties.EventPattern).toEqual({
      source: ['streampixel-drop'],
      'detail-type': ['Build Submitted'],
      detail: { build: { bucket: ['streampixeldrop-<AWS::AccountId>-<AWS::Region>'] } },
    });
    const [policy] = stack
      .ofType('AWS::SQS::QueuePolicy')
      .filter(({ Properties }) => Properties.Queues.includes(`<${follow.id}>`));
    expect(policy?.Properties.PolicyDocument.Statement).toContainEqual(
      expect.objectContaining({
        Principal: { Service: 'events.amazonaws.com' },
        Condition: { ArnEquals: { 'aws:SourceArn': `<${rule.id}.Arn>` } },
      }),
    );
  });

  it('feeds follow-builds in batches, with partial responses', () => {
    const mapping = stack.only(
      'AWS::Lambda::EventSourceMapping',
      ({ EventSourceArn }) => EventSourceArn === `<${follow.id}.Arn>`,
    );
    expect(mapping.Properties).toMatchObject({
      FunctionName: `<${followBuilds.id}>`,
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 2 },
    });
  });
});

describe('follow-builds', () => {
  it('is given exactly the variables that it reads, and can read them', () => {
    const { Variables } =
      synthesized({ ...STUDIO, lateAfterMinutes: 30, reconcile: true })
        .ofType('AWS::Lambda::Function')
        .find(({ id }) => id.startsWith('FollowBuilds'))?.Properties.Environment ?? {};
    expect(Object.keys(Variables).sort()).toEqual(Object.values(FOLLOW_ENV).sort());
    expect(readFollowEnvironment(Variables)).toEqual({
      routes: [ROUTE],
      streampixelBaseUrl: 'https://api.streampixel.io/pixelStripeApi',
      intervalMs: 121_000,
      lateAfterMs: 30 * 60_000,
      stuckAfterMs: 120 * 60_000,
      reconcile: true,
      tagObjects: false,
      followQueueUrl: `<${follow.id}>`,
      ledgerTable: `<${table.id}>`,
      alertTopicArn: `<${stack.only('AWS::SNS::Topic').id}>`,
      alertFormat: 'email',
      stackName: 'StreampixelDrop',
    });
  });

  it('may do what it has to, and nothing else', () => {
    const { logs, sqs, ...own } = permissionsOf(stack, 'FollowBuilds');
    expect(logs?.[0]).toEqual(['logs:CreateLogStream', 'logs:PutLogEvents']);
    expect(sqs?.[1]).toBe(`<${follow.id}.Arn>`);
    expect(own).toEqual({
      KeepLedger: [['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], `<${table.id}.Arn>`],
      FindBuilds: ['dynamodb:Query', [`<${table.id}.Arn>/index/by-state`, `<${table.id}.Arn>/index/by-upload-id`]],
      RequestReleases: ['sqs:SendMessage', `<${follow.id}.Arn>`],
      SendAlerts: ['sns:Publish', `<${stack.only('AWS::SNS::Topic').id}>`],
      EmitEvents: ['events:PutEvents', 'arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/default'],
      ReadApiKeys: ['ssm:GetParameter', parameterArn('/studio/api-key')],
      DecryptApiKeys: ['kms:Decrypt', 'arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:key/*'],
    });
  });

  it('may tag builds where the settings want it, under the watched prefix only', () => {
    const { TagBuilds } = permissionsOf(synthesized({ ...STUDIO, tagObjects: true }), 'FollowBuilds');
    expect(TagBuilds).toEqual([
      ['s3:GetObjectTagging', 's3:GetObjectVersionTagging', 's3:PutObjectTagging', 's3:PutObjectVersionTagging'],
      'arn:<AWS::Partition>:s3:::streampixeldrop-<AWS::AccountId>-<AWS::Region>/builds/*',
    ]);
  });
});

describe('receive-webhook', () => {
  it('is given exactly the variables that it reads, and can read them', () => {
    const { Variables } = receiveWebhook.Properties.Environment;
    expect(Object.keys(Variables).sort()).toEqual(Object.values(WEBHOOK_ENV).sort());
    expect(readWebhookEnvironment(Variables)).toEqual({
      routes: [ROUTE],
      followQueueUrl: `<${follow.id}>`,
      webhookTokenParameter: '/streampixel-drop/webhook-token',
    });
  });

  it('may read its token and store what comes, and look into nothing', () => {
    const { logs, ...own } = permissionsOf(stack, 'ReceiveWebhook');
    expect(logs?.[0]).toEqual(['logs:CreateLogStream', 'logs:PutLogEvents']);
    expect(own).toEqual({
      StoreWebhooks: ['sqs:SendMessage', `<${follow.id}.Arn>`],
      ReadWebhookTokens: ['ssm:GetParameter', parameterArn('/streampixel-drop/webhook-token')],
      DecryptWebhookTokens: ['kms:Decrypt', 'arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:key/*'],
    });
  });

  it('is reached by one method and path, throttled, and by API Gateway only', () => {
    const api = stack.only('AWS::ApiGatewayV2::Api');
    expect(api.Properties.ProtocolType).toBe('HTTP');
    expect(stack.only('AWS::ApiGatewayV2::Route').Properties).toMatchObject({
      RouteKey: 'POST /{projectId}/{token}',
      AuthorizationType: 'NONE',
    });
    expect(stack.only('AWS::ApiGatewayV2::Stage').Properties).toMatchObject({
      StageName: '$default',
      DefaultRouteSettings: { ThrottlingRateLimit: 20, ThrottlingBurstLimit: 50 },
    });
    const permission = stack.only(
      'AWS::Lambda::Permission',
      ({ FunctionName }) => FunctionName === `<${receiveWebhook.id}.Arn>`,
    );
    expect(permission.Properties.Principal).toBe('apigateway.amazonaws.com');
    expect(permission.Properties.SourceArn).toContain(`<${api.id}>/*/*/{projectId}/{token}`);
  });

  it('writes no access log: the path holds the token', () => {
    expect(stack.only('AWS::ApiGatewayV2::Stage').Properties).not.toHaveProperty('AccessLogSettings');
  });

  it('has done before Streampixel stops waiting', () => {
    expect(receiveWebhook.Properties.Timeout).toBe(10);
  });
});

describe('outputs', () => {
  it('tell each project’s webhook with the steps on the dashboard, once, and without the token', () => {
    const other = '5f0000000000000000000003';
    const routes = [
      ROUTE,
      { ...ROUTE, prefix: 'builds/demo/', projectId: other },
      { ...ROUTE, prefix: 'builds/test/' },
    ];
    const { only, outputs } = synthesized({ ...STUDIO, routes });
    const base = `<${only('AWS::ApiGatewayV2::Api').id}.ApiEndpoint>`;

    expect(outputs[OUTPUTS.webhookUrl]?.Value).toBe(base);
    expect(outputs[OUTPUTS.webhookOfProject]?.Value).toBe(`${base}/${ROUTE.projectId}/TOKEN`);
    expect(outputs[`${OUTPUTS.webhookOfProject}2`]?.Value).toBe(`${base}/${other}/TOKEN`);
    expect(outputs).not.toHaveProperty(`${OUTPUTS.webhookOfProject}3`);
    expect(outputs[OUTPUTS.webhookOfProject]?.Description).toMatch(/Project Settings.*every event.*Test Webhook/);
    expect(outputs[OUTPUTS.setUpWebhooks]?.Value).toBe('npx streampixel-drop webhook');
  });
});
