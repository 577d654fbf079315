import { describe, expect, it } from 'vitest';
import { readEnvironment } from '../../functions/submit-build/environment.ts';
import { ROUTE } from '../support/world.ts';

const GOOD = {
  ROUTES: JSON.stringify([{ ...ROUTE, onlyLatest: true }]),
  STREAMPIXEL_BASE_URL: 'https://api.streampixel.io/pixelStripeApi',
  SUBMISSION_INTERVAL_MS: '121000',
  FILE_URL_LIFETIME_S: '21600',
  MAX_ATTEMPTS: '6',
  ON_LOST_ANSWER: 'retry',
  BUILDS_QUEUE_URL: 'https://sqs.example/builds',
  MESSAGE_RETENTION_S: '604800',
  DEAD_LETTER_QUEUE_URL: 'https://sqs.example/dead',
  LEDGER_TABLE: 'ledger',
  ALERT_TOPIC_ARN: 'arn:aws:sns:eu-central-1:000000000000:alerts',
  ALERT_FORMAT: 'email',
  STACK_NAME: 'StreampixelDrop',
};

describe('the environment', () => {
  it('is read typed', () => {
    expect(readEnvironment(GOOD)).toMatchObject({
      routes: [{ ...ROUTE, onlyLatest: true }],
      intervalMs: 121_000,
      messageRetentionS: 604_800,
      onLostAnswer: 'retry',
    });
  });

  it('is refused with every variable at fault, and none of their values', () => {
    const { LEDGER_TABLE: _, ...bad } = {
      ...GOOD,
      MAX_ATTEMPTS: 'c4nary',
      ROUTES: '[{"prefix":7}]',
      ON_LOST_ANSWER: '',
    };
    const read = () => readEnvironment(bad);
    expect(read).toThrow(/^The function's environment is not what the stack sets\./);
    for (const name of ['MAX_ATTEMPTS', 'ROUTES', 'ON_LOST_ANSWER', 'LEDGER_TABLE']) expect(read).toThrow(name);
    expect(read).not.toThrow(/c4nary|STACK_NAME/);
  });
});
