import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Construct } from 'constructs';
import { ENV } from '../../functions/remind-of-dead-letters/environment.ts';
import { sendAlerts } from '../access/permissions.ts';
import type { Resources } from '../resources.ts';
import { environmentOf } from './environment.ts';
import { WorkerFunction } from './worker-function.ts';

/**
 * The function that measures the age of dead letters each hour and reminds people of them once a day, and the schedule that starts
 * it. An alarm that fires once a day needs metric math, which emulators don't have.
 */
export class RemindOfDeadLettersFunction extends WorkerFunction {
  readonly rule: Rule;

  constructor(scope: Construct, id: string, { settings, environment, buildsQueue, topic }: Resources) {
    super(scope, id, {
      settings,
      name: 'remind-of-dead-letters',
      description: 'Measures the age of dead letters, and reminds people of them once a day',
      // Up to a hundred short calls of SQS.
      timeout: Duration.minutes(1),
      // No one waits for it.
      memorySize: 256,
      environment: environmentOf(ENV, environment),
      permissions: [
        {
          sid: 'LookAtDeadLetters',
          actions: ['sqs:GetQueueAttributes', 'sqs:ReceiveMessage'],
          resources: [buildsQueue.deadLetterQueue.queueArn],
        },
        ...sendAlerts(topic),
      ],
    });
    this.rule = new Rule(this, 'Hourly', {
      description: 'Each hour: are there builds in the dead-letter queue, and how old is the oldest?',
      schedule: Schedule.cron({ minute: '0' }),
      targets: [new LambdaFunction(this.function)],
    });
  }
}
