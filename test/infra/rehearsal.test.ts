import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { newPrivateKey, publicHalfOf } from '../../functions/adapters/delivery-key.ts';
import { SettingsError } from '../../infra/settings/read.ts';
import { StreampixelDrop } from '../../infra/streampixel-drop.ts';
import { appOf, type Resource, ROUTE, STUDIO, synthesized } from './synthesized.ts';

/** A studio that uses everything that a rehearsal must not touch. */
const REAL = {
  ...STUDIO,
  routes: [
    ROUTE,
    { ...ROUTE, prefix: 'builds/other/', userId: '5f0000000000000000000003', apiKeyParameter: '/studio/other-key' },
  ],
  stackName: 'Studio',
  bucketName: 'studio-builds',
  bucketKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/studio-key',
  ledgerTableName: 'studio-ledger',
  webhookTokenParameter: '/studio/token',
  deliveryKeyParameter: '/studio/delivery',
  delivery: 'cloudfront',
  deliveryPublicKeys: [publicHalfOf(newPrivateKey())],
  streampixelBaseUrl: 'https://api.studio.example/pixelStripeApi',
};
const rehearsal = synthesized({ ...REAL, rehearsal: true });

/** Names that the template itself gives; CloudFormation makes others of the stack's name. */
const names = (resources: readonly Resource[]): string[] =>
  resources
    .flatMap(({ Properties = {} }) => NAMES.flatMap((property) => Properties[property] ?? []))
    .filter((name) => !name.startsWith('<'));
const NAMES = [
  'BucketName',
  'QueueName',
  'AlarmName',
  'TableName',
  'TopicName',
  'DashboardName',
  'FunctionName',
  'RoleName',
  'Name',
];

