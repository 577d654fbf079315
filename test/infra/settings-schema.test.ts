import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { newPrivateKey, publicHalfOf } from '../../functions/adapters/delivery-key.ts';
import { readSettings, SettingsError } from '../../infra/settings/read.ts';
import { SAMPLE_ROUTES } from '../../infra/settings/sample.ts';
import type { settingsSchema } from '../../infra/settings/schema.ts';
import { settingsJsonSchema } from '../../scripts/write-settings.ts';

const file = new URL('../../streampixel-drop.schema.json', import.meta.url);
const schema = JSON.parse(readFileSync(file, 'utf8'));
// Of VS Code.
const isValid = new Ajv({ keywords: ['errorMessage'] }).compile(schema);

const [ROUTE] = SAMPLE_ROUTES;
const PREFIX = "a-b_c!.'()/";
const KEY = publicHalfOf(newPrivateKey());
const PEM = `-----BEGIN PUBLIC KEY-----\r\n${KEY.replace(/.{64}/g, '$&\r\n')}\r\n-----END PUBLIC KEY-----\r\n`;

/** Whether the settings take a file. */
function isTaken(values: Record<string, unknown>): boolean {
  try {
    readSettings({}, { file: { name: 'x.json', values, problems: [] } });
    return true;
  } catch (error) {
    if (error instanceof SettingsError) return false;
    throw error;
  }
}

