import { REASONS } from '../../functions/domain/model/reasons.ts';
import type { BuildView } from '../builds/build-view.ts';
import { adviceText, STATUS_DISPLAY } from '../builds/status-display.ts';
import { type Console, printable } from '../console.ts';
import { OperatorError } from '../operator-error.ts';

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
  const line = printable(`${name} is ${label(view, Date.now())}.${uploadId}`);
  if (failure === undefined) return console.paint(colour, line);
  const reason = status === 'dead-lettered' ? entry.reason : undefined;
  const lines = [
    line,
    ...(reason === undefined ? [] : [REASONS[reason].cause]),
    ...(message === undefined ? [] : [printable(message(entry).join(': '))]),
  ];
  throw new OperatorError(reason ?? failure, lines.join('\n'), adviceText(entry, status));
}
