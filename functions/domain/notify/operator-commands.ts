import type { Build } from '../model/build.ts';
import { shellWord } from './shell-word.ts';

/** Commands of the operator's tool that people are told to run: one wording for alerts and for the tool itself. */

/** How the operator's tool is called from the clone. */
export const TOOL = 'npx streampixel-drop';

/** Shows the addresses of the webhooks. */
export const WEBHOOK_COMMAND = `${TOOL} webhook`;

/** @param id of a build */
export function releaseCommand(id: string): string {
  return `${TOOL} release ${shellWord(id)} --yes`;
}

/** @param id of a build */
export function statusCommand(id: string): string {
  return `${TOOL} status ${shellWord(id)}`;
}

export function submitAgainCommand({ bucket, key }: Pick<Build, 'bucket' | 'key'>): string {
  return `${TOOL} submit --again ${shellWord(`s3://${bucket}/${key}`)}`;
}
