import type { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import type { Construct } from 'constructs';
import { EVENT_SOURCE, type EventName } from '../functions/domain/model/telemetry.ts';
import { WorkerQueue } from './worker-queue.ts';

export interface FollowQueueProps {
  /** Timeout of the function that consumes the queue. */
  readonly consumerTimeout: Duration;
  /** The stack's own drop bucket: another stack of the account may tell of its builds on the same bus. */
  readonly bucketName: string;
}

/**
 * The queue of what is to be done for builds at Streampixel: webhooks, orders to release, and a message for each submission that
 * sleeps until the build is due. A sleeping message costs nothing, is precise to the second and needs no service that emulators
 * lack, which is why the watchdog is no schedule.
 */
export class FollowQueue extends WorkerQueue {
  constructor(scope: Construct, id: string, { bucketName, consumerTimeout }: FollowQueueProps) {
    super(scope, id, { suffix: 'follow', consumerTimeout });
    const submitted: EventName = 'Build Submitted';
    new Rule(this, 'Submitted', {
      description: 'A build was submitted: it is watched from now on',
      eventPattern: {
        source: [EVENT_SOURCE],
        detailType: [submitted],
        detail: { build: { bucket: [bucketName] } },
      },
      targets: [new SqsQueue(this.queue)],
    });
  }
}
