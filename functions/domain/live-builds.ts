import type { LiveRecord } from './model/live.ts';

/** Port: what the ledger knows of what viewers get. It never expires. */
export interface LiveBuilds {
  /** Empty where no build of the project has gone live. */
  liveOf(projectId: string): Promise<LiveRecord>;
  /**
   * Changes what is known of a project; where another worker was faster, again from what that one has saved.
   *
   * @param change returns the same record where nothing is new
   */
  updateLive(projectId: string, change: (current: LiveRecord) => LiveRecord): Promise<void>;
}
