import type { Command } from 'commander';
import { liveFacts, readLive } from '../builds/live.ts';
import type { Act } from '../command.ts';
import { EXIT } from '../operator-error.ts';
import { livePage } from '../screens/live-page.ts';

export function addLiveCommand(program: Command, act: Act): void {
  program
    .command('live')
    .description(
      'Show what viewers get: which build is live in each project, since when and by whom, and what was live before.',
    )
    .option('--project <id>', 'only this project')
    .action(
      act(async ({ console, stack, flags: { project } }) => {
        const projects = await readLive(await stack(), project);
        const facts = projects.map(({ before, labels, live, previous, projectId }) => ({
          projectId,
          live: live === undefined ? null : { ...liveFacts(live), labels },
          before: before.map(liveFacts),
          previous: previous === undefined ? null : liveFacts(previous),
        }));
        console.data({ projects: facts }, livePage(console, projects, Date.now()));
        return EXIT.done;
      }),
    );
}
