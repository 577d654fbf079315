import { App, Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { GITHUB_ISSUER, TRUST_POLICY_LIMIT, trustPolicyLength } from '../../infra/access/github-subjects.ts';
import { SettingsError } from '../../infra/settings/read.ts';
import { StreampixelDrop } from '../../infra/streampixel-drop.ts';
import { ROUTE, STUDIO, type Stack as Synthesized, synthesized } from './synthesized.ts';

const AUDIENCE = { [`${GITHUB_ISSUER}:aud`]: 'sts.amazonaws.com' };
const PROVIDER = `arn:<AWS::Partition>:iam::<AWS::AccountId>:oidc-provider/${GITHUB_ISSUER}`;
const policyOf = ({ only }: Synthesized) => only('AWS::IAM::ManagedPolicy');
const statementOf = (stack: Synthesized, sid: string) =>
  policyOf(stack).Properties.PolicyDocument.Statement.find(({ Sid }: { Sid: string }) => Sid === sid);
const roleOf = ({ ofType }: Synthesized) => ofType('AWS::IAM::Role').find(({ id }) => id.startsWith('Github'));
const trustOf = (githubRepositories: readonly string[]) =>
  roleOf(synthesized({ ...STUDIO, githubRepositories }))?.Properties.AssumeRolePolicyDocument.Statement;

describe('the policy of build machines', () => {
  const stack = synthesized();

  it('is an output, and no role has it by itself', () => {
    expect(stack.outputs.PushPolicyArn?.Value).toBe(`<${policyOf(stack).id}>`);
    expect(stack.outputs).not.toHaveProperty('GithubRoleArn');
    expect(roleOf(stack)).toBeUndefined();
  });

  // What the tool calls is compared with it in test/cli/push-policy.test.ts. No call to KMS leaves the tool: S3 makes them.
  it('has the key of an encrypted bucket, used by S3 only', () => {
    const bucketKmsKeyArn = 'arn:aws:kms:eu-central-1:123456789012:key/0f0f-1';
    expect(statementOf(stack, 'EncryptBuilds')).toBeUndefined();
    const encrypted = synthesized({ ...STUDIO, bucketName: 'studio-builds', bucketKmsKeyArn });
    expect(statementOf(encrypted, 'EncryptBuilds')).toMatchObject({
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: bucketKmsKeyArn,
      Condition: { StringEquals: { 'kms:ViaService': 's3.<AWS::Region>.<AWS::URLSuffix>' } },
    });
  });
});

describe('the role for GitHub Actions', () => {
  it('is for all of a repository, or for one branch or environment of it, with ids or without, and for no other', () => {
    expect(
      trustOf(['studio/game', 'studio/tools:ref:refs/heads/main', 'studio@1/new@2:environment:live', 'studio@1/new@3']),
    ).toEqual([
      {
        Effect: 'Allow',
        Action: 'sts:AssumeRoleWithWebIdentity',
        Principal: { Federated: PROVIDER },
        Condition: {
          StringEquals: {
            ...AUDIENCE,
            [`${GITHUB_ISSUER}:sub`]: ['repo:studio/tools:ref:refs/heads/main', 'repo:studio@1/new@2:environment:live'],
          },
        },
      },
      {
        Effect: 'Allow',
        Action: 'sts:AssumeRoleWithWebIdentity',
        Principal: { Federated: PROVIDER },
        Condition: {
          StringEquals: AUDIENCE,
          StringLike: { [`${GITHUB_ISSUER}:sub`]: ['repo:studio/game:*', 'repo:studio@1/new@3:*'] },
        },
      },
    ]);
  });

  it('has no pattern where only branches are meant', () => {
    expect(JSON.stringify(trustOf(['studio/game:ref:refs/heads/main']))).not.toMatch(/StringLike|\*/);
  });

  it('may push and no more, and is an output', () => {
    const stack = synthesized({ ...STUDIO, githubRepositories: ['studio/game'] });
    const role = roleOf(stack);
    expect(role?.Properties.ManagedPolicyArns).toEqual([`<${policyOf(stack).id}>`]);
    expect(role?.Properties).not.toHaveProperty('Policies');
    expect(stack.ofType('AWS::IAM::Policy').flatMap(({ Properties }) => Properties.Roles)).not.toContain(
      `<${role?.id}>`,
    );
    expect(stack.outputs.GithubRoleArn?.Value).toBe(`<${role?.id}.Arn>`);
    expect(stack.ofType('AWS::IAM::OIDCProvider')).toEqual([]);
  });

  it('comes with the provider where the account has none yet, which stays: others may use it by then', () => {
    const stack = synthesized({ ...STUDIO, githubRepositories: ['studio/game'], githubProvider: 'create' });
    const provider = stack.only('AWS::IAM::OIDCProvider');
    expect(provider).toMatchObject({
      Properties: { Url: `https://${GITHUB_ISSUER}`, ClientIdList: ['sts.amazonaws.com'] },
      DeletionPolicy: 'Retain',
    });
    expect(roleOf(stack)?.DependsOn).toContain(provider.id);
  });

  it('says at synthesis that its trust policy would be too long', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => `studio@123456789/some-game-${index}@123456789:ref:refs/heads/main`);
    expect(() => synthesized({ ...STUDIO, githubRepositories: many(100) })).toThrow(SettingsError);
    let most = 0;
    while (trustPolicyLength(many(most + 1)) <= TRUST_POLICY_LIMIT) most++;
    const fitting = [...many(most).slice(1), 'studio/game'];
    const document = JSON.stringify({ Version: '2012-10-17', Statement: trustOf(fitting) });
    const longest = document
      .replaceAll('<AWS::Partition>', 'aws-us-gov')
      .replaceAll('<AWS::AccountId>', '123456789012');
    expect(longest.length).toBeLessThan(TRUST_POLICY_LIMIT);
    expect(longest.length).toBeGreaterThan(TRUST_POLICY_LIMIT / 2);
  });

  it('is an attribute of the construct, as the policy is', () => {
    const drop = new StreampixelDrop(
      new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'S'),
      'Builds',
      {
        routes: [ROUTE],
        githubRepositories: ['studio/game'],
      },
    );
    expect([drop.pushPolicy.managedPolicyArn, drop.githubRole?.roleArn]).toEqual([
      expect.any(String),
      expect.any(String),
    ]);
  });
});
