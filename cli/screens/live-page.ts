import { labelText } from '../../functions/domain/package/labels.ts';
import { byWhom, nameOfLive, type ProjectLive, whenLive } from '../builds/live.ts';
import { aligned, type Console, printable } from '../console.ts';
import { clockTime, inLocalTime, span } from '../units.ts';

/** What viewers get, project by project, and what they got before. */
export function livePage(console: Console, projects: readonly ProjectLive[], now: number): string[] {
  return projects.flatMap((project, index) => [...(index === 0 ? [] : ['']), ...projectLines(console, project, now)]);
}

function projectLines(
  console: Console,
  { before, labels, live, previous, projectId }: ProjectLive,
  now: number,
): string[] {
  const title = `${console.paint('bold', 'Project')}  ${printable(projectId)}`;
  if (live === undefined)
    return [title, '  No build is known to be live. See the dashboard; the next one to go live is shown here.'];
  const earlier = before.map((each) => [
    printable(nameOfLive(each)),
    inLocalTime(`was live ${whenLive(each)}`, now),
    each.uploadId,
  ]);
  return [
    title,
    ...aligned(
      [
        ['Live', console.paint('green', printable(nameOfLive(live)))],
        ['Upload id', printable(live.uploadId)],
        ...(labels === undefined ? [] : [['Labels', printable(labelText(labels))]]),
        ['Since', printable(`${clockTime(live.at, now)}, ${span(now - live.at)} ago, ${byWhom(live)}`)],
      ],
      2,
    ),
    ...(earlier.length === 0 ? [] : ['  Before', ...aligned(earlier, 4)]),
    ...(previous === undefined
      ? []
      : [
          `  To go back to ${printable(nameOfLive(previous))}:`,
          `    ${console.paint('bold', `-> ${console.commands.releasePrevious(projectId)}`)}`,
        ]),
  ];
}