describe('the stack of a rehearsal', () => {
  it.each([
    ['bucket', 'studio-builds'],
    ['KMS key', 'studio-key'],
    ['ledger', 'studio-ledger'],
    ['e-mail addresses', 'studio.example'],
    ['parameters', '/studio/'],
    ['API of Streampixel', 'https://api.'],
    ['CloudFront', 'CloudFront'],
  ])('has nothing of the real %s', (_, text) => {
    expect(JSON.stringify([rehearsal.resources, rehearsal.outputs])).not.toContain(text);
  });

  it('has no name that the real one has', () => {
    const { bucketName: _, ledgerTableName: __, bucketKmsKeyArn: ___, ...own } = REAL;
    const real = new Set(names(synthesized({ ...own, delivery: 's3', deliveryPublicKeys: [] }).resources));
    const rehearsed = names(rehearsal.resources);
    expect(rehearsed.length).toBeGreaterThan(20);
    expect(rehearsed.filter((name) => real.has(name))).toEqual([]);
    expect(rehearsal.only('AWS::S3::Bucket').Properties.BucketName).toMatch(/^studio-rehearsal-/);
  });

  it('has its secrets below a path of its own, the API keys in a folder', () => {
    const { routes, webhookTokenParameter } = JSON.parse(rehearsal.outputs.Settings?.Value ?? '');
    expect(routes.map(({ apiKeyParameter }: typeof ROUTE) => apiKeyParameter)).toEqual([
      '/streampixel-drop-rehearsal/Studio-Rehearsal/api-keys/1',
      '/streampixel-drop-rehearsal/Studio-Rehearsal/api-keys/2',
    ]);
    expect(webhookTokenParameter).toBe('/streampixel-drop-rehearsal/Studio-Rehearsal/webhook-token');
  });

  it('sends builds to the stand-in, and is quicker', () => {
    const settings = JSON.parse(rehearsal.outputs.Settings?.Value ?? '');
    expect(settings.streampixelBaseUrl).toMatch(/^<StandInApi\w+\.ApiEndpoint>\/pixelStripeApi$/);
    expect(settings).toMatchObject({ intervalSeconds: 10, fileUrlLifetimeSeconds: 60, prefix: 'builds/' });
    const withUrl = rehearsal.ofType('AWS::Lambda::Function').flatMap(({ Properties }) => {
      const { STREAMPIXEL_BASE_URL } = Properties.Environment?.Variables ?? {};
      return STREAMPIXEL_BASE_URL === undefined ? [] : [STREAMPIXEL_BASE_URL];
    });
    expect(withUrl.length).toBeGreaterThan(2);
    expect(new Set(withUrl)).toEqual(new Set([settings.streampixelBaseUrl]));
  });

  it('does not make shorter times longer', () => {
    const { outputs } = synthesized({ ...STUDIO, rehearsal: true, intervalSeconds: 1, fileUrlLifetimeSeconds: 30 });
    expect(JSON.parse(outputs.Settings?.Value ?? '')).toMatchObject({ intervalSeconds: 1, fileUrlLifetimeSeconds: 30 });
  });

  it('leaves nothing when it is deleted', () => {
    const kept = rehearsal.resources.filter(
      ({ DeletionPolicy = 'Delete', UpdateReplacePolicy = 'Delete' }) =>
        DeletionPolicy !== 'Delete' || UpdateReplacePolicy !== 'Delete',
    );
    expect(kept).toEqual([]);
    for (const type of ['AWS::S3::Bucket', 'AWS::DynamoDB::Table', 'AWS::Logs::LogGroup', 'AWS::S3::BucketPolicy']) {
      expect(rehearsal.ofType(type).every(({ DeletionPolicy }) => DeletionPolicy === 'Delete')).toBe(true);
    }
    // With point-in-time recovery AWS keeps a backup of a deleted table.
    expect(JSON.stringify(rehearsal.ofType('AWS::DynamoDB::Table'))).not.toContain('"PointInTimeRecoveryEnabled":true');
  });

  it('empties the bucket before the bucket goes, and deletes the parameters of the rehearsal and no others', () => {
    const leftovers = rehearsal.only('Custom::RehearsalLeftovers');
    expect(leftovers.Properties).toMatchObject({ ParameterPath: '/streampixel-drop-rehearsal/Studio-Rehearsal' });
    expect(leftovers.DependsOn).toContain(rehearsal.only('AWS::S3::Bucket').id);
    expect(statementsOf('ForRehearsalRemove')).toEqual([
      ['ListBuilds', ['s3:ListBucketVersions']],
      ['DeleteBuilds', ['s3:DeleteObject', 's3:DeleteObjectVersion']],
      ['ListParameters', ['ssm:GetParametersByPath']],
      ['DeleteParameters', ['ssm:DeleteParameters', 'ssm:GetParametersByPath']],
    ]);
    const resources = JSON.stringify(policyOf('ForRehearsalRemove'));
    for (const [, parameter] of resources.matchAll(/:parameter(\/[^"]*)"/g)) {
      expect(parameter).toMatch(/^\/streampixel-drop-rehearsal\/Studio-Rehearsal(\/\*)?$/);
    }
  });

  it('lets the stand-in reach its own table, queue and parameter', () => {
    expect(statementsOf('StandIn')).toEqual([
      ['ConsumeMessages', expect.any(Array)],
      ['SendSteps', ['sqs:SendMessage']],
      ['RememberUploads', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem']],
      ['ReadStandIn', ['ssm:GetParameter']],
      ['DecryptStandIn', ['kms:Decrypt']],
    ]);
    const [read] = policyOf('StandIn').filter(({ Sid }: { Sid?: string }) => Sid === 'ReadStandIn');
    expect(read.Resource).toMatch(/:parameter\/streampixel-drop-rehearsal\/Studio-Rehearsal\/stand-in$/);
    const environment = rehearsal.ofType('AWS::Lambda::Function').find(({ id }) => id.startsWith('StandIn'));
    expect(Object.keys(environment?.Properties.Environment.Variables)).toEqual([
      'SUBMISSION_INTERVAL_MS',
      'STAND_IN_TABLE',
      'STAND_IN_QUEUE_URL',
      'STAND_IN_PARAMETER',
    ]);
  });

  it('puts every alert into a queue, and says how to rehearse instead of what to do before the first build', () => {
    const { standInParameter } = JSON.parse(rehearsal.outputs.Rehearsal?.Value ?? '');
    expect(standInParameter).toBe('/streampixel-drop-rehearsal/Studio-Rehearsal/stand-in');
    expect(rehearsal.only('AWS::SNS::Subscription').Properties.Protocol).toBe('sqs');
    expect(rehearsal.outputs.Rehearse?.Value).toBe(
      'npx --no streampixel-drop rehearse --stack Studio-Rehearsal --region <AWS::Region>',
    );
    expect(Object.keys(rehearsal.outputs)).not.toContain('StoreApiKey');
    expect(rehearsal.messages).toEqual([]);
  });

  it('is no part of a real stack', () => {
    const { ofType, outputs } = synthesized();
    expect(outputs).not.toHaveProperty('Rehearsal');
    expect(ofType('Custom::RehearsalLeftovers')).toEqual([]);
    expect(ofType('AWS::ApiGatewayV2::Api')).toHaveLength(1);
  });
});

function policyOf(construct: string) {
  const policy = rehearsal.ofType('AWS::IAM::Policy').find(({ id }) => id.startsWith(`${construct}Role`));
  return policy?.Properties.PolicyDocument.Statement;
}

/** Without those that every function has for its log. */
function statementsOf(construct: string) {
  return policyOf(construct).flatMap(({ Action, Sid }: { Action: string | string[]; Sid?: string }) =>
    Sid === undefined ? [] : [[Sid, [Action].flat()]],
  );
}

describe('settings that mix up a rehearsal and a real stack', () => {
  it.each([
    ['a real stack with the name of a rehearsal', { stackName: 'Studio-Rehearsal' }, 'stackName: has -Rehearsal in it'],
    [
      'a real token in its path',
      { webhookTokenParameter: '/streampixel-drop-rehearsal/x' },
      'webhookTokenParameter: is below',
    ],
    [
      'a real key in its path',
      { routes: [{ ...ROUTE, apiKeyParameter: '/streampixel-drop-rehearsal/x' }] },
      'routes[0].apiKeyParameter: is below',
    ],
    [
      'a name that is too long for both',
      { rehearsal: true, stackName: 'S'.repeat(30) },
      'stackName: is too long for a rehearsal',
    ],
  ])('are refused: %s', (_, settings, problem) => {
    expect(() => appOf({ ...STUDIO, ...settings })).toThrow(SettingsError);
    expect(() => appOf({ ...STUDIO, ...settings })).toThrow(problem);
  });

  it('are none where the name of the rehearsal itself is given', () => {
    const [stack] = appOf({ ...STUDIO, rehearsal: 'true', stackName: 'Studio-Rehearsal' }).synth().stacks;
    expect(stack?.stackName).toBe('Studio-Rehearsal');
  });
});

describe('the construct as a rehearsal', () => {
  it('is refused in a stack that is not for rehearsals', () => {
    const stack = new Stack(new App(), 'Game');
    expect(() => new StreampixelDrop(stack, 'Builds', { routes: [ROUTE], rehearsal: true })).toThrow(
      'rehearsal: needs a stack of its own',
    );
  });

  it('uses nothing that it is given', () => {
    const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Game-Rehearsal');
    const drop = new StreampixelDrop(stack, 'Builds', {
      routes: [ROUTE],
      rehearsal: true,
      bucket: Bucket.fromBucketName(stack, 'Real', 'studio-builds'),
      alertTopic: Topic.fromTopicArn(stack, 'RealTopic', 'arn:aws:sns:eu-central-1:123456789012:studio-alerts'),
    });
    const template = JSON.stringify(Template.fromStack(stack).toJSON());
    expect(template).not.toMatch(/studio-builds|studio-alerts/);
    expect(drop.dropName).toBe('Game-Rehearsal-Builds');
    expect(template).toContain('"BuildsRehearsal":');
  });
});
