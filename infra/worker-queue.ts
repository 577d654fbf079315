import { Arn, Duration, Stack } from 'aws-cdk-lib';
import { Queue, QueueEncryption, RedrivePermission } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { DEAD_LETTER_RETENTION_DAYS } from '../functions/domain/model/message-attributes.ts';
import { MAX_RECEIVE_COUNT, QUEUE_RETENTION_DAYS } from './limits.ts';

export interface WorkerQueueProps {
  /** What follows the stack's name in the queue's. */
  readonly suffix: string;
  /** Timeout of the function that consumes the queue. */
  readonly consumerTimeout: Duration;
}

/** A queue that a function takes its work from, and its dead-letter queue. */
export class WorkerQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetterQueue: Queue;

  constructor(scope: Construct, id: string, { suffix, consumerTimeout }: WorkerQueueProps) {
    super(scope, id);
    const stack = Stack.of(this);
    // Each queue's policy names the other. CloudFormation refuses such a circle, so one of the two ARNs is made of a name.
    const queueName = `${stack.stackName}-${suffix}`;
    const queueArn = Arn.format({ service: 'sqs', resource: queueName }, stack);

    this.deadLetterQueue = new Queue(this, 'DeadLetterQueue', {
      queueName: `${queueName}-dead-letters`,
      // SSE-SQS here and below: S3 and EventBridge can't send to a queue under the AWS managed key, whose policy nobody can edit.
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      // The most SQS allows: a message that SQS itself moves here keeps its first enqueue time, so part of it may be used up.
      retentionPeriod: Duration.days(DEAD_LETTER_RETENTION_DAYS),
      redriveAllowPolicy: {
        redrivePermission: RedrivePermission.BY_QUEUE,
        sourceQueues: [Queue.fromQueueArn(this, 'SourceQueue', queueArn)],
      },
    });
    this.queue = new Queue(this, 'Queue', {
      queueName,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      // What AWS recommends: room for Lambda to retry a throttled batch before SQS hands the messages out again.
      visibilityTimeout: Duration.seconds(6 * consumerTimeout.toSeconds()),
      retentionPeriod: Duration.days(QUEUE_RETENTION_DAYS),
      receiveMessageWaitTime: Duration.seconds(20),
      // It also makes the other queue a dead-letter queue in SQS's eyes: without it the console and the API refuse to redrive.
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: MAX_RECEIVE_COUNT },
    });
  }
}
