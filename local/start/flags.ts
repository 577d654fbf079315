import { statSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { isSafeForSecrets } from '../../functions/adapters/http-exchange.ts';
import { DELIVERIES, type ZipDelivery } from '../../functions/domain/model/file-url.ts';
import { SETTINGS_FILE, type SettingsPlace } from '../../infra/settings/settings-file.ts';
import { DEFAULT_PORT } from '../aws/account.ts';

export interface Flags {
  readonly drop: readonly string[];
  readonly once?: boolean;
  readonly json?: boolean;
  readonly settings?: string;
  readonly streampixelUrl?: string;
  readonly apiKey?: string;
  readonly standInKey?: string;
  readonly interval?: number;
  readonly stage: number;
  readonly course: CourseName;
  readonly delivery?: ZipDelivery;
  readonly port: number;
  readonly board: boolean;
  readonly boardPort: number;
}

/** What can happen to builds at the stand-in. */
const COURSES = ['live', 'rejected', 'stuck', 'silent', 'disorder'] as const;
export type CourseName = (typeof COURSES)[number];

/** Slow enough to follow, fast enough to wait for. In s. */
const DEFAULT_STAGE_S = 0.5;

/** Long enough to see builds wait for their slots, short enough to watch. In s. */
export const DEFAULT_INTERVAL_S = 5;

/**
 * @param env of the process: npm puts flags there that it has taken for its own
 * @throws CommanderError after printing what is wrong, or after printing the help (`exitCode` 0)
 */
export function readFlags(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Flags {
  const command = createCommand();
  const taken = flagsTakenByNpm(command, env);
  if (taken.length > 0) {
    const flags = taken.join(' ');
    command.error(`npm has taken ${flags} for itself. Put flags behind "--": npm start -- ${flags} ...`);
  }
  return command.parse(argv, { from: 'user' }).opts<Flags>();
}

/** Flags in front of `--` are npm's own: it puts `--once` into `npm_config_once`. */
function flagsTakenByNpm({ options }: Command, env: NodeJS.ProcessEnv): readonly string[] {
  if (env.npm_lifecycle_event !== 'start') return [];
  const names = options.flatMap(({ long }) => long?.slice('--'.length) ?? []);
  return names.filter((name) => env[`npm_config_${name.replaceAll('-', '_')}`]).map((name) => `--${name}`);
}

function createCommand(): Command {
  return new Command('npm start --')
    .description('Runs the whole pipeline on this machine: drop a zip, and watch it get to a stand-in for Streampixel.')
    .addOption(
      new Option('--drop <file>', 'drop this zip; may be given several times')
        .argParser((path, paths: readonly string[]) => [...paths, zipFile(path)])
        .default([], 'a small sample'),
    )
    .option(
      '--once',
      'exit when every dropped build is finished: with 0 if all are live (or approved, where a person releases), else with 1',
    )
    .option('--json', 'print one JSON object per line on stdout for each event, and everything else on stderr')
    .option(
      '--settings <file>',
      `the file of settings (default: ${SETTINGS_FILE}; without one, those of a sample)`,
      settingsFile,
    )
    .addOption(
      new Option('--streampixel-url <url>', 'use the API at this base URL instead of the stand-in')
        .argParser(apiUrl)
        .conflicts('standInKey'),
    )
    .addOption(
      new Option('--api-key <key>', 'the API key to store in SSM; the stand-in accepts it').env('STREAMPIXEL_API_KEY'),
    )
    .option(
      '--stand-in-key <key>',
      'make the stand-in accept only this key: builds fail until you store it, with the command that is printed',
    )
    .option(
      '--interval <seconds>',
      `shortest time between two uploads of a user (default: ${DEFAULT_INTERVAL_S} s; with another API, that of the settings)`,
      seconds,
    )
    .addOption(
      new Option('--stage <seconds>', 'how long the stand-in takes for each stage of a build')
        .argParser(seconds)
        .default(DEFAULT_STAGE_S, `${DEFAULT_STAGE_S} s`),
    )
    .addOption(
      new Option(
        '--course <course>',
        'what happens to builds at the stand-in: they go live, are rejected, get stuck, send no webhook (silent), or send each ' +
          'webhook twice and in a wrong order (disorder)',
      )
        .choices(COURSES)
        .default('live')
        .conflicts('streampixelUrl'),
    )
    .addOption(
      new Option(
        '--delivery <delivery>',
        'how the zip gets to the stand-in: by a presigned URL (s3), or by a signed URL of a local CloudFront distribution',
      ).choices(DELIVERIES),
    )
    .option('--port <number>', 'port of the AWS endpoint; 0 for any free one', port, DEFAULT_PORT)
    .option('--board-port <number>', 'port of the board, the page that shows all builds; 0 for any free one', port, 0)
    .option('--no-board', 'without the board; with --once there is none in any case')
    .allowExcessArguments(false)
    .showHelpAfterError('npm start -- --help lists the flags.')
    .exitOverride();
}

/** Where the settings of the run are. */
export function placeOf({ settings }: Flags): SettingsPlace {
  return { directory: process.cwd(), file: settings };
}

function settingsFile(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return path;
  throw new InvalidArgumentError('There is no such file.');
}

function zipFile(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new InvalidArgumentError('There is no such file.');
  if (!stats.isFile()) throw new InvalidArgumentError('This is not a file. Zip the folder first, then drop the zip.');
  if (!path.endsWith('.zip')) {
    throw new InvalidArgumentError('Builds are .zip files (in lower case): S3 announces no others.');
  }
  return path;
}

function apiUrl(value: string): string {
  if (URL.canParse(value) && isSafeForSecrets(value)) return value;
  throw new InvalidArgumentError(
    'It must be an https URL, because the API key is sent there; http to this machine only.',
  );
}

function seconds(value: string): number {
  const number = Number(value);
  // The limits of the setting.
  if (number > 0 && number <= 3600) return number;
  throw new InvalidArgumentError('It must be seconds above 0, at most 3600.');
}

function port(value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65535) return Number(value);
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
}
