import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Files and packages that a file leads to, types and dynamic imports included. */
function reachableFrom(entry: URL): { readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> } {
  const files = new Set<string>([entry.href]);
  const packages = new Set<string>();
  for (const file of files) {
    for (const [, specifier = ''] of readFileSync(new URL(file), 'utf8').matchAll(
      /(?:from|import)\s*\(?\s*'([^']+)'/g,
    )) {
      if (specifier.startsWith('.')) files.add(new URL(specifier, file).href);
      else packages.add(specifier);
    }
  }
  return { files, packages };
}

// The CDK is 41.8 MB and a development dependency: a user of the tool neither has it nor waits for it to load.
it.each(['cli/main.ts', 'infra/settings/read.ts', 'infra/limits.ts', 'infra/outputs/outputs.ts'])(
  '%s does without the CDK',
  (entry) => {
    const { packages } = reachableFrom(new URL(`../../${entry}`, import.meta.url));
    expect([...packages].filter((name) => /^(aws-cdk-lib|constructs|cdk-nag)(\/|$)/.test(name))).toEqual([]);
  },
);

it('follows the imports: the tool reads the settings, and the app needs the CDK', () => {
  const tool = reachableFrom(new URL('../../cli/main.ts', import.meta.url));
  expect([...tool.files].some((file) => file.endsWith('/infra/settings/schema.ts'))).toBe(true);
  expect(reachableFrom(new URL('../../infra/app.ts', import.meta.url)).packages).toContain('aws-cdk-lib');
});