/** Values of one setting each: good ones, and wrong ones. `bucketKmsKeyArn` goes with a bucket only. */
const VALUES: Readonly<Record<keyof typeof settingsSchema.entries, readonly [good: unknown[], wrong: unknown[]]>> = {
  routes: [
    [[ROUTE], [{ ...ROUTE, userId: 'ABCDEF012345678901234567', onlyLatest: true, everyVersion: false }]],
    [
      ...[[], ROUTE, '[]', null, [null], [{ ...ROUTE, extra: 1 }], [{ ...ROUTE, autoRelease: 'true' }]],
      ...[[{ ...ROUTE, prefix: '/a' }], [{ ...ROUTE, userId: '5' }], [{ ...ROUTE, release: 'never' }]],
      ...[[{ ...ROUTE, apiKeyParameter: '/AWS/key' }], [{ prefix: '' }]],
    ],
  ],
  prefix: [
    ['', PREFIX],
    ['/a', 'a b', 'a*', 'ä', 5, null, 'x'.repeat(1025)],
  ],
  alertEmails: [
    [[], ['a.b+c@studio.example']],
    ['a@studio.example', ['a@studio'], ['@studio.example'], [1]],
  ],
  githubRepositories: [
    [
      [],
      ['studio/game', 'my-studio/my.game_2:ref:refs/heads/release/5.1'],
      ['studio@12/game@345:environment:live', 'studio@12/game@345', 'studio/game:environment:Live Europe'],
    ],
    [
      'studio/game',
      ...[
        ['studio'],
        ['*/game'],
        ['studio/*'],
        ['studio/game:*'],
        ['studio/game:ref:refs/heads/*'],
        ['studio/game:pull_request'],
      ],
      ...[
        ['studio@12/game'],
        ['repo:studio/game'],
        ['https://github.com/studio/game'],
        ['studio/game?'],
        ['studio/$game'],
        ['studio/game:environment:live '],
        [1],
      ],
    ],
  ],
  githubProvider: [
    ['existing', 'create'],
    ['', 'import', true],
  ],
  alertFormat: [
    ['email', 'chat'],
    ['slack', true],
  ],
  bucketName: [['builds.of-us'], ['', 'Builds', 's3://builds', 'ab']],
  bucketKmsKeyArn: [['arn:aws:kms:eu-central-1:123456789012:key/0f-1'], ['', 'alias/builds']],
  bucketEvents: [['notification', 'eventbridge'], ['sns']],
  ledgerTableName: [['Ledger-1.a_b'], ['', 'ab', 'arn:aws:dynamodb:x']],
  streampixelBaseUrl: [
    [
      'https://api.streampixel.io/pixelStripeApi',
      'https://x.example:8443/a@b/',
      'http://127.0.0.1:1234',
      'http://[::1]:1/x',
    ],
    [
      'http://api.streampixel.io',
      'https://me:x@api.streampixel.io',
      'https://x.example/?a',
      'https://x.example/#a',
      'x.example',
    ],
  ],
  intervalSeconds: [
    [0.001, 0.5, 121, 3600],
    [0, -1, 3601, '121', null],
  ],
  delivery: [['s3'], ['cloud']],
  deliveryPublicKeys: [
    [[], [KEY], [PEM]],
    [KEY, ['x'], [`${KEY}=`], ['-----BEGIN PRIVATE KEY-----'], [1], [...'123456'].map(() => KEY)],
  ],
  deliveryKeyParameter: [['/studio/delivery-key'], ['', 'studio', '/ssm/x', `/${'x'.repeat(955)}`]],
  deliveryPriceClass: [['PriceClass_100', 'PriceClass_200', 'PriceClass_All'], ['100']],
  fileUrlLifetimeSeconds: [
    [1, 604_800],
    [0, 604_801, 1.5, '1'],
  ],
  maxAttempts: [
    [1, 25],
    [0, 26, 1.5, '3'],
  ],
  onLostAnswer: [['retry', 'dead-letter'], ['ignore']],
  packageCheck: [['refuse', 'warn', 'off'], [false]],
  webhookTokenParameter: [['/studio/webhook-token'], ['token', '/aws/x']],
  lateAfterMinutes: [
    [1, 120],
    [0, 2881, '60'],
  ],
  stuckAfterMinutes: [
    [60, 2880],
    [0, 2881, 60.5],
  ],
  reconcile: [
    [true, false],
    ['true', 1, null],
  ],
  tagObjects: [
    [true, false],
    ['false', 0],
  ],
  maxConcurrency: [
    [2, 1000],
    [1, 1001, '2'],
  ],
  logRetentionDays: [
    [1, 30, 3653],
    [0, 2, 31, '30'],
  ],
  waitingAlarmHours: [
    [1, 168],
    [0, 169],
  ],
  reminderHourUtc: [
    [0, 23],
    [-1, 24, '08'],
  ],
  runbookUrl: [
    ['docs/runbook.md', 'https://wiki.studio.example/runbook'],
    ['http://wiki.example', 'https://wiki.example/#a', 'runbook.md', `https://wiki.example/${'x'.repeat(150)}`],
  ],
  rehearsal: [
    [true, false],
    ['yes', 1],
  ],
  dashboard: [
    [true, false],
    ['no', 1],
  ],
  stackName: [
    ['A', 'Builds-2'],
    ['1a', 'a_b', 'x'.repeat(36), ''],
  ],
};

describe('the JSON schema of the settings', () => {
  it('is that of the code (`npm run docs` writes it)', () => {
    expect(schema).toEqual(settingsJsonSchema());
  });

  it.each(Object.entries(VALUES))(
    'takes of %s what the settings take, and refuses what they refuse',
    (name, [good, wrong]) => {
      for (const [values, expected] of [
        [good, true],
        [wrong, false],
      ] as const) {
        for (const value of values) {
          const settings = { routes: [{ ...ROUTE, prefix: PREFIX }], bucketName: 'builds', [name]: value };
          expect([name, value, isValid(settings), isTaken(settings)]).toEqual([name, value, expected, expected]);
        }
      }
    },
  );

  it('knows no other names but $schema, and says what each is for, with its default', () => {
    expect(isValid({ $schema: './x.json', routes: [ROUTE] })).toBe(true);
    expect(isValid({ routes: [ROUTE], route: [] })).toBe(false);
    expect(isValid({})).toBe(false);
    for (const property of Object.values<{ description: string }>(schema.properties)) {
      expect(property.description).toMatch(/^[^[\]`]+\.$/);
    }
    expect(schema.properties.maxAttempts).toMatchObject({ type: 'integer', minimum: 1, maximum: 25, default: 6 });
  });
});
