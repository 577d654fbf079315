/**
 * The SDK's default credentials, in a Lambda bundle: esbuild puts this module in the place of
 * `@aws-sdk/credential-provider-node`. Lambda gives a Node.js function its role's credentials in the environment and nowhere
 * else, and replaces the process before they expire. The default chain (profiles, SSO, web identity, instance metadata) would be
 * 115 KB that every cold start loads and no function uses.
 */
export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env';
