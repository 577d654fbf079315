import { Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  CfnOIDCProvider,
  CompositePrincipal,
  type IManagedPolicy,
  Role,
  WebIdentityPrincipal,
} from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Settings } from '../settings/schema.ts';
import { GITHUB_AUDIENCE, GITHUB_ISSUER, githubSubjects } from './github-subjects.ts';

/** An upload of 30 GB and an hour of following. A job on GitHub's machines ends after 6 hours. */
const LONGEST_SESSION = Duration.hours(4);

/** The role that jobs of GitHub Actions assume to push builds, without a stored key. */
export class GithubRole extends Construct {
  readonly role: Role;

  constructor(
    scope: Construct,
    id: string,
    { githubProvider, githubRepositories }: Pick<Settings, 'githubProvider' | 'githubRepositories'>,
    policy: IManagedPolicy,
  ) {
    super(scope, id);
    const provider = `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:oidc-provider/${GITHUB_ISSUER}`;
    const { exact, like } = githubSubjects(githubRepositories);
    const forUs = { StringEquals: { [`${GITHUB_ISSUER}:aud`]: GITHUB_AUDIENCE } };
    const subject = `${GITHUB_ISSUER}:sub`;
    const principals = [
      ...(exact.length === 0 ? [] : [{ StringEquals: { ...forUs.StringEquals, [subject]: exact } }]),
      ...(like.length === 0 ? [] : [{ ...forUs, StringLike: { [subject]: like } }]),
    ].map((conditions) => new WebIdentityPrincipal(provider, conditions));
    this.role = new Role(this, 'Role', {
      assumedBy: new CompositePrincipal(...principals),
      description: 'Push builds from GitHub Actions',
      managedPolicies: [policy],
      maxSessionDuration: LONGEST_SESSION,
    });
    if (githubProvider === 'create') {
      const created = new CfnOIDCProvider(this, 'Provider', {
        url: `https://${GITHUB_ISSUER}`,
        clientIdList: [GITHUB_AUDIENCE],
      });
      // An account has one, so roles of others may rely on it by now.
      created.applyRemovalPolicy(RemovalPolicy.RETAIN);
      this.role.node.addDependency(created);
    }
  }
}
