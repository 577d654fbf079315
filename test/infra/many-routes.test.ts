import { createHash } from 'node:crypto';
import { Stack as CdkStack, CfnOutput } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { newPrivateKey, publicHalfOf } from '../../functions/adapters/delivery-key.ts';
import {
  ENVIRONMENT_LIMIT_BYTES,
  EVENT_PATTERN_LIMIT,
  OUTPUT_VALUE_LIMIT_BYTES,
  OUTPUTS_LIMIT,
} from '../../infra/limits.ts';
import { readDeployedSettings } from '../../infra/outputs/deployed-settings.ts';
import { OUTPUTS } from '../../infra/outputs/outputs.ts';
import { appOf, STUDIO, type Stack, synthesized } from './synthesized.ts';

/** As Streampixel's: nothing that compresses well. */
const id = (of: string) => createHash('sha256').update(of).digest('hex').slice(0, 24);
const routes = (user: (index: number) => { readonly userId: string; readonly apiKeyParameter: string }) =>
  Array.from({ length: 500 }, (_, index) => ({
    prefix: `builds/client-${index}/`,
    projectId: id(`project ${index}`),
    autoRelease: false,
    ...user(index),
  }));
const ONE_USER = routes(() => ({ userId: id('user'), apiKeyParameter: '/studio/api-key' }));
const USERS = routes((index) => ({ userId: id(`user ${index}`), apiKeyParameter: `/studio/keys/client-${index}` }));
const TEAMS = routes((index) => ({ userId: id(`user ${index}`), apiKeyParameter: `/studio/team-${index}/api-key` }));

// IAM does not count white space.
const characters = (document: unknown) => JSON.stringify(document).length;
/** The placeholders of the flattened template stand for longer text. */
const LONGEST = {
  '<AWS::Partition>': 'aws-us-gov',
  '<AWS::Region>': 'ap-southeast-1',
  '<AWS::AccountId>': '123456789012',
};
const resolved = (text: string) =>
  Object.entries(LONGEST).reduce((whole, [placeholder, value]) => whole.replaceAll(placeholder, value), text);

const statements = ({ ofType }: Stack, construct: string) =>
  ofType('AWS::IAM::Policy')
    .filter(({ id: policy }) => policy.startsWith(construct))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
const keyRule = ({ only }: Stack) =>
  only('AWS::Events::Rule', ({ EventPattern }) => EventPattern?.source?.[0] === 'aws.ssm');

