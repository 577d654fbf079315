import { join } from 'node:path';
import { type BundlingOptions, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';

const ADAPTERS = join(import.meta.dirname, '..', 'functions', 'adapters');

/**
 * How every function is bundled. A cold start is mostly the loading of this code, so what no function uses is left out; what
 * each line is worth is in docs/performance.md.
 */
export const BUNDLING = {
  format: OutputFormat.ESM,
  target: 'node24',
  // The SDK that was tested, rather than the runtime's, which is larger and changes by itself.
  bundleAwsSDK: true,
  // esbuild can't leave out unused parts of the packages' CommonJS builds: they would nearly double the bundle.
  mainFields: ['module', 'main'],
  // Without source maps: they would be larger than the code, and every cold start would load them.
  minify: true,
  // The zip reader is CommonJS and requires Node's own modules, which an ES module can't by itself.
  banner: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  esbuildArgs: {
    '--alias': `@aws-sdk/credential-provider-node=${join(ADAPTERS, 'lambda-credentials.ts')}`,
  },
} satisfies BundlingOptions;
