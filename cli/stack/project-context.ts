import { readFileSync } from 'node:fs';

/** The settings in this clone's cdk.json, among CDK's feature flags: what `cdk deploy` would deploy. */
export function projectContext(): Readonly<Record<string, unknown>> {
  return JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8')).context;
}
