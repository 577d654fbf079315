import { buildId } from '../model/build.ts';
import type { Reason } from '../model/reasons.ts';

/**
 * Every command of the operator's tool that is printed anywhere: in alerts, alarms, outputs of the stack, by `npm start` and by the
 * tool itself. Each names the stack and drop that it is about, so that it acts on no other.
 */

/** How the tool is called: from the clone, and never a package of this name from a registry. */
const TOOL = 'npx --no streampixel-drop';

/** The file of settings, in the current directory. */
export const SETTINGS_FILE = 'streampixel-drop.json';

/**
 * What a command acts on: a stack in AWS, or the embedded stack of `npm start`, by its port. In a stack of the studio's own the drop
 * is named too: it may hold several.
 */
export type CommandTarget =
  | {
      readonly stack?: string | undefined;
      readonly region?: string | undefined;
      readonly drop?: string | undefined;
      /** The file of settings that names the stack, where it is not the usual one. */
      readonly settings?: string | undefined;
    }
  | { readonly local: number };

/** The builds that a command about dead letters acts on. */
export type DeadLetterChoice =
  | { readonly reasons: readonly string[]; readonly filters?: readonly string[] }
  /** A name of a build, or the id of a dead letter. */
  | { readonly of: string };

/** What a build is named by. */
type NamedBuild = Parameters<typeof buildId>[0];

type Subcommand =
  | 'delivery-key create'
  | 'delivery-key rotate'
  | 'dlq discard'
  | 'dlq list'
  | 'dlq redrive'
  | 'doctor'
  | 'help'
  | 'init'
  | 'key check'
  | 'key set'
  | 'live'
  | 'rehearse'
  | 'release'
  | 'status'
  | 'submit'
  | 'webhook'
  | 'webhook enter'
  | 'webhook rotate';

export type OperatorCommands = ReturnType<typeof operatorCommands>;

/**
 * The commands for one stack.
 *
 * @param settings the file that deploys it, where it is not the usual one
 */
export function operatorCommands(target: CommandTarget, settings = 'settings' in target ? target.settings : undefined) {
  /** The only place where a command is put together. Flags come last: `--local` would take a word behind it for its port. */
  function command(subcommand: Subcommand, ...words: readonly string[]): string {
    return [TOOL, subcommand, ...words.map(shellWord), ...targetFlags(target)].join(' ');
  }
  const chosen = (choice: DeadLetterChoice) =>
    'of' in choice ? [choice.of, '--yes'] : ['--reason', ...choice.reasons, ...(choice.filters ?? []), '--yes'];

  const commands = {
    /** @param build without it: an overview of all builds */
    status: (build?: NamedBuild) => command('status', ...(build === undefined ? [] : [wordFor(build)])),
    /** @param name a build's key, where the ledger's name of it is not known */
    statusNamed: (name: string) => command('status', name),
    watch: () => command('status', '--watch'),
    allBuilds: () => command('status', '--all'),
    help: (of?: string) => command('help', ...(of === undefined ? [] : [of])),
    /** Makes the file of settings. */
    init: () => command('init'),
    /** Where a person changes the drop's settings: the app of a studio's own has no file of them. */
    settingsPlace: () =>
      'drop' in target && target.drop !== undefined ? 'the props of StreampixelDrop' : settings || SETTINGS_FILE,
    /**
     * What deploys the drop; words for a person, where it is no command of this project. With the stack's name it deploys no other:
     * settings that name another one are an error of CDK then.
     */
    deploy(context: readonly string[] = []): string {
      if ('local' in target) return 'npm start does it when the file is saved';
      if (target.drop !== undefined) return 'npx cdk deploy in your own CDK app';
      const all = [...context, ...(settings ? [`settings=${settings}`] : [])];
      const stack = target.stack === undefined ? [] : [target.stack];
      return ['npx cdk deploy', ...[...stack, ...all.flatMap((each) => ['-c', each])].map(shellWord)].join(' ');
    },
    /** Looks for what is wrong with the stack. */
    doctor: () => command('doctor'),
    /** Tries the whole path, on the stack of a rehearsal. */
    rehearse: () => command('rehearse'),
    /** Shows the addresses of the webhooks. */
    webhook: () => command('webhook'),
    finishWebhookRotation: (force?: '--force') =>
      command('webhook rotate', '--finish', ...(force === undefined ? [] : [force]), '--yes'),
    /** Enters the addresses on the dashboard of the stand-in. */
    enterWebhooks: () => command('webhook enter'),
    /** Makes the key that signs download URLs, where there is none. */
    createDeliveryKey: () => command('delivery-key create'),
    rotateDeliveryKey: () => command('delivery-key rotate'),
    finishDeliveryKeyRotation: () => command('delivery-key rotate', '--finish', '--yes'),
    /** @param uploadId where it may be an earlier upload: without it the tool releases the last one */
    release: (build: NamedBuild, uploadId?: string) =>
      command('release', wordFor(build), ...(uploadId === undefined ? [] : ['--upload-id', uploadId]), '--yes'),
    /** @param name what the person calls the build */
    releaseNamed: (name: string) => command('release', name, '--yes'),
    /** @param parameter of the key; the tool asks for it where the routes use several */
    storeKey: (parameter?: string) =>
      command('key set', ...(parameter === undefined ? [] : ['--parameter', parameter])),
    /** Lists the API keys, and asks Streampixel about those that are stored. */
    checkKeys: () => command('key check'),
    /** Puts live what was live before in the project. */
    releasePrevious: (projectId: string) => command('release', '--previous', '--project', projectId, '--yes'),
    /** Shows what viewers get. */
    live: () => command('live'),
    /** @param build that is not at Streampixel */
    submit: (build: NamedBuild) => command('submit', wordFor(build), '--yes'),
    /** @param name what the person calls the build */
    submitNamed: (name: string) => command('submit', name),
    /** Submits a build whatever the check of its package says. */
    submitUnchecked: (build: NamedBuild) => command('submit', '--no-check', wordFor(build), '--yes'),
    submitAgain: (build: NamedBuild) => command('submit', '--again', wordFor(build), '--yes'),
    deadLetters: () => command('dlq list'),
    redrive: (choice: DeadLetterChoice) => command('dlq redrive', ...chosen(choice)),
    discard: (choice: DeadLetterChoice) => command('dlq discard', ...chosen(choice)),
    /** Queues the builds again that a new key fixes. */
    redriveForKey: () => commands.redrive({ reasons: ['InvalidApiKey', 'ApiKeyMissing'] }),
    /**
     * What queues builds again once their cause is fixed.
     *
     * @param parameter of the builds' API key, where it is known
     */
    after(reason: Reason, choice: DeadLetterChoice, parameter?: string): string {
      switch (reason) {
        case 'InvalidApiKey':
        case 'ApiKeyMissing':
          return commands.storeKey(parameter);
        case 'BuildMissing':
        case 'NotAZip':
        case 'ZipDamaged':
        case 'ZipEncrypted':
        case 'NotAPackage':
        case 'UnusableKey':
        case 'UnrecognisedMessage':
          return commands.discard(choice);
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
          return commands.redrive(choice);
      }
    },
  };
  return commands;
}

