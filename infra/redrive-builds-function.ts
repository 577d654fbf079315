import { Duration, Stack } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { BuildsQueue } from './builds-queue.ts';
import type { Settings } from './config.ts';
import { keyChangePattern } from './key-changes.ts';
import type { LedgerTable } from './ledger-table.ts';
import { type Permission, readApiKeys, tellOf } from './permissions.ts';
import { redriveBuildsEnvironment } from './redrive-builds-environment.ts';
import { WorkerFunction } from './worker-function.ts';

/**
 * Ten letters take three short calls of SQS, a tenth of a second: time for tens of thousands. No longer than letters stay hidden
 * once received, or the first ones would come back into sight, and be moved twice, before the last are moved.
 */
const TIMEOUT = Duration.minutes(5);

export interface RedriveBuildsFunctionProps {
  readonly settings: Settings;
  readonly buildsQueue: BuildsQueue;
  readonly ledger: LedgerTable;
  readonly topic: ITopic;
}

/** The function that sends back what a refused API key has stranded, and the rule that starts it when a key is stored. */
export class RedriveBuildsFunction extends WorkerFunction {
  constructor(scope: Construct, id: string, props: RedriveBuildsFunctionProps) {
    const { settings, buildsQueue, ledger, topic } = props;
    super(scope, id, {
      settings,
      name: 'redrive-builds',
      description: 'Redrives builds that a refused API key has stranded, once a key that works is stored',
      timeout: TIMEOUT,
      // It holds all letters of the dead-letter queue at once, some KB each.
      memorySize: 512,
      environment: redriveBuildsEnvironment(settings, {
        buildsQueueUrl: buildsQueue.queue.queueUrl,
        deadLetterQueueUrl: buildsQueue.deadLetterQueue.queueUrl,
        ledgerTable: ledger.table.tableName,
        alertTopicArn: topic.topicArn,
      }),
      permissions: permissions(Stack.of(scope), props),
    });
    this.function.configureAsyncInvoke({
      // Each try goes on where the one before stopped. After the third a person is asked, by the alarm on errors.
      retryAttempts: 2,
      // The most Lambda allows. It reads the key that is stored by then, so a late event is as good as a prompt one.
      maxEventAge: Duration.hours(6),
    });
    new Rule(this, 'KeyStored', {
      description: 'An API key was stored: builds that the former one stranded can go',
      eventPattern: keyChangePattern(settings),
      targets: [new LambdaFunction(this.function)],
    });
  }
}

function permissions(stack: Stack, { settings, buildsQueue, ledger, topic }: RedriveBuildsFunctionProps): Permission[] {
  return [
    {
      sid: 'TakeDeadLetters',
      actions: ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ReceiveMessage'],
      resources: [buildsQueue.deadLetterQueue.queueArn],
    },
    {
      sid: 'SendBuilds',
      actions: ['sqs:SendMessage'],
      resources: [buildsQueue.queue.queueArn],
    },
    {
      sid: 'RememberKeys',
      // That a key was refused, or no longer is.
      actions: ['dynamodb:DeleteItem', 'dynamodb:PutItem'],
      resources: [ledger.table.tableArn],
    },
    ...tellOf(stack, topic),
    ...readApiKeys(stack, settings),
  ];
}
