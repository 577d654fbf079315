import type { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import type { Construct } from 'constructs';
import { EVENT_SOURCE, type EventName } from '../../functions/domain/model/telemetry.ts';
import type { Settings } from '../settings/schema.ts';
import { WorkerQueue } from './worker-queue.ts';

/**
 * The queue of what is to be done for builds at Streampixel: webhooks, requests to release, and for each submission a message
 * that sleeps until the build should be finished. The watchdog is such a message and no schedule because it costs nothing while
 * it sleeps, is precise to the second and needs no service that emulators lack.
 */
export class FollowQueue extends WorkerQueue {
  /** @param bucketName with the settings' prefix the drop's own: another drop of the account may send events on the same bus */
  constructor(
    scope: Construct,
    id: string,
    { prefix, stackName }: Settings,
    bucketName: string,
    consumerTimeout: Duration,
  ) {
    super(scope, id, `${stackName}-follow`, consumerTimeout);
    const bucket = [bucketName];
    const submitted: EventName = 'Build Submitted';
    const rule = new Rule(this, 'Submitted', {
      description: 'A build was submitted: watch it from now on',
      eventPattern: {
        source: [EVENT_SOURCE],
        detailType: [submitted],
        detail: { build: prefix === '' ? { bucket } : { bucket, key: [{ prefix }] } },
      },
    });
    this.takeEventsOf(rule);
  }
}
