import { readFileSync } from 'node:fs';

/** The context in this clone's cdk.json, settings and CDK's feature flags: what the CDK CLI reads, without what `-c` adds. */
export function projectContext(): Readonly<Record<string, unknown>> {
  return JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8')).context;
}

/** The ids in the cdk.json that comes with the project, so that a fresh clone synthesizes. Streampixel has no such ids. */
export const SAMPLE_USER_ID = '000000000000000000000001';
export const SAMPLE_PROJECT_ID = '000000000000000000000002';
