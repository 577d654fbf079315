import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { describe, expect, it } from 'vitest';
import { fingerprintOf, newPrivateKey, publicHalfOf } from '../../functions/adapters/delivery-key.ts';
import { LONGEST_LIFETIME_S } from '../../functions/adapters/s3-build-store.ts';
import { environmentBytes } from '../../infra/lambda/environment.ts';
import { sampleIds } from '../../infra/settings/checks.ts';
import { readSettings, SettingsError } from '../../infra/settings/read.ts';
import { SAMPLE_PROJECT_ID, SAMPLE_ROUTES } from '../../infra/settings/sample.ts';

const ROUTE = {
  prefix: '',
  userId: '5f0000000000000000000001',
  projectId: '5f0000000000000000000002',
  autoRelease: false,
  apiKeyParameter: '/studio/api-key',
};

const read = (context: Record<string, unknown>) => readSettings({ routes: [ROUTE], ...context });

function problemsOf(context: Record<string, unknown>): readonly string[] {
  try {
    read(context);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}
const PUBLIC_KEY = publicHalfOf(newPrivateKey());
const pemOf = (key: string) =>
  `-----BEGIN PUBLIC KEY-----\n${key.replace(/.{64}/g, '$&\n')}\n-----END PUBLIC KEY-----\n`;
const problemsOfRoute = (change: Record<string, unknown>) => problemsOf({ routes: [{ ...ROUTE, ...change }] });

describe('settings', () => {
  it('has a default for everything but the routes', () => {
    expect(read({})).toEqual({
      stackName: 'StreampixelDrop',
      routes: [ROUTE],
      prefix: '',
      alertEmails: [],
      alertFormat: 'email',
      bucketEvents: 'notification',
      streampixelBaseUrl: 'https://api.streampixel.io/pixelStripeApi',
      intervalSeconds: 121,
      delivery: 's3',
      deliveryPublicKeys: [],
      deliveryKeyParameter: '/streampixel-drop/delivery-key',
      deliveryPriceClass: 'PriceClass_100',
      fileUrlLifetimeSeconds: 21_600,
      maxAttempts: 6,
      onLostAnswer: 'retry',
      packageCheck: 'refuse',
      maxConcurrency: 2,
      logRetentionDays: 30,
      waitingAlarmHours: 6,
      reminderHourUtc: 8,
      runbookUrl: 'docs/runbook.md',
      githubRepositories: [],
      githubProvider: 'existing',
      dashboard: true,
      webhookTokenParameter: '/streampixel-drop/webhook-token',
      lateAfterMinutes: 60,
      stuckAfterMinutes: 120,
      reconcile: false,
      rehearsal: false,
      tagObjects: false,
    });
  });

  it('reads what -c hands over as text', () => {
    const settings = read({
      routes: JSON.stringify([{ ...ROUTE, prefix: 'builds/', release: 'on-approval', onlyLatest: true }]),
      prefix: 'builds/',
      alertEmails: 'a@studio.example, b@studio.example,a@studio.example',
      alertFormat: 'chat',
      githubRepositories: 'studio/game, studio/tools:environment:live',
      bucketName: 'studio-builds',
      bucketEvents: 'eventbridge',
      bucketKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/0f0f-1',
      ledgerTableName: 'StreampixelDrop-LedgerTable9343E4AA-1ABC',
      streampixelBaseUrl: 'https://proxy.studio.example/streampixel/',
      intervalSeconds: '0.5',
      delivery: 'cloudfront',
      deliveryPublicKeys: JSON.stringify([pemOf(PUBLIC_KEY), PUBLIC_KEY]),
      deliveryKeyParameter: '/studio/delivery-key',
      deliveryPriceClass: 'PriceClass_All',
      fileUrlLifetimeSeconds: '3600',
      maxAttempts: '3',
      onLostAnswer: 'dead-letter',
      packageCheck: 'off',
      maxConcurrency: '5',
      logRetentionDays: '90',
      waitingAlarmHours: '24',
      reminderHourUtc: '0',
      runbookUrl: 'https://wiki.studio.example/runbook',
      dashboard: 'false',
      webhookTokenParameter: '/studio/webhook-token',
      lateAfterMinutes: '30',
      stuckAfterMinutes: '90',
      reconcile: 'true',
      tagObjects: 'true',
      stackName: 'BuildsOfTeamA',
    });

    expect(settings).toEqual({
      routes: [{ ...ROUTE, prefix: 'builds/', release: 'on-approval', onlyLatest: true }],
      prefix: 'builds/',
      alertEmails: ['a@studio.example', 'b@studio.example'],
      alertFormat: 'chat',
      githubRepositories: ['studio/game', 'studio/tools:environment:live'],
      githubProvider: 'existing',
      bucketName: 'studio-builds',
      bucketEvents: 'eventbridge',
      bucketKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/0f0f-1',
      ledgerTableName: 'StreampixelDrop-LedgerTable9343E4AA-1ABC',
      streampixelBaseUrl: 'https://proxy.studio.example/streampixel',
      intervalSeconds: 0.5,
      delivery: 'cloudfront',
      deliveryPublicKeys: [PUBLIC_KEY],
      deliveryKeyParameter: '/studio/delivery-key',
      deliveryPriceClass: 'PriceClass_All',
      fileUrlLifetimeSeconds: 3600,
      maxAttempts: 3,
      onLostAnswer: 'dead-letter',
      packageCheck: 'off',
      maxConcurrency: 5,
      logRetentionDays: 90,
      waitingAlarmHours: 24,
      reminderHourUtc: 0,
      runbookUrl: 'https://wiki.studio.example/runbook',
      dashboard: false,
      webhookTokenParameter: '/studio/webhook-token',
      lateAfterMinutes: 30,
      stuckAfterMinutes: 90,
      reconcile: true,
      rehearsal: false,
      tagObjects: true,
      stackName: 'BuildsOfTeamA',
    });
  });

  it('takes a list as JSON text, and empty text as unset', () => {
    expect(read({ alertEmails: '["a@studio.example"]' }).alertEmails).toEqual(['a@studio.example']);
    expect(read({ alertEmails: '' }).alertEmails).toEqual([]);
    const unset = read({ bucketName: '', bucketKmsKeyArn: '', ledgerTableName: '' });
    for (const name of ['bucketName', 'bucketKmsKeyArn', 'ledgerTableName']) {
      expect(unset).not.toHaveProperty(name, expect.anything());
    }
  });

  it('keeps the token of another stack’s webhooks apart, and that of the default stack where it was', () => {
    expect(read({ stackName: 'Staging' }).webhookTokenParameter).toBe('/streampixel-drop/Staging/webhook-token');
    const webhookTokenParameter = '/streampixel-drop/webhook-token';
    expect(read({}).webhookTokenParameter).toBe(webhookTokenParameter);
    expect(read({ stackName: 'Staging', webhookTokenParameter })).toMatchObject({ webhookTokenParameter });
  });

  it('spells a user one way, since the rate limit is per user', () => {
    expect(read({ routes: [{ ...ROUTE, userId: '5F00000000000000000000AB' }] }).routes[0]?.userId).toBe(
      '5f00000000000000000000ab',
    );
  });

  it('reports all problems at once, one line each', () => {
    const context = {
      routes: [{ ...ROUTE, userId: 'studio' }, { prefix: '' }],
      alertEmail: 'a@studio.example',
      maxConcurrency: 1,
      bucketKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/0f0f-1',
    };

    const problems = problemsOf(context);

    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'routes[0].userId',
      'routes[1].userId',
      'routes[1].projectId',
      'routes[1].autoRelease',
      'routes[1].apiKeyParameter',
      'maxConcurrency',
      'routes[1].prefix',
      'bucketKmsKeyArn',
      'alertEmail',
    ]);
    const { message } = new SettingsError(problems);
    expect(message.split('\n')).toEqual([
      '9 problems with the settings:',
      ...problems.map((problem) => `  - ${problem}`),
    ]);
  });

  it.each([
    ['stackName', '1st', 'must start with a letter and have at most 35'],
    ['stackName', 'x'.repeat(36), 'must start with a letter and have at most 35'],
    ['prefix', '/builds/', "not start with '/'"],
    ['prefix', 'builds*', 'IAM read'],
    ['prefix', 5, 'must be the start of the keys to watch'],
    ['bucketName', 's3://builds', 'bare name of an existing bucket'],
    ['bucketName', 7, 'bare name of an existing bucket'],
    ['bucketName', 'Studio-Builds', 'lower-case letters'],
    ['prefix', 'x'.repeat(1025), 'at most 1024 characters'],
    ['bucketEvents', 'sns', 'must be notification (the bucket sends'],
    ['ledgerTableName', 'arn:aws:dynamodb:eu-central-1:123456789012:table/Ledger', 'not an ARN'],
    ['ledgerTableName', 7, 'the name of the ledger table'],
    ['streampixelBaseUrl', 'http://api.streampixel.io/pixelStripeApi', 'must be an https address'],
    ['streampixelBaseUrl', 'https://me:secret@api.streampixel.io', 'without user'],
    ['streampixelBaseUrl', 'https://api.streampixel.io/?apikey=1', 'without user, query or fragment'],
    ['streampixelBaseUrl', 'api.streampixel.io', 'must be an https address'],
    ['intervalSeconds', 0, 'above 0'],
    ['intervalSeconds', -1, 'above 0'],
    ['intervalSeconds', 121_000, 'must be seconds, not ms'],
    ['intervalSeconds', '2 minutes', 'must be seconds, not ms'],
    ['delivery', 'cloud', 'must be s3 (a presigned URL of the bucket) or cloudfront'],
    ['delivery', 'cloudfront', 'delivery-key create'],
    ['deliveryKeyParameter', '-----BEGIN', 'not the key'],
    ['deliveryKeyParameter', ROUTE.apiKeyParameter, 'is the apiKeyParameter of routes[0]'],
    ['deliveryKeyParameter', '/streampixel-drop/webhook-token', 'is the webhookTokenParameter'],
    ['deliveryPriceClass', '100', 'must be PriceClass_100'],
    ['fileUrlLifetimeSeconds', 604_801, 'no signature lives longer'],
    ['fileUrlLifetimeSeconds', 0, 'must be whole seconds from 1 to 604800'],
    ['fileUrlLifetimeSeconds', 1.5, 'must be whole seconds'],
    ['maxAttempts', 0, 'must be a whole number from 1 to 25'],
    ['maxAttempts', 26, 'after 100 SQS gives up by itself'],
    ['packageCheck', 'never', 'must be refuse (such a build goes to the dead-letter queue), warn'],
    ['onLostAnswer', 'ignore', 'must be retry (submit again after an interval) or dead-letter'],
    ['maxConcurrency', 1, 'Lambda takes no less than 2'],
    ['maxConcurrency', '1001', 'from 2 to 1000'],
    ['logRetentionDays', 31, 'CloudWatch Logs knows: 1, 3, 5, 7, 14, 30'],
    ['logRetentionDays', 9999, 'CloudWatch Logs knows'],
    ['waitingAlarmHours', 0, 'from 1 to 168'],
    ['waitingAlarmHours', 169, 'has left the builds queue'],
    ['reminderHourUtc', 24, 'from 0 to 23'],
    ['reminderHourUtc', '08:00', 'an hour of the day in UTC'],
    ['runbookUrl', 'http://wiki.studio.example/runbook', 'must be an https address'],
    ['runbookUrl', 'https://wiki.studio.example/runbook#top', 'without a fragment'],
    ['runbookUrl', `https://wiki.studio.example/${'x'.repeat(130)}`, 'at most 150 characters'],
    ['dashboard', 'no', 'must be true or false'],
    [
      'webhookTokenParameter',
      'ghp_token',
      'the name of the SSM parameter for the token of the webhooks, not the token',
    ],
    ['webhookTokenParameter', '/aws/token', 'not under /aws or /ssm'],
    ['webhookTokenParameter', ROUTE.apiKeyParameter, 'is the apiKeyParameter of routes[0]'],
    ['lateAfterMinutes', 121, 'more than stuckAfterMinutes (120)'],
    ['lateAfterMinutes', 0, 'must be whole minutes from 1 to 2880'],
    ['stuckAfterMinutes', 2881, 'Streampixel calls 2 hours unusual'],
    ['reconcile', 'perhaps', 'must be true or false'],
    ['tagObjects', 1, 'must be true or false'],
    ['routes', undefined, 'must be a list with at least one route'],
    ['routes', [], 'must be a list with at least one route'],
    ['routes', '[{', 'must be a list with at least one route'],
    ['routes', ROUTE, 'must be a list with at least one route'],
  ])('refuses %s: %j and says what it must be', (name, value, message) => {
    const problems = problemsOf({ [name]: value });

    expect(problems).toEqual([expect.stringContaining(message)]);
    expect(problems[0]).toMatch(new RegExp(`^${name === 'delivery' ? '\\w+' : name}: `));
  });

  it('says where a list of -c is no JSON, as where a shell has taken its quotes', () => {
    expect(problemsOf({ routes: '[{prefix: , userId: 5}]' })).toEqual([
      expect.stringMatching(
        /^routes: must be a list .* is no JSON: line 1, column 3: a name in double quotes is expected/,
      ),
    ]);
    expect(problemsOf({ alertEmails: '[a@studio.example]' })).toEqual([
      expect.stringMatching(/^alertEmails: must be an e-mail address.* is no JSON: line 1, column 2: /),
    ]);
  });

  it.each([
    ['alertEmails', 'a@studio.example, nobody', /^alertEmails\[1\]: must be an e-mail address/],
    ['bucketKmsKeyArn', 'alias/builds', /^bucketKmsKeyArn: must be the ARN of a KMS key/],
    ['routes', [7], /^routes\[0\]: must be an object with prefix, userId, projectId, autoRelease, apiKeyParameter/],
  ])('points into %s', (name, value, message) => {
    expect(problemsOf({ bucketName: 'studio-builds', [name]: value })).toEqual([expect.stringMatching(message)]);
  });

  it('takes what the signer can sign, to the second', () => {
    expect(read({ fileUrlLifetimeSeconds: LONGEST_LIFETIME_S }).fileUrlLifetimeSeconds).toBe(LONGEST_LIFETIME_S);
    expect(problemsOf({ fileUrlLifetimeSeconds: LONGEST_LIFETIME_S + 1 })).toHaveLength(1);
  });

  it('takes every retention that CloudWatch Logs has but for ever', () => {
    const days = Object.values(RetentionDays).filter((value) => typeof value === 'number' && value !== 9999);
    expect(days.filter((value) => problemsOf({ logRetentionDays: value }).length > 0)).toEqual([]);
  });

  it('takes plain http for loopback', () => {
    expect(read({ streampixelBaseUrl: 'http://127.0.0.1:8080/api' }).streampixelBaseUrl).toBe(
      'http://127.0.0.1:8080/api',
    );
  });

  it('refuses a KMS key for a bucket of its own', () => {
    const bucketKmsKeyArn = 'arn:aws:kms:eu-central-1:123456789012:key/0f0f-1';
    expect(problemsOf({ bucketKmsKeyArn })).toEqual([expect.stringMatching(/^bucketKmsKeyArn: .* bucketName only/)]);
    expect(problemsOf({ bucketKmsKeyArn, bucketName: 'studio-builds' })).toEqual([]);
  });
});

