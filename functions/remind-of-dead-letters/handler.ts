import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { ScheduledEvent } from 'aws-lambda';
import { createSqsDeadLetterStore } from '../adapters/sqs-dead-letter-store.ts';
import { systemClock as clock } from '../adapters/system-clock.ts';
import * as compose from '../composition.ts';
import { lambdaHandler } from '../lambda-handler.ts';
import { readEnvironment } from './environment.ts';
import { oldestDeadLetter } from './oldest-dead-letter.ts';

const environment = readEnvironment(process.env);
// Longer than SQS waits for messages.
const settings = compose.clientSettings({ requestTimeout: 10_000 });
const sqs = compose.createSqsClient(settings);
// Without hiding what it receives: a redrive at the same time must not miss a dead letter.
const store = createSqsDeadLetterStore(sqs, environment.deadLetterQueueUrl, 0);
const alerts = compose.createAlerts(settings, environment);
const metrics = compose.createMetrics(environment);
const log = compose.log;

// Lambda tries twice more.
const FAILURE = { event: 'reminder-failed', message: 'The reminder failed; its log has the cause.' };

/**
 * Each hour: measures how old the oldest dead letter is, for the alarm. Once a day: reminds people of dead letters while there are
 * any, because an alarm only fires when its state changes.
 */
export const handler = lambdaHandler<Pick<ScheduledEvent, 'time'>, { deadLetters: number }>(
  log,
  FAILURE,
  async (event) => {
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: environment.deadLetterQueueUrl,
        AttributeNames: ['ApproximateNumberOfMessages'],
      }),
    );
    const waiting = Number(Attributes?.ApproximateNumberOfMessages ?? 0);
    log.info('dead-letters-counted', { deadLetters: waiting });
    if (waiting > 0 && new Date(event.time).getUTCHours() === environment.reminderHourUtc) {
      await alerts.send({ kind: 'reminder', deadLetters: waiting, at: clock.now() });
    }
    const oldest = waiting > 0 ? await oldestDeadLetter(store.receive) : undefined;
    if (oldest !== undefined) metrics.put('OldestDeadLetterAge', (clock.now() - oldest) / 1000);
    return { deadLetters: waiting };
  },
);
