import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { ScheduledEvent } from 'aws-lambda';
import { systemClock as clock } from '../adapters/system-clock.ts';
import * as compose from '../composition.ts';
import { lambdaHandler } from '../lambda-handler.ts';
import { readEnvironment } from './environment.ts';

const environment = readEnvironment(process.env);
const settings = compose.clientSettings();
const sqs = compose.createSqsClient(settings);
const alerts = compose.createAlerts(settings, environment);
const log = compose.log;

// Lambda tries twice more.
const FAILURE = { event: 'reminder-failed', message: 'The reminder failed; its log has the cause.' };

/**
 * Reminds people of dead letters once a day while there are any, because an alarm only fires when its state changes. It reads the
 * queue's count and receives nothing, so no dead letter is hidden.
 */
export const handler = lambdaHandler<ScheduledEvent, { letters: number }>(log, FAILURE, async () => {
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: environment.deadLetterQueueUrl,
      AttributeNames: ['ApproximateNumberOfMessages'],
    }),
  );
  const letters = Number(Attributes?.ApproximateNumberOfMessages ?? 0);
  log.info('dead-letters-counted', { letters });
  if (letters > 0) await alerts.send({ kind: 'reminder', letters, at: clock.now() });
  return { letters };
});
