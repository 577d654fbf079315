import { REASONS } from '../../functions/domain/model/reasons.ts';
import type { BuildStatus } from '../builds/build-status.ts';
import type { BuildView } from '../builds/build-view.ts';
import { adviceText, STATUS_DISPLAY } from '../builds/status-display.ts';
import { type Console, printable } from '../console.ts';
import { EXIT, OperatorError } from '../operator-error.ts';
import { inLocalTime } from '../units.ts';

/** Exit code of `push --follow`, by what became of the build. */
export const EXIT_AFTER = {
  live: EXIT.done,
  released: EXIT.done,
  'was-live': EXIT.done,
  // Approved, and viewers get it when a person says so: that is what the route wants.
  'waits-for-person': EXIT.done,
  skipped: EXIT.skipped,
  superseded: EXIT.skipped,
  rejected: EXIT.failed,
  stuck: EXIT.failed,
  'release-failed': EXIT.failed,
  'dead-lettered': EXIT.failed,
  discarded: EXIT.failed,
  // It is not known whether it is live: Streampixel reports nothing about this project.
  'no-webhook-yet': EXIT.underWay,
  waiting: EXIT.underWay,
  'under-way': EXIT.underWay,
  'waits-for-release': EXIT.underWay,
} as const satisfies Readonly<Record<BuildStatus, number>>;

/**
 * What became of a build, in a line.
 *
 * @param name of the build, for people
 * @throws OperatorError where viewers will not get it as things are
 */
export function resultLine(console: Console, name: string, view: BuildView): string {
  const { entry, status } = view;
  const { colour, failure, label, message } = STATUS_DISPLAY[status];
  const uploadId = entry.uploadId === undefined ? '' : ` Upload id ${entry.uploadId}.`;
  const line = printable(`${name} is ${inLocalTime(label(view), Date.now())}.${uploadId}`);
  if (failure === undefined) return console.paint(colour, line);
  const reason = status === 'dead-lettered' ? entry.reason : undefined;
  const lines = [
    line,
    ...(reason === undefined ? [] : [REASONS[reason].cause]),
    ...(message === undefined ? [] : [printable(message(entry).join(': '))]),
  ];
  throw new OperatorError(
    reason ?? failure,
    lines.join('\n'),
    adviceText(entry, status, console.commands),
    EXIT_AFTER[status],
  );
}
