import { readFileSync } from 'node:fs';

/** CDK's feature flags in this project's cdk.json: what the CDK CLI hands to the app, without what `-c` adds. */
export function cdkFlags(): Readonly<Record<string, unknown>> {
  return JSON.parse(readFileSync(new URL('../cdk.json', import.meta.url), 'utf8')).context;
}
