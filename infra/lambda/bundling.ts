import { join } from 'node:path';
import type { BuildOptions } from 'esbuild';
import { PROJECT_ROOT } from '../project-root.ts';

const ADAPTERS = join(PROJECT_ROOT, 'functions', 'adapters');

/**
 * How every function is bundled. A cold start is mostly the loading of this code, so what no function uses is left out; what
 * each line is worth is in docs/performance.md. The SDK that was tested is in the bundle: the runtime's is larger and changes by itself.
 */
export const BUNDLING = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  target: 'node24',
  // esbuild can't leave out unused parts of the packages' CommonJS builds: they would nearly double the bundle.
  mainFields: ['module', 'main'],
  // Without source maps: they would be larger than the code, and every cold start would load them.
  minify: true,
  // The zip reader is CommonJS and requires Node's own modules, which an ES module can't by itself.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  alias: { '@aws-sdk/credential-provider-node': join(ADAPTERS, 'lambda-credentials.ts') },
  logLevel: 'error',
} satisfies BuildOptions;
