import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { ScheduledEvent } from 'aws-lambda';
import { createJsonLog } from '../adapters/json-log.ts';
import { createSnsAlerts } from '../adapters/sns-alerts.ts';
import { systemClock as clock } from '../adapters/system-clock.ts';
import { failureLog } from '../failure-log.ts';
import { readEnvironment } from './environment.ts';

const environment = readEnvironment(process.env);
const log = createJsonLog(clock, (line) => process.stdout.write(line));
const sqs = new SQSClient({
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000 },
  useQueueUrlAsEndpoint: false,
});
const alerts = createSnsAlerts(environment.alertTopicArn, environment.alertFormat, {
  credentials: sqs.config.credentials,
  region: process.env.AWS_REGION ?? 'us-east-1',
  clock,
  endpoint: process.env.AWS_ENDPOINT_URL,
});

/**
 * Reminds people of dead letters, once a day while there are any: an alarm speaks when its state changes and then no more.
 * Looks at the queue's number only, so that no letter is hidden by it.
 */
export const handler = middy<ScheduledEvent, { letters: number }>({ timeoutEarlyInMillis: 0 })
  // Lambda tries twice more.
  .use(failureLog(log, 'reminder-failed', 'The reminder failed; its log has the cause.'))
  .handler(async () => {
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