describe.each([
  ['of one user', ONE_USER, '/studio/api-key', ['/studio/api-key']],
  ['of 500 users with keys in one folder', USERS, '/studio/keys/*', [{ prefix: '/studio/keys/' }]],
  ['of 500 users with a folder each', TEAMS, '/studio/*', [{ prefix: '/studio/' }]],
])('500 routes %s', (_, given, readable, names) => {
  // cdk-nag checks it: synthesis throws where it finds something.
  const stack = synthesized({ ...STUDIO, routes: given });

  it('keep each document within the limits of AWS', () => {
    for (const { Properties } of stack.ofType('AWS::Lambda::Function')) {
      const variables = Properties.Environment?.Variables ?? {};
      expect(characters(variables)).toBeLessThan(ENVIRONMENT_LIMIT_BYTES / 2);
      expect(variables).not.toHaveProperty('ROUTES');
    }
    for (const { Properties } of stack.ofType('AWS::Events::Rule')) {
      if (Properties.EventPattern !== undefined) {
        expect(characters(Properties.EventPattern)).toBeLessThanOrEqual(EVENT_PATTERN_LIMIT);
      }
    }
    for (const { Properties } of stack.ofType('AWS::IAM::Policy')) {
      expect(resolved(JSON.stringify(Properties.PolicyDocument)).length).toBeLessThan(10_240);
    }
    const [push, ...others] = stack.ofType('AWS::IAM::ManagedPolicy');
    expect(characters(push?.Properties)).toBeLessThan(6_144);
    // CDK moves what an inline policy has no room for into another one.
    expect(others).toEqual([]);
    for (const { Properties } of stack.ofType('AWS::SQS::QueuePolicy'))
      expect(characters(Properties)).toBeLessThan(4_096);
    for (const { Properties } of stack.ofType('AWS::CloudWatch::Alarm')) {
      expect(Properties.AlarmDescription.length).toBeLessThanOrEqual(1_024);
    }
    expect(stack.resources.length).toBeLessThanOrEqual(500);
    expect(characters(stack.resources)).toBeLessThan(500_000);
    expect(Object.keys(stack.outputs).length).toBeLessThanOrEqual(OUTPUTS_LIMIT / 4);
    for (const { Description, Value } of Object.values(stack.outputs)) {
      expect(Buffer.byteLength(Value)).toBeLessThanOrEqual(OUTPUT_VALUE_LIMIT_BYTES);
      expect(Description.length).toBeLessThanOrEqual(1_024);
    }
  });

  it('have alarms, a dashboard and resources as one route has', () => {
    const one = synthesized();
    const countOf = ({ resources }: Stack) => resources.map(({ Type }) => Type).sort();
    expect(countOf(stack)).toEqual(countOf(one));
    const dashboard = ({ only }: Stack) => only('AWS::CloudWatch::Dashboard').Properties.DashboardBody;
    expect(dashboard(stack)).toEqual(dashboard(one));
  });

  it('let the functions read the keys and no more of SSM', () => {
    const arn = `arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter${readable}`;
    for (const construct of ['SubmitBuild', 'FollowBuilds', 'RedriveBuilds']) {
      const all = statements(stack, construct);
      expect(all.filter(({ Action }) => Action === 'ssm:GetParameter')).toMatchObject([{ Resource: arn }]);
      const [decrypt, ...others] = all.filter(({ Action }) => Action === 'kms:Decrypt');
      expect(others).toEqual([]);
      const { StringEquals, StringLike = StringEquals } = decrypt.Condition;
      expect(StringEquals['kms:ViaService']).toBe('ssm.<AWS::Region>.<AWS::URLSuffix>');
      expect([StringLike['kms:EncryptionContext:PARAMETER_ARN']].flat()).toEqual([arn]);
    }
  });

  it('notice each key that is stored', () => {
    expect(keyRule(stack).Properties.EventPattern.detail.name).toEqual(names);
  });

  it('reach the operator’s tool by the outputs', () => {
    const { routes: read } = readDeployedSettings((output) => stack.outputs[output]?.Value ?? '');
    expect(read).toEqual(given);
  });

  it('name the first few keys and projects, and the command that lists the rest', () => {
    const startingWith = (start: string) => Object.keys(stack.outputs).filter((output) => output.startsWith(start));
    expect(startingWith(OUTPUTS.webhookOfProject)).toHaveLength(10);
    expect(stack.outputs[OUTPUTS.moreWebhooks]).toMatchObject({
      Description: expect.stringMatching(/^500 projects in all/),
      Value: expect.stringContaining('streampixel-drop webhook '),
    });
    const isOneKey = given === ONE_USER;
    expect(startingWith(OUTPUTS.storeApiKey)).toHaveLength(isOneKey ? 1 : 10);
    expect(stack.outputs[OUTPUTS.moreApiKeys]?.Value).toEqual(
      isOneKey ? undefined : expect.stringContaining('streampixel-drop key check '),
    );
  });
});

it('keep within the limits of IAM where the names of a studio are long', () => {
  const long = (length: number) => `/${'x'.repeat(length)}`;
  const stack = synthesized({
    ...STUDIO,
    prefix: `builds${long(900)}/`,
    routes: USERS.slice(0, 30).map((route) => ({ ...route, prefix: `builds${long(900)}/${route.projectId}/` })),
    bucketName: 'studio-builds',
    bucketKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/0f0f-1',
    tagObjects: true,
    delivery: 'cloudfront',
    deliveryPublicKeys: [publicHalfOf(newPrivateKey())],
    deliveryKeyParameter: long(900),
  });
  for (const { Properties } of stack.ofType('AWS::IAM::Policy')) {
    expect(resolved(JSON.stringify(Properties.PolicyDocument)).length).toBeLessThan(10_240);
  }
  // CDK puts what has no room there into managed policies.
  for (const { Properties } of stack.ofType('AWS::IAM::ManagedPolicy')) {
    expect(resolved(JSON.stringify(Properties.PolicyDocument)).length).toBeLessThan(6_144);
  }
});

it('are refused with what to do where their keys are spread over the whole account', () => {
  const spread = USERS.map((route, index) => ({ ...route, apiKeyParameter: `/client-${index}/api-key` }));
  expect(() => synthesized({ ...STUDIO, routes: spread })).toThrow(
    /routes: the names of the 500 API key parameters, in 500 folders, are too long for one rule of EventBridge \(\d{5} of 2048 characters\)\. Put them into one folder/,
  );
});

it('are refused where the stack has more outputs than CloudFormation takes', () => {
  const app = appOf(STUDIO);
  const [stack] = app.node.children;
  if (!(stack instanceof CdkStack)) throw new Error('no stack');
  for (let n = 0; n < OUTPUTS_LIMIT; n++) new CfnOutput(stack, `Own${n}`, { value: 'x' });
  expect(() => app.synth()).toThrow(/The stack StreampixelDrop has \d{3} outputs, and CloudFormation takes 200\./);
});
