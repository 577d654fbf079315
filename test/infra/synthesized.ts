import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference.js';
import { afterAll } from 'vitest';
import { cdkFlags } from '../../infra/cdk-flags.ts';
import { SAMPLE_ROUTES } from '../../infra/settings/sample.ts';
import { createApp } from '../../infra/synthesize.ts';

export const ROUTE = {
  prefix: 'builds/',
  userId: '5f0000000000000000000001',
  projectId: '5f0000000000000000000002',
  autoRelease: false,
  apiKeyParameter: '/studio/api-key',
};

/** Settings of a studio, as its file would have them: nothing of the sample is left. */
export const STUDIO = { routes: [ROUTE], prefix: 'builds/', alertEmails: ['builds@studio.example'] };

// biome-ignore lint/suspicious/noExplicitAny: a template's properties have as many shapes as there are resources.
type Json = any;
export interface Resource {
  readonly id: string;
  readonly Type: string;
  readonly Properties: Json;
  readonly DependsOn?: readonly string[];
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

const assemblies = mkdtempSync(join(tmpdir(), 'streampixel-drop-infra-'));
afterAll(() => rmSync(assemblies, { recursive: true }));

/** The app with these settings, by default those of the sample, without the function's bundle. */
export const appOf = (settings: Record<string, unknown>) =>
  createApp({
    context: { ...cdkFlags(), routes: SAMPLE_ROUTES, ...settings },
    outdir: mkdtempSync(join(assemblies, 'app-')),
    bundle: false,
  });

/**
 * The stack as CDK would deploy it, with references flattened to text: `<LogicalId.Arn>`, `<AWS::Region>`. Synthesis throws
 * where cdk-nag finds something.
 */
export function synthesized(settings: Record<string, unknown> = STUDIO) {
  const assembly = appOf(settings).synth();
  const [stack] = assembly.stacks;
  if (stack === undefined || assembly.stacks.length > 1) throw new Error('one stack was expected');
  const template = flattened(stack.template);
  const messages = stack.messages.map(({ level, entry }) => `${level}: ${entry.data}`);
  const resources = Object.entries<Json>(template.Resources).map(([id, resource]): Resource => ({ id, ...resource }));
  const ofType = (type: string) => resources.filter(({ Type }) => Type === type);
  const only = (type: string, where: (properties: Json) => boolean = () => true) => {
    const [found, ...others] = ofType(type).filter(({ Properties }) => where(Properties));
    if (found === undefined || others.length > 0) throw new Error(`not exactly one ${type}`);
    return found;
  };
  return {
    resources,
    ofType,
    only,
    outputs: template.Outputs as Record<string, { Description: string; Value: string }>,
    messages,
  };
}

export type Stack = ReturnType<typeof synthesized>;

function flattened(value: Json): Json {
  if (Array.isArray(value)) return value.map(flattened);
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === 'Fn::Join') {
    // Not by cdk-nag's function, which takes quotes out of the text: a dashboard's body is JSON.
    const [delimiter, parts] = value['Fn::Join'];
    return parts.map(flattened).join(delimiter);
  }
  if (keys.length === 1 && /^(Ref$|Fn::)/.test(keys[0] ?? '')) return flattenCfnReference(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, flattened(inner)]));
}
