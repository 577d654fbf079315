import type { Disposition } from '../model/outcome.ts';
import type { Route } from '../model/route.ts';
import type { FollowQueue, Ledger, ObjectTags, Pacer, Ports, ProjectFiles, Releases } from '../ports.ts';

export interface FollowSettings {
  readonly routes: readonly Route[];
  /** Least distance between two releases of one user, in ms. */
  readonly intervalMs: number;
  /** How long after its submission a build without an outcome is late, in ms. */
  readonly lateAfterMs: number;
  /** How long after the last news a build without an outcome is stuck, in ms. */
  readonly stuckAfterMs: number;
  /** Whether to ask Streampixel's undocumented project list before a build is called late or stuck. */
  readonly reconcile: boolean;
  /** Whether to put a build's outcome on its S3 object as tags. */
  readonly tagObjects: boolean;
}

export interface FollowPorts
  extends Pick<Ports, 'alerts' | 'apiKeys' | 'clock' | 'events' | 'log' | 'metrics' | 'random'> {
  readonly ledger: Ledger;
  readonly pacer: Pacer;
  readonly releases: Releases;
  readonly projectFiles: ProjectFiles;
  readonly followQueue: FollowQueue;
  readonly tags: ObjectTags;
}

/** A message of the follow queue, and how long this worker may spend on it. Times in ms since the epoch. */
export interface FollowDelivery {
  readonly body: string;
  /** How often SQS has delivered the message. */
  readonly receiveCount: number;
  /** When every call must have ended. */
  readonly deadline: number;
  /** When this worker has certainly ended. */
  readonly leaseUntil: number;
}

/** One visit of one submitted build: what its functions need beside the message and the ledger entry. */
export interface FollowVisit {
  readonly delivery: FollowDelivery;
  readonly settings: FollowSettings;
  readonly ports: FollowPorts;
}

/** How long until people are notified again where SNS did not take the alert, in ms. */
const NOTIFY_AGAIN_MS = 60_000;

export function retryNotification({ ports }: FollowVisit): Disposition {
  return { kind: 'hidden', until: ports.clock.now() + NOTIFY_AGAIN_MS };
}