function targetFlags(target: CommandTarget): readonly string[] {
  if ('local' in target) return ['--local', `${target.local}`];
  const { drop, region, settings, stack } = target;
  return [
    ...(settings === undefined ? [] : ['--settings', shellWord(settings)]),
    ...(stack === undefined ? [] : ['--stack', shellWord(stack)]),
    // Not as a shell's word: in a template the region is a token of CDK's.
    ...(region === undefined ? [] : ['--region', region]),
    ...(drop === undefined ? [] : ['--drop', shellWord(drop)]),
  ];
}

/** A rejected build, in alerts and in the tool. */
export const REJECTED_TEXT = {
  withoutMessage: 'none; see the remarks on the dashboard',
  remedy: "Fix what Streampixel's message names, package the build again, and drop it.",
} as const;

/** Streampixel's address for builds that take more than two hours. Source: the builds page of docs.streampixel.io. */
export const SUPPORT = 'support@streampixel.io';

/**
 * How a command names a build. The person who drops a build chooses its key: where a shell could take part of that for something
 * else, the version stands for the whole id, which the tool takes as well.
 */
export function wordFor(build: NamedBuild): string {
  const id = buildId(build);
  const version = build.versionId ?? build.sequencer ?? build.eTag;
  return version !== undefined && !isQuotable(id) && /^\w[\w.+=-]*$/.test(version) ? version : id;
}

/** Needs no quotes in sh, PowerShell and cmd. */
const PLAIN = /^[\w+=:./][\w@+=:./-]*$|^--?\w[\w-]*$/;

/**
 * Whether double quotes keep the text as it is in sh, PowerShell and cmd: without what one of them replaces within such quotes, what
 * cmd obeys once PowerShell has taken the quotes off, and the quotes that PowerShell takes for its own.
 */
function isQuotable(text: string): boolean {
  return !/["$`\\!%&|<>^\u201c-\u201f\p{C}\p{Zl}\p{Zp}]/u.test(text);
}

/** One word for a shell: a command with text of others in it must run nothing else. What only sh can be given is quoted for sh. */
export function shellWord(text: string): string {
  if (PLAIN.test(text)) return text;
  return isQuotable(text) ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
}
