import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { cdkFlags } from '../../infra/cdk-flags.ts';
import { LOCAL_PORT_VARIABLE } from '../../infra/local-port.ts';
import type { Settings } from '../../infra/settings/schema.ts';
import type { SettingsPlace } from '../../infra/settings/settings-file.ts';

const APP = fileURLToPath(new URL('../../infra/app.ts', import.meta.url));

export interface SynthesizeOptions {
  /** Where the settings are. Without it: those of the sample. */
  readonly place?: SettingsPlace | undefined;
  /** Port of the AWS endpoint, for the commands that are printed. */
  readonly port?: number;
}

/**
 * Synthesizes the stack and bundles its functions as the CDK CLI does: by running the app with the context and the output
 * directory in its environment. In a process of its own, because of CDK's output and its memory.
 *
 * @param overrides settings on top of those of the file
 * @throws Error with what the app printed, such as what is wrong with the settings
 */
export async function synthesize(
  overrides: Partial<Settings>,
  outputDirectory: string,
  { place, port }: SynthesizeOptions = {},
): Promise<void> {
  mkdirSync(outputDirectory, { recursive: true });
  const child = spawn(process.execPath, [APP], {
    // The output directory has no file of settings.
    cwd: place?.directory ?? outputDirectory,
    env: {
      ...process.env,
      // A ledger that is shared in AWS does not exist here: the stack makes its own.
      CDK_CONTEXT_JSON: JSON.stringify({
        ...cdkFlags(),
        settings: place?.file ?? '',
        ledgerTableName: '',
        ...overrides,
      }),
      CDK_OUTDIR: outputDirectory,
      ...present({ [LOCAL_PORT_VARIABLE]: port?.toString() }),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [printed, code] = await Promise.all([
    text(child.stderr),
    new Promise((resolve, reject) => child.on('error', reject).on('close', resolve)),
  ]);
  if (code !== 0) throw new Error(printed.trim());
}
