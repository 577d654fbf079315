/**
 * The tokens in the addresses that webhooks are sent to: one SSM SecureString holds one a line, the current one first. A second
 * is there while the dashboards still have the address before the last change.
 */

/** Tokens that count at a time. */
export const MOST_TOKENS = 2;

/** No token is longer, in characters. */
export const LONGEST_TOKEN = 128;

/** Letters, digits, `-` and `_`, which stand in a URL as they are; 256 random bits are 43 of them. */
const TOKEN = new RegExp(`^[\\w-]{32,${LONGEST_TOKEN}}$`);

/** The tokens in the parameter's value. Lines that are none do not count: they could be guessed. */
export function tokensIn(value: string): readonly string[] {
  return value
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => TOKEN.test(line))
    .slice(0, MOST_TOKENS);
}

/** Where the webhook of a project is to be sent. */
export function webhookAddress(baseUrl: string, projectId: string, token: string): string {
  return `${baseUrl.replace(/\/+$/, '')}/${projectId}/${token}`;
}