describe('public keys for downloads', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey;

  it.each([
    ['the private half', newPrivateKey().reveal()],
    ['a private key of another kind', privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()],
    ['RSA, which the functions do not sign with', publicKey.export({ format: 'pem', type: 'spki' }).toString()],
    ['another curve', p384.export({ format: 'der', type: 'spki' }).toString('base64')],
    ['a fingerprint', fingerprintOf(PUBLIC_KEY)],
    ['nothing', ''],
    ['a number', 7],
  ])('are not %s, and none of it is in the message', (_, key) => {
    const problems = problemsOf({ delivery: 'cloudfront', deliveryPublicKeys: [PUBLIC_KEY, key] });
    expect(problems).toEqual([expect.stringMatching(/^deliveryPublicKeys\[1\]: must be what .* delivery-key create/)]);
    expect(problems.join()).not.toContain('BEGIN');
  });

  it('are five at most: more are not allowed in a key group', () => {
    const keys = (count: number) => Array.from({ length: count }, () => publicHalfOf(newPrivateKey()));
    expect(problemsOf({ deliveryPublicKeys: keys(5) })).toEqual([]);
    expect(problemsOf({ deliveryPublicKeys: keys(6) })).toEqual([
      expect.stringMatching(/^deliveryPublicKeys: .* at most 5/),
    ]);
  });

  it('let URLs live for a day, unless the settings say otherwise', () => {
    const cloudfront = { delivery: 'cloudfront', deliveryPublicKeys: [PUBLIC_KEY] };
    expect(read(cloudfront).fileUrlLifetimeSeconds).toBe(24 * 3600);
    expect(read({ ...cloudfront, fileUrlLifetimeSeconds: 7 * 24 * 3600 }).fileUrlLifetimeSeconds).toBe(7 * 24 * 3600);
    expect(problemsOf({ ...cloudfront, fileUrlLifetimeSeconds: 7 * 24 * 3600 + 1 })).toHaveLength(1);
  });

  it('have a parameter of the stack’s own', () => {
    expect(read({ stackName: 'Staging' }).deliveryKeyParameter).toBe('/streampixel-drop/Staging/delivery-key');
  });
});

