import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { STAGES } from '../../functions/domain/model/news.ts';
import {
  CONFIGURATIONS,
  PACKAGE_WARNINGS,
  PLUGINS,
  type WarningCode,
} from '../../functions/domain/model/package-verdict.ts';
import { REASONS, type Reason, SKIP_CAUSES, type SkipCause } from '../../functions/domain/model/reasons.ts';
import { EVENT_SOURCE, EVENTS, type EventName } from '../../functions/domain/model/telemetry.ts';
import { type BuildEvent, eventDetail } from '../../functions/domain/notify/build-events.ts';
import { aBuild, ROUTE, START } from '../support/world.ts';

const folder = new URL('../../docs/events/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const schemas = files.map((file) => ({ file, schema: JSON.parse(readFileSync(new URL(file, folder), 'utf8')) }));

const ajv = new Ajv2020({ strict: true, allErrors: true });
ajv.addFormat('date-time', (text) => new Date(text).toISOString() === text);

/** The schema, with every field forbidden that it does not describe: what goes out must all be documented. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema) || typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return 'properties' in schema ? { ...inner, additionalProperties: false } : inner;
}

const validators = new Map(schemas.map(({ schema }) => [schema.title, ajv.compile(closed(schema) as object)]));

function problemsOf(name: string, detail: unknown) {
  const validate = validators.get(name);
  if (validate === undefined) throw new Error(`docs/events has no schema of ${name}`);
  // As it travels: what JSON leaves out is not there.
  validate(JSON.parse(JSON.stringify(detail)));
  return validate.errors ?? [];
}

const { userId, projectId } = ROUTE;
const build = aBuild({ size: 7, eTag: 'e', sequencer: '0A' });
const labels = { branch: 'main', commit: '4f2c1a9' };
const subject = { build, userId, projectId, labels };
const facts = { plugin: 'unknown', files: 1, unpackedSize: 7, debugSize: 0 } as const;
const codes = Object.keys(PACKAGE_WARNINGS) as WarningCode[];
const at = START;

/** What a stuck build can have reached. */
const UNFINISHED = [...STAGES.filter((stage) => stage !== 'approved' && stage !== 'rejected'), null];

/** Each event as fully and as sparsely as the functions emit it. The type has a key for every event: one forgotten doesn't compile. */
const EMITTED: { readonly [Name in EventName]: readonly Extract<BuildEvent, { readonly name: Name }>[] } = {
  'Build Submitted': [true, false].map((yes) => ({
    name: 'Build Submitted' as const,
    at,
    subject: yes ? subject : { build, userId, projectId },
    uploadId: 'upload-1',
    ...(yes ? { status: 201 } : {}),
    attempt: 1,
    possiblyDoubled: yes,
    autoRelease: yes,
    ...(yes ? { package: { ...facts, game: 'MyGame', engine: '5', configuration: 'Shipping' } } : { package: facts }),
    warnings: (yes ? codes.slice(0, 10) : codes.slice(10)).map((code) => ({ code, detail: 'words' })),
  })),
  'Build Skipped': (Object.keys(SKIP_CAUSES) as SkipCause[]).map((cause) => ({
    name: 'Build Skipped',
    at,
    subject: cause === 'NewerBuild' ? subject : { build: aBuild() },
    cause,
    detail: 'words',
  })),
  'Build Dead-Lettered': [
    ...(Object.keys(REASONS) as Reason[]).map((reason) => ({
      name: 'Build Dead-Lettered' as const,
      at,
      subject,
      deadLetterId: 'dead-letter-1',
      reason,
      detail: 'words',
      status: 404,
      attempts: 6,
      possiblyDoubled: true,
    })),
    {
      name: 'Build Dead-Lettered',
      at,
      subject: {},
      deadLetterId: 'dead-letter-1',
      reason: 'UnrecognisedMessage',
      detail: '',
      attempts: 0,
      possiblyDoubled: false,
    },
  ],
  'Build Approved': (['automatic', 'manual', 'on-approval'] as const).map((mode) => ({
    name: 'Build Approved',
    at,
    subject,
    uploadId: 'upload-1',
    releaseMode: mode,
    tookSeconds: 754,
  })),
  'Build Rejected': ['', 'words'].map((objection) => ({
    name: 'Build Rejected',
    at,
    subject,
    uploadId: 'upload-1',
    objection,
  })),
  'Build Stuck': UNFINISHED.map((stage) => ({
    name: 'Build Stuck',
    at,
    subject,
    uploadId: 'upload-1',
    stage,
    lastNewsAt: '2026-04-21T12:04:10.000Z',
  })),
  'Build Released': (['approval', 'person'] as const).map((by) => ({
    name: 'Build Released',
    at,
    subject,
    uploadId: 'upload-1',
    by,
  })),
  'Api Key Rejected': [{ name: 'Api Key Rejected', at, parameter: '/studio/api-key', version: 2, userId, waiting: 0 }],
  'Redrive Finished': [{ name: 'Redrive Finished', at, parameter: '/studio/api-key', moved: 3, left: 1 }],
};

describe('the schemas of the events', () => {
  it('are one for each event, in a file named after it', () => {
    expect(schemas.map(({ schema }) => schema.title).sort()).toEqual([...EVENTS].sort());
    for (const { file, schema } of schemas) {
      expect(file).toBe(`${schema.title.toLowerCase().replaceAll(' ', '-')}.json`);
    }
  });

  it.each(EVENTS)('describe everything that a "%s" carries', (name) => {
    for (const event of EMITTED[name]) expect([event, problemsOf(name, eventDetail(event))]).toEqual([event, []]);
  });

  it.each(EVENTS)('would notice a field of "%s" that is missing, extra or of another kind', (name) => {
    const [event] = EMITTED[name];
    if (event === undefined) throw new Error('no event');
    const { at: when, ...rest } = eventDetail(event);

    expect(problemsOf(name, rest)).toHaveLength(1);
    expect(problemsOf(name, { ...rest, at: when, apiKey: 'x' })).toHaveLength(1);
    expect(problemsOf(name, { ...rest, at: START })).not.toEqual([]);
  });

  it('come with examples that are valid', () => {
    for (const { schema } of schemas) {
      expect(schema.examples.length).toBeGreaterThan(0);
      for (const example of schema.examples) {
        expect([example, problemsOf(schema.title, example)]).toEqual([example, []]);
      }
    }
  });

  it('list the very reasons, causes and stages that there are', () => {
    const enumOf = (title: string, field: string) =>
      schemas.find(({ schema }) => schema.title === title)?.schema.properties[field].enum;
    expect(enumOf('Build Dead-Lettered', 'reason')).toEqual(Object.keys(REASONS));
    expect(enumOf('Build Skipped', 'cause')).toEqual(Object.keys(SKIP_CAUSES));
    expect(enumOf('Build Stuck', 'stage')).toEqual(UNFINISHED);
    const submitted = schemas.find(({ schema }) => schema.title === 'Build Submitted')?.schema.properties;
    expect(submitted.warnings.items.properties.code.enum).toEqual(Object.keys(PACKAGE_WARNINGS));
    expect(submitted.package.properties.plugin.enum).toEqual(PLUGINS);
    expect(submitted.package.properties.configuration.enum).toEqual(CONFIGURATIONS);
  });

  it('do not shut out consumers from fields that come later', () => {
    for (const { schema } of schemas) expect(JSON.stringify(schema)).not.toContain('additionalProperties');
  });
});

describe('the example of a rule', () => {
  const readme = readFileSync(new URL('README.md', folder), 'utf8');
  const rule = JSON.parse(/```json\n(.+?)\n```/s.exec(readme)?.[1] ?? '');

  it('matches by the source and the names that the functions write', () => {
    expect(rule.source).toEqual([EVENT_SOURCE]);
    expect(EVENTS).toEqual(expect.arrayContaining(rule['detail-type']));
    const { schema } = schemas.find(({ schema: { title } }) => title === 'Build Submitted') ?? {};
    expect(Object.keys(schema.properties.build.properties)).toEqual(
      expect.arrayContaining(Object.keys(rule.detail.build)),
    );
  });
});
