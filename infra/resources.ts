import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { OperatorCommands } from '../functions/domain/notify/operator-commands.ts';
import type { EnvironmentValues } from './lambda/environment.ts';
import type { BuildsQueue } from './queues/builds-queue.ts';
import type { FollowQueue } from './queues/follow-queue.ts';
import type { Settings } from './settings/schema.ts';
import type { DropBucket } from './storage/drop-bucket.ts';
import type { LedgerTable } from './storage/ledger-table.ts';

/** What the functions, the alarms and the dashboard are made from. */
export interface Resources {
  readonly settings: Settings;
  /** What people are asked to run: for this stack. */
  readonly commands: OperatorCommands;
  readonly environment: EnvironmentValues;
  readonly bucket: DropBucket;
  readonly buildsQueue: BuildsQueue;
  readonly followQueue: FollowQueue;
  readonly ledger: LedgerTable;
  readonly topic: ITopic;
}