describe('routes', () => {
  it.each([
    ['userId', '5f00', 'Copy User ID'],
    ['projectId', 'g'.repeat(24), "the address of the project's page"],
    ['prefix', '/builds', "Keys do not start with '/'"],
    ['prefix', undefined, "'' takes all"],
    ['release', 'automatic', 'must be manual (a person releases an approved build) or on-approval'],
    ['onlyLatest', 'yes', 'true or false'],
    ['everyVersion', 1, 'true or false'],
  ])('refuses %s: %j and says where to get it', (field, value, message) => {
    expect(problemsOfRoute({ [field]: value })).toEqual([expect.stringContaining(message)]);
    expect(problemsOfRoute({ [field]: value })[0]).toMatch(new RegExp(`^routes\\[0\\].${field}: `));
  });

  it('of one user have one key, because Streampixel accepts only the newest', () => {
    const other = { ...ROUTE, prefix: 'other/', apiKeyParameter: '/drop/other' };
    expect(problemsOf({ routes: [ROUTE, { ...other, userId: ROUTE.userId.toUpperCase() }] })).toEqual([
      expect.stringMatching(/^routes\[1\]\.apiKeyParameter: .* that of routes\[0\], .* the same parameter$/),
    ]);
    expect(problemsOf({ routes: [ROUTE, { ...other, apiKeyParameter: ROUTE.apiKeyParameter }] })).toEqual([]);
    expect(problemsOf({ routes: [ROUTE, { ...other, userId: '5'.repeat(24) }] })).toEqual([]);
  });

  it.each([undefined, 'false', null])('requires autoRelease, not %j, and explains the danger', (autoRelease) => {
    expect(problemsOfRoute({ autoRelease })).toEqual([expect.stringContaining('ship the build to live viewers')]);
  });

  it.each(['manual', 'on-approval'])('refuses release %j where Streampixel releases by itself', (release) => {
    expect(problemsOfRoute({ release })).toEqual([]);
    expect(problemsOfRoute({ release, autoRelease: true })).toEqual([
      expect.stringMatching(/^routes\[0\]\.release: .* Set autoRelease to false, or leave release out$/),
    ]);
  });

  it.each(['sk-c4nary', 'studio/api-key', '/studio/api key', '/aws/key', '/SSM/key', '/studio/', '/a'.repeat(16)])(
    'refuses %j as the name of a parameter, and never repeats it: it may be the key',
    (apiKeyParameter) => {
      const problems = problemsOfRoute({ apiKeyParameter });

      expect(problems).toEqual([expect.stringContaining('must be the name of the SSM parameter')]);
      expect(problems[0]).not.toContain(apiKeyParameter);
    },
  );

  it('takes names of parameters as long as SSM does', () => {
    const name = (length: number) => `/${'x'.repeat(length - 1)}`;
    expect(problemsOfRoute({ apiKeyParameter: name(955) })).toEqual([]);
    expect(problemsOfRoute({ apiKeyParameter: name(956) })).toEqual([
      expect.stringMatching(/^routes\[0\]\.apiKeyParameter: .* 955 characters/),
    ]);
  });

  it('refuses names of parameters that are together too long for one rule of EventBridge', () => {
    const routes = (length: number) =>
      ['a', 'b', 'c'].map((letter) => ({
        ...ROUTE,
        prefix: `${letter}/`,
        userId: letter.repeat(24),
        apiKeyParameter: `/${letter.repeat(length)}`,
      }));
    expect(problemsOf({ routes: routes(600) })).toEqual([]);
    expect(problemsOf({ routes: routes(660) })).toEqual([
      expect.stringMatching(
        /^routes: the names of the 3 API key parameters, in 1 folder, are too long .* EventBridge \(\d+ of 2048 characters\)/,
      ),
    ]);
  });

  it('refuses names of parameters that are together too long for a policy of IAM only', () => {
    const routes = Array.from({ length: 100 }, (_, index) => ({
      ...ROUTE,
      prefix: `${index}/`,
      userId: String(index).padStart(24, '0'),
      apiKeyParameter: `/s/${index}`,
    }));
    expect(problemsOf({ routes, webhookTokenParameter: '/s/token' })).toEqual([
      expect.stringMatching(/ are too long for a statement of an IAM policy \(\d+ of 2560 characters\)/),
    ]);
  });

  it('names the field that was meant by a typo', () => {
    expect(problemsOfRoute({ onlylatest: true })).toEqual([
      'routes[0].onlylatest: is not a field of a route. Did you mean onlyLatest?',
    ]);
  });

  it('refuses two routes with one prefix', () => {
    expect(problemsOf({ routes: [ROUTE, { ...ROUTE, prefix: 'a/' }, ROUTE] })).toEqual([
      'routes[2].prefix: is the same as that of routes[0]. Give each route a prefix of its own',
    ]);
  });

  it('refuses a route that the watched prefix hides', () => {
    const routes = [
      { ...ROUTE, prefix: 'builds/' },
      { ...ROUTE, prefix: 'demo/' },
    ];
    expect(problemsOf({ prefix: 'builds/', routes })).toEqual([
      expect.stringMatching(/^routes\[1\]\.prefix: does not start with the watched prefix "builds\/"/),
    ]);
  });

  it('refuses more of them than the operator’s tool can read from the outputs', () => {
    const many = (count: number) =>
      Array.from({ length: count }, () => ({
        ...ROUTE,
        prefix: `builds/${randomBytes(6).toString('hex')}/`,
        projectId: randomBytes(12).toString('hex'),
      }));
    expect(problemsOf({ routes: many(5_000) })).toEqual([]);
    expect(problemsOf({ routes: many(20_000) })).toEqual([
      expect.stringMatching(
        /^routes: 20000 routes are too many for one stack\. .* \d+ outputs of the stack, .* room for 90\./,
      ),
    ]);
  });
});

