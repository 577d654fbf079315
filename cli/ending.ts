import { furthestStage } from '../functions/domain/model/following-transitions.ts';
import type { LedgerEntry } from '../functions/domain/model/ledger-entry.ts';
import { unreachable } from '../functions/domain/model/outcome.ts';
import { REASONS } from '../functions/domain/model/reasons.ts';
import { statusCommand } from '../functions/domain/notify/operator-commands.ts';
import { adviceOn, adviceText } from './advice.ts';
import { type Console, printable } from './console.ts';
import type { Followed } from './follow.ts';
import { OperatorError } from './operator-error.ts';
import { ownRelease } from './standing.ts';
import { span } from './units.ts';

/**
 * What became of a build, in a line.
 *
 * @param name of the build, for people
 * @throws OperatorError where viewers will not get it as things stand
 */
export function endLine(console: Console, name: string, { entry, standing }: Followed): string {
  const good = (text: string) => console.paint('green', `${name} ${text} Upload id ${entry.uploadId}.`);
  switch (standing) {
    case 'live':
      return good('is approved: live, or live within minutes.');
    case 'released':
      return good('is released: live within minutes.');
    case 'waits-for-person':
      return good('is approved, and waits for somebody to release it.');
    case 'unheard':
      return good('is at Streampixel.');
    case 'skipped':
      return `${name} was skipped as ${entry.skipCause}.`;
    case 'rejected': {
      throw failure('Rejected', `Streampixel has rejected ${name}.\nThey said: ${objectionOf(entry)}`);
    }
    case 'stuck': {
      const since = entry.lastNewsAt ?? entry.submittedAt ?? entry.updatedAt;
      const stage = furthestStage(entry) ?? 'submitted';
      const silence = `Streampixel has said nothing of it for ${span(Date.now() - since)}`;
      throw failure('Stuck', `${name} is not getting on: ${silence}; it was ${stage}. Upload id ${entry.uploadId}.`);
    }
    case 'release-failed': {
      const { detail = '' } = ownRelease(entry) ?? {};
      throw failure('ReleaseFailed', `${name} is approved, and was not released.\nThey said: ${detail}`);
    }
    case 'dead-lettered': {
      const { code, message } = deadLetterText(name, entry);
      throw failure(code, message);
    }
    case 'in-line':
    case 'under-way':
    case 'waits-for-release':
      throw new Error(`${name} has not come to its end: ${standing}.`);
    default:
      return unreachable(standing);
  }

  function failure(code: string, message: string): OperatorError {
    const advice = adviceOn(entry, standing) ?? { act: 'Look closer.', run: statusCommand(entry.id) };
    return new OperatorError(code, message.split('\n').map(printable).join('\n'), adviceText(advice));
  }
}

/** The vendor's words on a rejected build. */
export function objectionOf({ objection = '' }: Pick<LedgerEntry, 'objection'>): string {
  return objection === '' ? 'nothing; see the remarks on the dashboard' : printable(objection);
}

function deadLetterText(name: string, { lastFailure, reason }: LedgerEntry): { code: string; message: string } {
  if (reason === undefined) return { code: 'DeadLettered', message: `${name} did not reach Streampixel.` };
  const words = lastFailure === undefined ? '' : `\nThey said: ${lastFailure.detail}`;
  return { code: reason, message: `${name} did not reach Streampixel: ${reason}. ${REASONS[reason].cause}${words}` };
}
