import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { PACKAGE_WARNINGS } from '../../functions/domain/model/package-verdict.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import { bytes } from '../../functions/domain/model/size.ts';
import type { Act } from '../command.ts';
import { aligned, type Console, printable } from '../console.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import { packageRows, warningRows } from '../screens/package-rows.ts';
import type { Stack } from '../stack/stack.ts';
import { type JudgedObject, judgeObject } from '../stack/zip-object.ts';
import { planFolder } from '../upload/folder-source.ts';
import { judgeZipFile } from '../upload/zip-file.ts';

export function addCheckCommand(program: Command, act: Act): void {
  program
    .command('check')
    .argument('<build>', 'zip or folder of a packaged build, or s3://bucket/key of a zip')
    .description(
      'Say whether Streampixel can run a packaged build, as the pipeline will judge it. Exit code 1 if not. Only s3:// needs AWS.',
    )
    .action(act(async ({ console, stack, args: [build = ''] }) => check(console, stack, build)));
}

async function check(console: Console, find: () => Promise<Stack>, build: string): Promise<number> {
  const { labels, size, verdict } = build.startsWith('s3:') ? await judgeAddress(find, build) : await judgePath(build);
  const { facts, refusals, warnings } = verdict;
  const isGood = refusals.length === 0;
  console.data(
    {
      build,
      size,
      ok: isGood,
      refusals: refusals.map((refusal) => ({ ...refusal, remedy: REMEDY })),
      warnings: warnings.map((warning) => ({ ...warning, remedy: PACKAGE_WARNINGS[warning.code].remedy })),
      package: facts,
      labels,
    },
    [
      ...aligned(
        [
          ['Build', printable(build)] as const,
          ['Size', bytes(size)] as const,
          ['Verdict', isGood ? console.paint('green', VERDICT.good) : console.paint('red', VERDICT.bad)] as const,
          ...refusals.map(({ code, detail }) => [code, printable(`${REASONS[code].cause} ${detail}`)] as const),
          ['What to do', isGood ? '' : REMEDY] as const,
          ...packageRows(facts, labels),
        ].filter(([, value]) => value !== ''),
      ),
      ...(warnings.length === 0 ? [] : ['', console.paint('yellow', 'Warnings'), ...aligned(warningRows(warnings), 2)]),
    ],
  );
  return isGood ? EXIT.done : EXIT.failed;
}

/** Here it is not in the dead-letter queue yet. */
const REMEDY = 'Package or zip the build again, then check it again.';
const VERDICT = {
  good: 'good: the check found nothing that stops it at Streampixel',
  bad: 'Streampixel cannot run it',
} as const;

async function judgePath(path: string): Promise<JudgedObject> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) throw usageError(`There is no ${path}.`, 'Name the zip or the folder of a packaged build.');
  if (stats.isDirectory()) {
    const { entries, verdict } = await planFolder(path);
    return { verdict, size: entries.reduce((total, { size }) => total + size, 0) };
  }
  return { verdict: await judgeZipFile(path), size: stats.size };
}

async function judgeAddress(find: () => Promise<Stack>, address: string): Promise<JudgedObject> {
  const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(address) ?? [];
  if (Bucket === undefined || Key === undefined) {
    throw usageError(`${printable(address)} is not the address of an object.`, 'For example: s3://bucket/game.zip');
  }
  const { clients } = await find();
  try {
    return await judgeObject(clients.s3, { Bucket, Key });
  } catch (error) {
    if (!(error instanceof Error && /NotFound|NoSuchKey/.test(error.name))) throw error;
    throw new OperatorError('NoObject', `There is no object ${printable(address)}.`, `See: aws s3 ls s3://${Bucket}/`);
  }
}
