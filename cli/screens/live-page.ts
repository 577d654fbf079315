import { byWhom, nameOfLive, type ProjectLive, whenLive } from '../builds/live.ts';
import { aligned, type Console, printable } from '../console.ts';
import { span } from '../units.ts';

/** What viewers get, project by project, and what they got before. */
export function livePage(console: Console, projects: readonly ProjectLive[], now: number): string[] {
  return projects.flatMap((project, index) => [...(index === 0 ? [] : ['']), ...projectLines(console, project, now)]);
}

function projectLines(console: Console, { before, live, previous, projectId }: ProjectLive, now: number): string[] {
  const title = `${console.paint('bold', 'Project')}  ${printable(projectId)}`;
  if (live === undefined)
    return [title, '  No build is known to be live: none has gone live since this ledger exists.'];
  const earlier = before.map((each) => [printable(nameOfLive(each)), `was live ${whenLive(each, now)}`, each.uploadId]);
  return [
    title,
    ...aligned(
      [
        ['Live', console.paint('green', printable(nameOfLive(live)))],
        ['Upload id', printable(live.uploadId)],
        ['Since', `${whenLive(live, now).replace('since ', '')}, ${span(now - live.at)} ago`],
        ['By', printable(byWhom(live).replace('by ', ''))],
      ],
      2,
    ),
    ...(earlier.length === 0 ? [] : ['  Before', ...aligned(earlier, 4)]),
    ...(previous === undefined
      ? []
      : [
          `  Back to ${printable(nameOfLive(previous))}`,
          `    ${console.paint('bold', `-> ${console.commands.releasePrevious(projectId)}`)}`,
        ]),
  ];
}
