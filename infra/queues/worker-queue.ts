import { Duration } from 'aws-cdk-lib';
import type { Rule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Queue, QueueEncryption, RedrivePermission } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { DEAD_LETTER_RETENTION_DAYS } from '../../functions/domain/model/message-attributes.ts';
import { arn } from '../access/arn.ts';
import { MAX_RECEIVE_COUNT, QUEUE_RETENTION_DAYS } from '../limits.ts';

/** A queue that a function takes its work from, and its dead-letter queue. */
export class WorkerQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetterQueue: Queue;

  /** @param consumerTimeout of the function that consumes the queue */
  constructor(scope: Construct, id: string, queueName: string, consumerTimeout: Duration) {
    super(scope, id);
    // Each queue's policy names the other. CloudFormation refuses such a circle, so one of the two ARNs is built from the name.
    const sourceQueues = [Queue.fromQueueArn(this, 'SourceQueue', arn('sqs', queueName))];
    this.deadLetterQueue = new Queue(this, 'DeadLetterQueue', {
      queueName: `${queueName}-dead-letters`,
      // SSE-SQS here and below: S3 and EventBridge can't send to a queue under the AWS managed key, whose policy can't be edited.
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      // The most SQS allows: a message that SQS itself moves here keeps its first enqueue time, so part of it may be used up.
      retentionPeriod: Duration.days(DEAD_LETTER_RETENTION_DAYS),
      redriveAllowPolicy: { redrivePermission: RedrivePermission.BY_QUEUE, sourceQueues },
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

  /** Has the rule send its events to the queue, and those that can't be delivered to the dead-letter queue. */
  takeEventsOf(rule: Rule): void {
    for (const queue of [this.queue, this.deadLetterQueue]) {
      // Not CDK's SqsQueue, which allows more than to send.
      queue.addToResourcePolicy(
        new PolicyStatement({
          sid: 'AllowEvents',
          principals: [new ServicePrincipal('events.amazonaws.com')],
          actions: ['sqs:SendMessage'],
          resources: [queue.queueArn],
          conditions: { ArnEquals: { 'aws:SourceArn': rule.ruleArn } },
        }),
      );
    }
    const deadLetterConfig = { arn: this.deadLetterQueue.queueArn };
    rule.addTarget({ bind: () => ({ arn: this.queue.queueArn, deadLetterConfig }) });
  }
}
