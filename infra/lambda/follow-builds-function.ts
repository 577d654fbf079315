import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { LEDGER_TABLE } from '../../functions/adapters/ledger-table.ts';
import { ENV } from '../../functions/follow-builds/environment.ts';
import { consumeMessages, keepLedger, onBuilds, readApiKeys, sendNotifications } from '../access/permissions.ts';
import type { Resources } from '../resources.ts';
import { environmentOf } from './environment.ts';
import { type Permission, WorkerFunction } from './worker-function.ts';

/** Time for a batch, whose messages are handled side by side: a few short AWS calls, a wait for a slot, a call to Streampixel. */
export const FOLLOW_BUILDS_TIMEOUT = Duration.seconds(60);

/** The function that follows builds at Streampixel to their final state and releases them. */
export class FollowBuildsFunction extends WorkerFunction {
  constructor(scope: Construct, id: string, resources: Resources) {
    const { settings, environment, followQueue } = resources;
    super(scope, id, {
      settings,
      name: 'follow-builds',
      description: 'Follows builds at Streampixel to their final state and releases them',
      timeout: FOLLOW_BUILDS_TIMEOUT,
      // As submit-build, whose work is of the same kind.
      memorySize: 512,
      environment: environmentOf(ENV, environment),
      routes: settings.routes,
      // Many short runs, each in the log: traces would cost as much as all the rest.
      traced: false,
      permissions: permissions(resources),
    });
    // The least there is: releases are paced, and the rest is not urgent.
    this.consume(followQueue.queue, 2);
  }
}

function permissions(resources: Resources): Permission[] {
  const { settings, followQueue, ledger, topic } = resources;
  const { byState, byUploadId } = LEDGER_TABLE;
  return [
    consumeMessages(followQueue),
    ...keepLedger(ledger),
    {
      sid: 'FindBuilds',
      // By upload id; and by state, for the one whose answer was lost.
      actions: ['dynamodb:Query'],
      resources: [byState, byUploadId].map(({ indexName }) => `${ledger.table.tableArn}/index/${indexName}`),
    },
    { sid: 'RequestReleases', actions: ['sqs:SendMessage'], resources: [followQueue.queue.queueArn] },
    ...sendNotifications(topic),
    ...readApiKeys(settings),
    ...(settings.tagObjects
      ? [
          onBuilds(resources, 'TagBuilds', [
            's3:GetObjectTagging',
            's3:GetObjectVersionTagging',
            's3:PutObjectTagging',
            's3:PutObjectVersionTagging',
          ]),
        ]
      : []),
  ];
}
