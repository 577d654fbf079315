import { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Construct } from 'constructs';
import { ENV } from '../../functions/redrive-builds/environment.ts';
import { apiKeyPaths, keyStoredPattern } from '../access/api-key-parameters.ts';
import { readApiKeys, sendNotifications, useLedgerKey } from '../access/permissions.ts';
import type { Resources } from '../resources.ts';
import { environmentOf } from './environment.ts';
import { type Permission, WorkerFunction } from './worker-function.ts';

/**
 * Ten dead letters take three short calls of SQS, a tenth of a second: time for tens of thousands. No longer than a received dead
 * letter stays hidden, or the first ones would become visible, and be moved twice, before the last are moved.
 */
const TIMEOUT = Duration.minutes(5);

/** The function that redrives the builds that a refused API key has stopped, and the rule that starts it when a key is stored. */
export class RedriveBuildsFunction extends WorkerFunction {
  readonly rule: Rule;

  constructor(scope: Construct, id: string, resources: Resources) {
    const { settings, environment } = resources;
    super(scope, id, {
      settings,
      name: 'redrive-builds',
      description: 'Redrives builds that a refused API key has stopped, once a key that works is stored',
      timeout: TIMEOUT,
      // It holds all messages of the dead-letter queue at once, some KB each.
      memorySize: 512,
      environment: environmentOf(ENV, environment),
      routes: settings.routes,
      permissions: permissions(resources),
    });
    this.function.configureAsyncInvoke({
      // Each try resumes where the one before stopped. After the third the alarm on errors calls a person.
      retryAttempts: 2,
      // The most Lambda allows. The function reads the key that is stored by then, so a late event is as good as a prompt one.
      maxEventAge: Duration.hours(6),
    });
    this.rule = new Rule(this, 'KeyStored', {
      description: 'An API key was stored: builds that the old one stopped can be submitted',
      eventPattern: keyStoredPattern(apiKeyPaths(settings)),
      targets: [new LambdaFunction(this.function)],
    });
  }
}

function permissions({ settings, buildsQueue, ledger, topic }: Resources): Permission[] {
  return [
    {
      sid: 'TakeDeadLetters',
      actions: ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ReceiveMessage'],
      resources: [buildsQueue.deadLetterQueue.queueArn],
    },
    { sid: 'SendBuilds', actions: ['sqs:SendMessage'], resources: [buildsQueue.queue.queueArn] },
    {
      sid: 'RememberKeys',
      // That a key was refused, or no longer is.
      actions: ['dynamodb:DeleteItem', 'dynamodb:PutItem'],
      resources: [ledger.table.tableArn],
    },
    ...useLedgerKey(ledger, 'write'),
    ...sendNotifications(topic),
    ...readApiKeys(settings),
  ];
}