it('refuses an address of Streampixel that the environment of a function has no room for', () => {
  const address = (length: number) => ({ streampixelBaseUrl: `https://proxy.studio.example/${'x'.repeat(length)}` });
  expect(environmentBytes(read(address(1_000)))).toBeLessThanOrEqual(4096);
  expect(problemsOf(address(4_000))).toEqual([
    expect.stringMatching(/^streampixelBaseUrl: is too long\. .* up to \d+ of Lambda's 4096 bytes/),
  ]);
});

describe('context that is no setting', () => {
  it.each([
    ['alertEmail', 'Did you mean alertEmails?'],
    ['INTERVALSECONDS', 'Did you mean intervalSeconds?'],
    ['route', 'Did you mean routes?'],
    ['fileUrlLifetime', 'Did you mean fileUrlLifetimeSeconds?'],
    ['region', 'There are: routes, prefix, alertEmails'],
  ])('takes %s for a slip', (name, hint) => {
    expect(problemsOf({ [name]: 'x' })).toEqual([expect.stringContaining(hint)]);
    expect(problemsOf({ [name]: 'x' })[0]).toMatch(new RegExp(`^${name}: is not a setting`));
  });

  it('leaves the keys of CDK alone', () => {
    const context = {
      '@aws-cdk/core:checkSecretUsage': true,
      'aws:cdk:bundling-stacks': [],
      'availability-zones:account=1:region=eu-central-1': ['eu-central-1a'],
      'cli-telemetry': false,
      'acknowledged-issue-numbers': [1],
    };
    expect(problemsOf(context)).toEqual([]);
  });
});

describe('the sample', () => {
  it('is valid, and every id of it is recognised', () => {
    const settings = readSettings({ routes: SAMPLE_ROUTES });

    expect(sampleIds(settings)).toEqual(['routes[0].userId', 'routes[0].projectId']);
  });

  it('is forgotten once the ids are replaced', () => {
    const half = read({
      routes: [
        { ...ROUTE, prefix: 'a' },
        { ...ROUTE, projectId: SAMPLE_PROJECT_ID },
      ],
    });
    expect(sampleIds(half)).toEqual(['routes[1].projectId']);
    expect(sampleIds(read({}))).toEqual([]);
  });
});
