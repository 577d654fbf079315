import { statSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { isSafeForSecrets } from '../../functions/adapters/http-exchange.ts';
import { DEFAULT_PORT } from '../aws/account.ts';

export interface Flags {
  readonly drop: readonly string[];
  readonly once?: boolean;
  readonly json?: boolean;
  readonly streampixelUrl?: string;
  readonly apiKey?: string;
  readonly standInKey?: string;
  readonly interval?: number;
  readonly stage: number;
  readonly course: CourseName;
  readonly port: number;
}

/** What the stand-in makes of the builds it accepts. */
export const COURSES = ['live', 'rejected', 'stuck', 'silent', 'disorder'] as const;
export type CourseName = (typeof COURSES)[number];

/** Slow enough to follow, fast enough to wait for. In s. */
const DEFAULT_STAGE_S = 0.5;

/** Long enough to see builds wait for their turn, short enough to watch. In s. */
export const DEFAULT_INTERVAL_S = 5;

/** @throws CommanderError after saying what is wrong, or after showing the help (`exitCode` 0) */
export function readFlags(argv: readonly string[]): Flags {
  const collect = (path: string, paths: readonly string[]) => [...paths, zipFile(path)];
  return new Command('npm start --')
    .description('Runs the whole pipeline on this machine: drop a zip, watch it get to (a stand-in for) Streampixel.')
    .addOption(
      new Option('--drop <file>', 'drop this zip; may be given several times')
        .argParser(collect)
        .default([], 'a sample, made for the purpose'),
    )
    .option(
      '--once',
      'end when every dropped build has come to its end: 0 if all are live (or approved, where you release), 1 otherwise',
    )
    .option('--json', 'one JSON object per line on stdout for each event; everything else goes to stderr')
    .addOption(
      new Option('--streampixel-url <url>', 'use the API at this base URL instead of the stand-in')
        .argParser(apiUrl)
        .conflicts('standInKey'),
    )
    .addOption(
      new Option('--api-key <key>', 'the API key to store in SSM; the stand-in takes it for the valid one').env(
        'STREAMPIXEL_API_KEY',
      ),
    )
    .option(
      '--stand-in-key <key>',
      'let the stand-in take this key only: builds fail until it is stored with `npx streampixel-drop key set --local`',
    )
    .option(
      '--interval <seconds>',
      `least distance between two uploads of a user; ${DEFAULT_INTERVAL_S} by default`,
      seconds,
    )
    .option('--stage <seconds>', 'how long the stand-in takes for each stage of a build', seconds, DEFAULT_STAGE_S)
    .addOption(
      new Option(
        '--course <course>',
        'what becomes of builds at the stand-in: they go live, are rejected, get stuck, go live without a webhook, or their webhooks ' +
          'come twice and in disorder',
      )
        .choices(COURSES)
        .default('live')
        .conflicts('streampixelUrl'),
    )
    .option('--port <number>', 'port of the AWS endpoint; 0 for any free one', port, DEFAULT_PORT)
    .allowExcessArguments(false)
    .showHelpAfterError('npm start -- --help lists the flags.')
    .exitOverride()
    .parse(argv, { from: 'user' })
    .opts<Flags>();
}

function zipFile(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new InvalidArgumentError('There is no such file.');
  if (!stats.isFile()) throw new InvalidArgumentError('It is not a file. Zip the folder first, then drop the zip.');
  if (!path.endsWith('.zip')) {
    throw new InvalidArgumentError('Builds are .zip files, in small letters: S3 takes no notice of others.');
  }
  return path;
}

function apiUrl(value: string): string {
  if (!URL.canParse(value) || !isSafeForSecrets(value)) {
    throw new InvalidArgumentError(
      'It must be an https URL (plain http to this machine only): the API key travels there.',
    );
  }
  return value;
}

function seconds(value: string): number {
  const number = Number(value);
  // As the setting has it.
  if (!(number > 0 && number <= 3600)) throw new InvalidArgumentError('It must be seconds above 0, at most 3600.');
  return number;
}

function port(value: string): number {
  const number = Number(value);
  if (!(Number.isInteger(number) && number >= 0 && number <= 65535 && value.trim() !== '')) {
    throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
  }
  return number;
}
