import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { LOCAL_PORT_VARIABLE } from '../../infra/local-port.ts';
import { projectContext } from '../../infra/settings/project-context.ts';
import type { Settings } from '../../infra/settings/schema.ts';

const PROJECT_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Synthesizes the stack and bundles its functions as the CDK CLI does: by running the app with the context and the output
 * directory in its environment. In a process of its own, because of CDK's output and its memory.
 *
 * @param overrides settings on top of those in cdk.json
 * @param port of the AWS endpoint, for the commands that are printed
 * @throws Error with what the app printed, such as what is wrong with the settings
 */
export async function synthesize(overrides: Partial<Settings>, outputDirectory: string, port?: number): Promise<void> {
  const child = spawn(process.execPath, ['infra/app.ts'], {
    cwd: PROJECT_ROOT,
    env: {
      ...process.env,
      // A ledger that is shared in AWS does not exist here: the stack makes its own.
      CDK_CONTEXT_JSON: JSON.stringify({ ...projectContext(), ledgerTableName: '', ...overrides }),
      CDK_OUTDIR: outputDirectory,
      ...(port === undefined ? {} : { [LOCAL_PORT_VARIABLE]: String(port) }),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [printed, code] = await Promise.all([
    text(child.stderr),
    new Promise((resolve, reject) => child.on('error', reject).on('close', resolve)),
  ]);
  if (code !== 0) throw new Error(printed.trim());
}
