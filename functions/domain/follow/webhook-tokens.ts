/**
 * The tokens in the addresses that webhooks are sent to. One SSM SecureString has one on each line, the current one first. A second
 * one is the former token, which is accepted while dashboards may still have the former address.
 */

/** How many tokens are accepted at a time. */
export const MOST_TOKENS = 2;

/** No token is longer, in characters. */
export const LONGEST_TOKEN = 128;

/** Letters, digits, `-` and `_`, which a URL does not encode. 256 random bits are 43 characters. */
const TOKEN = new RegExp(`^[\\w-]{32,${LONGEST_TOKEN}}$`);

/** The tokens in the parameter's value. Other lines are ignored: a short one could be guessed. */
export function tokensIn(value: string): readonly string[] {
  return value
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => TOKEN.test(line))
    .slice(0, MOST_TOKENS);
}

/** The address that a project's webhook is sent to. */
export function webhookAddress(baseUrl: string, projectId: string, token: string): string {
  return `${baseUrl.replace(/\/+$/, '')}/${projectId}/${token}`;
}
