import { readFileSync, writeFileSync } from 'node:fs';
import { toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import { DEFAULT_STACK_NAME } from '../infra/outputs/outputs.ts';
import { aboutSetting, dependentDefaults, routeSettings, settingsSchema } from '../infra/settings/schema.ts';
import { withSection } from './marked-section.ts';

const SCHEMA = new URL('../streampixel-drop.schema.json', import.meta.url);
const DOCUMENT = new URL('../docs/settings.md', import.meta.url);

const SETTINGS: Readonly<Record<string, v.GenericSchema>> = settingsSchema.entries;
const FIELDS: Readonly<Record<string, v.GenericSchema>> = routeSettings.entries;

/** The JSON schema of the file of settings, from the one place that defines them: for editors, which complete and check by it. */
export function settingsJsonSchema(): object {
  const properties = Object.entries(SETTINGS).map(([name, schema]) => {
    // Checks in code have no form there, and neither has what is done to a value afterwards, nor what comes after that.
    const { $schema, ...jsonSchema } = toJsonSchema(schema, { typeMode: 'input', errorMode: 'ignore' });
    return [name, { ...jsonSchema, ...aboutSetting(schema) }];
  });
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Settings of streampixel-drop',
    type: 'object',
    properties: {
      $schema: { type: 'string', description: 'Where this schema is: for editors.' },
      ...Object.fromEntries(properties),
    },
    required: ['routes'],
    additionalProperties: false,
  };
  return JSON.parse(JSON.stringify(schema, (key, value) => (key === 'description' ? withoutMarkdown(value) : value)));
}

/** Editors show it as it is; links are relative to the document. */
function withoutMarkdown(text: string): string {
  return text
    .replaceAll(/\[([^\]]+)\]\(([^)]+)\)/g, (_, name, target) => `${name} (${pathOf(target)})`)
    .replaceAll(/[`*]/g, '');
}

/** A link of the document, from the top level. */
function pathOf(target: string): string {
  const { hash, pathname } = new URL(target, 'file:///docs/settings.md');
  return `${pathname.slice(1)}${hash}`;
}

/** The table of settings. */
function settingsTable(): string {
  const defaults: Readonly<Record<string, unknown>> = dependentDefaults({
    stackName: DEFAULT_STACK_NAME,
    delivery: 's3',
  });
  const rows = Object.entries(SETTINGS).map(([name, schema]) => {
    const value = (schema as { readonly default?: unknown }).default ?? defaults[name];
    return `| \`${name}\` | ${name === 'routes' ? '(required)' : shown(value)} | ${aboutSetting(schema).description} |`;
  });
  return ['| setting | default | |', '| --- | --- | --- |', ...rows].join('\n');
}

function shown(value: unknown): string {
  if (value === undefined) return '';
  return `\`${typeof value === 'string' && value !== '' ? value : JSON.stringify(value)}\``;
}

/** The table of the fields of a route. */
function routesTable(): string {
  const rows = Object.entries(FIELDS).map(([name, schema]) => `| \`${name}\` | ${aboutSetting(schema).description} |`);
  return ['| field | |', '| --- | --- |', ...rows].join('\n');
}

/** The document with its tables as the code has them. */
export function withSettings(document: string): string {
  return withSection(withSection(document, 'settings', settingsTable()), 'routes', routesTable());
}

// Run by `npm run docs`; imported by the test that compares the files with the code.
if (import.meta.main) {
  writeFileSync(SCHEMA, `${JSON.stringify(settingsJsonSchema(), undefined, 2)}\n`);
  writeFileSync(DOCUMENT, withSettings(readFileSync(DOCUMENT, 'utf8')));
}
