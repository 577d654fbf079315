import type { LedgerEntry } from '../functions/domain/model/ledger-entry.ts';
import { REASONS } from '../functions/domain/model/reasons.ts';
import {
  commandAfter,
  releaseCommand,
  SUPPORT,
  submitAgainCommand,
  WEBHOOK_COMMAND,
} from '../functions/domain/notify/operator-commands.ts';
import type { Standing } from './standing.ts';

/** What a person does about a build, and the command that does it. */
export interface Advice {
  readonly act: string;
  readonly run?: string;
  /** When to run it, where that is not simply afterwards. */
  readonly when?: string;
}

/** What stands before the command of an advice. */
export function runLabel({ when = 'Then run' }: Advice): string {
  return when;
}

/** In a line or two. */
export function adviceText(advice: Advice): string {
  return advice.run === undefined ? advice.act : `${advice.act}\n${runLabel(advice)}: ${advice.run}`;
}

/** @returns `undefined` where there is nothing to do */
export function adviceOn(entry: LedgerEntry, standing: Standing): Advice | undefined {
  const { build, projectId, reason } = entry;
  switch (standing) {
    case 'in-line':
    case 'under-way':
    case 'live':
    case 'waits-for-release':
    case 'released':
    case 'skipped':
      return undefined;
    case 'unheard':
      return {
        act:
          `The webhook of project ${projectId} has not spoken: nobody will hear what becomes of this build. Look for it on the ` +
          'dashboard, and set the webhook up.',
        run: WEBHOOK_COMMAND,
      };
    case 'stuck':
      return {
        act:
          "Look at the project's dashboard. Approved or live there: a webhook was lost, nothing is wrong. Else write to " +
          `${SUPPORT} with the project id, the upload id and the build's name.`,
      };
    case 'waits-for-person':
      return { act: 'Release it when viewers are to get it.', run: releaseCommand(entry.id) };
    case 'release-failed':
      return {
        act: 'Look at the dashboard which build is live; mend what they name, then order it again.',
        run: releaseCommand(entry.id),
      };
    case 'rejected':
      return {
        act: 'Package the build again without what they object to, and drop it.',
        when: 'If they err',
        run: submitAgainCommand(build),
      };
    case 'dead-lettered':
      return reason === undefined ? undefined : { act: REASONS[reason].remedy, run: commandAfter(reason) };
  }
}
