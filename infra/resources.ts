import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { OperatorCommands } from '../functions/domain/notify/operator-commands.ts';
import type { BuildsQueue } from './builds-queue.ts';
import type { DropBucket } from './drop-bucket.ts';
import type { EnvironmentValues } from './environment.ts';
import type { FollowQueue } from './follow-queue.ts';
import type { LedgerTable } from './ledger-table.ts';
import type { Settings } from './settings/schema.ts';

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
