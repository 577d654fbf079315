/** Who signs the tokens of GitHub Actions. Source: "Configuring OpenID Connect in Amazon Web Services" of GitHub's docs. */
export const GITHUB_ISSUER = 'token.actions.githubusercontent.com';
/** Who the tokens are for: what aws-actions/configure-aws-credentials asks for. */
export const GITHUB_AUDIENCE = 'sts.amazonaws.com';

/**
 * A repository, as `sub` in the tokens of its jobs names it: `owner/name`, or with ids `owner@1/name@2`, for repositories made, renamed
 * or moved after 15 July 2026 and those that have chosen so ("Immutable subject claims" of GitHub's docs). Then all of it is meant, or
 * what is behind it: one branch, or one environment. No wildcards.
 */
export const GITHUB_REPOSITORY =
  /^(?:[\w-]+\/[\w.-]+|[\w-]+@\d+\/[\w.-]+@\d+)(?::ref:refs\/heads\/[\w.+#@=/-]+|:environment:[\w.-]+(?: [\w.-]+)*)?$/;

/**
 * The subjects of the tokens that may assume the role.
 *
 * @returns `exact` ones, and those `like` a pattern, where all of a repository is meant
 */
export function githubSubjects(repositories: readonly string[]) {
  const all = [...new Set(repositories)];
  return {
    exact: all.filter((each) => each.includes(':')).map((each) => `repo:${each}`),
    like: all.filter((each) => !each.includes(':')).map((each) => `repo:${each}:*`),
  };
}

/** What a role's trust policy may have, in characters. Source: "IAM and AWS STS quotas", by default. */
export const TRUST_POLICY_LIMIT = 2048;

/** About the longest that the role's trust policy can get, in characters. */
export function trustPolicyLength(repositories: readonly string[]): number {
  const { exact, like } = githubSubjects(repositories);
  // Two statements, each with the provider's ARN in the longest partition.
  return 2 * 330 + JSON.stringify([...exact, ...like]).length;
}
