import type { Build } from '../model/build.ts';
import type { Reason } from '../model/reasons.ts';

/** Commands of the operator's tool that people are asked to run: one wording for alerts and for the tool itself. */

/** How the operator's tool is called from the clone. */
export const TOOL = 'npx streampixel-drop';

/** Shows the addresses of the webhooks. */
export const WEBHOOK_COMMAND = `${TOOL} webhook`;

/**
 * @param id of a build
 * @param uploadId where it may be an earlier upload: without it the tool releases the last one
 */
export function releaseCommand(id: string, uploadId?: string): string {
  const upload = uploadId === undefined ? '' : ` --upload-id ${shellWord(uploadId)}`;
  return `${TOOL} release ${shellWord(id)}${upload} --yes`;
}

/** @param parameter of the key; the tool asks for it where the routes use several */
export function storeKeyCommand(parameter?: string): string {
  return `${TOOL} key set${parameter === undefined ? '' : ` --parameter ${shellWord(parameter)}`}`;
}

/** Queues the builds again that a new key fixes. */
export const REDRIVE_FOR_KEY_COMMAND = `${TOOL} dlq redrive --reason InvalidApiKey ApiKeyMissing --yes`;

/** @param id of a build */
export function statusCommand(id: string): string {
  return `${TOOL} status ${shellWord(id)}`;
}

export function submitAgainCommand({ bucket, key }: Pick<Build, 'bucket' | 'key'>): string {
  return `${TOOL} submit --again ${shellWord(`s3://${bucket}/${key}`)}`;
}

/** A rejected build, in alerts and in the tool. */
export const REJECTED_TEXT = {
  withoutMessage: 'none; see the remarks on the dashboard',
  remedy: 'Package the build again without what Streampixel objects to, and drop it.',
} as const;

/**
 * What queues the build again once its cause is fixed.
 *
 * @param parameter of the build's API key, where it is known
 */
export function commandAfter(reason: Reason, parameter?: string): string {
  switch (reason) {
    case 'InvalidApiKey':
    case 'ApiKeyMissing':
      return storeKeyCommand(parameter);
    case 'BuildMissing':
    case 'NotAZip':
    case 'ZipDamaged':
    case 'ZipEncrypted':
    case 'NotAPackage':
    case 'UnusableKey':
    case 'UnrecognisedMessage':
      return `${TOOL} dlq discard --reason ${reason} --yes`;
    case 'InvalidUser':
    case 'Unauthorised':
    case 'ProjectForbidden':
    case 'ProjectNotFound':
    case 'RequestRejected':
    case 'BuildUnreadable':
    case 'NoRoute':
    case 'SubmissionUnknown':
    case 'WaitTooLong':
    case 'RetriesExhausted':
      return `${TOOL} dlq redrive --reason ${reason} --yes`;
  }
}

/** Streampixel's address for builds that take more than two hours. Source: the builds page of docs.streampixel.io. */
export const SUPPORT = 'support@streampixel.io';

/** One word for a shell. The person who drops a build chooses its key, and a command with that key must run nothing else. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
