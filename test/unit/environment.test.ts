import { describe, expect, it } from 'vitest';
import { readEnvironment as readFollowBuilds } from '../../functions/follow-builds/environment.ts';
import { readEnvironment as readReceiveWebhook } from '../../functions/receive-webhook/environment.ts';
import { readEnvironment as readReminder } from '../../functions/remind-of-dead-letters/environment.ts';
import { readEnvironment } from '../../functions/submit-build/environment.ts';

const GOOD = {
  STREAMPIXEL_BASE_URL: 'https://api.streampixel.io/pixelStripeApi',
  SUBMISSION_INTERVAL_MS: '121000',
  FILE_URLS: '{"delivery":"s3"}',
  FILE_URL_LIFETIME_S: '21600',
  MAX_ATTEMPTS: '6',
  ON_LOST_ANSWER: 'retry',
  BUILDS_QUEUE_URL: 'https://sqs.example/builds',
  MESSAGE_RETENTION_S: '604800',
  DEAD_LETTER_QUEUE_URL: 'https://sqs.example/dead',
  LEDGER_TABLE: 'ledger',
  ALERT_TOPIC_ARN: 'arn:aws:sns:eu-central-1:000000000000:alerts',
  ALERT_FORMAT: 'email',
  COMMAND_TARGET: '{"stack":"StreampixelDrop","region":"eu-central-1"}',
  PACKAGE_CHECK: 'refuse',
  STACK_NAME: 'StreampixelDrop',
};

describe('the environment', () => {
  it('is read typed', () => {
    expect(readEnvironment(GOOD)).toMatchObject({
      intervalMs: 121_000,
      messageRetentionS: 604_800,
      onLostAnswer: 'retry',
    });
  });

  it('says which drop of a stack commands are for, where it holds several', () => {
    const target = { stack: 'Studio', region: 'eu-central-1', drop: 'Builds' };
    expect(readEnvironment({ ...GOOD, COMMAND_TARGET: JSON.stringify(target) }).commandTarget).toEqual(target);
  });

  it('is refused with every variable at fault, and none of their values', () => {
    const { LEDGER_TABLE: _, ...bad } = {
      ...GOOD,
      MAX_ATTEMPTS: 'c4nary',
      ON_LOST_ANSWER: '',
    };
    const read = () => readEnvironment(bad);
    expect(read).toThrow(/^The function's environment is not what the stack sets\./);
    for (const name of ['MAX_ATTEMPTS', 'ON_LOST_ANSWER', 'LEDGER_TABLE']) expect(read).toThrow(name);
    expect(read).not.toThrow(/c4nary|STACK_NAME/);
  });
});

it.each(['0', '9', '23'])('takes %s for an hour of the day', (REMINDER_HOUR_UTC) => {
  expect(readReminder({ ...GOOD, REMINDER_HOUR_UTC }).reminderHourUtc).toBe(Number(REMINDER_HOUR_UTC));
});

it.each(['24', '-1', '08', ''])('refuses %j for an hour of the day', (REMINDER_HOUR_UTC) => {
  expect(() => readReminder({ ...GOOD, REMINDER_HOUR_UTC })).toThrow('REMINDER_HOUR_UTC: must be an hour from 0 to 23');
});

describe('the environment of those that follow builds', () => {
  const FOLLOW = {
    ...GOOD,
    FOLLOW_QUEUE_URL: 'https://sqs.example/follow',
    WEBHOOK_TOKEN_PARAMETER: '/streampixel-drop/webhook-token',
    LATE_AFTER_MS: '3600000',
    STUCK_AFTER_MS: '7200000',
    RECONCILE: 'false',
    TAG_OBJECTS: 'true',
  };

  it('is read typed, with a false that is false', () => {
    expect(readFollowBuilds(FOLLOW)).toMatchObject({
      lateAfterMs: 3_600_000,
      stuckAfterMs: 7_200_000,
      reconcile: false,
      tagObjects: true,
    });
    expect(readReceiveWebhook(FOLLOW)).toEqual({
      followQueueUrl: 'https://sqs.example/follow',
      webhookTokenParameter: '/streampixel-drop/webhook-token',
    });
  });

  it('is refused with what it does not know', () => {
    const bad = {
      ...FOLLOW,
      RECONCILE: 'c4nary',
      TAG_OBJECTS: '',
    };
    for (const name of ['RECONCILE', 'TAG_OBJECTS']) expect(() => readFollowBuilds(bad)).toThrow(name);
    expect(() => readFollowBuilds(bad)).not.toThrow(/c4nary/);
  });
});
