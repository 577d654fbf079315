import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { projectContext } from '../../infra/settings/project-context.ts';
import type { Settings } from '../../infra/settings/schema.ts';

const PROJECT_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Synthesizes the stack, bundle included, as the CDK CLI does it: by running the app with the context and the output
 * directory in its environment. In a process of its own, for CDK's chatter and its memory.
 *
 * @param overrides settings on top of those in cdk.json
 * @throws Error whose message is what the app had to say, settings errors among it
 */
export async function synthesize(overrides: Partial<Settings>, outputDirectory: string): Promise<void> {
  const child = spawn(process.execPath, ['infra/app.ts'], {
    cwd: PROJECT_ROOT,
    env: {
      ...process.env,
      CDK_CONTEXT_JSON: JSON.stringify({ ...projectContext(), ...overrides }),
      CDK_OUTDIR: outputDirectory,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [said, code] = await Promise.all([
    text(child.stderr),
    new Promise((resolve, reject) => child.on('error', reject).on('close', resolve)),
  ]);
  if (code !== 0) throw new Error(said.trim());
}
