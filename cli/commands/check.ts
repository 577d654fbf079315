import { stat } from 'node:fs/promises';
import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Command } from 'commander';
import { readZip } from '../../functions/adapters/zip-content.ts';
import type { Labels } from '../../functions/domain/model/package-verdict.ts';
import { PACKAGE_WARNINGS, type Verdict } from '../../functions/domain/model/package-verdict.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import { HEAD_BYTES } from '../../functions/domain/package/first-bytes.ts';
import { labelsIn } from '../../functions/domain/package/labels.ts';
import { TAIL_BYTES } from '../../functions/domain/package/zip-end.ts';
import type { Act } from '../command.ts';
import { aligned, type Console, printable } from '../console.ts';
import { EXIT, OperatorError, usageError } from '../operator-error.ts';
import { packageRows, warningRows } from '../screens/package-rows.ts';
import type { Stack } from '../stack/stack.ts';
import { bytes } from '../units.ts';
import { planFolder } from '../upload/folder-source.ts';
import { judgeZipFile } from '../upload/zip-file.ts';

/** What was checked. */
interface Checked {
  readonly verdict: Verdict;
  /** Bytes: of the zip, or of all files of the folder. */
  readonly size: number;
  readonly labels?: Labels | undefined;
}

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
  const { labels, size, verdict } = build.startsWith('s3:')
    ? await judgeObject(await find(), build)
    : await judgePath(build);
  const { facts, refusals, warnings } = verdict;
  const isGood = refusals.length === 0;
  console.data(
    {
      build,
      size,
      ok: isGood,
      refusals: refusals.map((refusal) => ({ ...refusal, remedy: REASONS[refusal.code].remedy })),
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
          ...refusals.map(({ code, detail }) => [code, printable(`${detail} ${REASONS[code].cause}`)] as const),
          ...packageRows(facts, labels),
        ].filter(([, value]) => value !== ''),
      ),
      ...(warnings.length === 0 ? [] : ['', console.paint('yellow', 'Warnings'), ...aligned(warningRows(warnings), 2)]),
    ],
  );
  return isGood ? EXIT.done : EXIT.failed;
}

const VERDICT = {
  good: 'nothing speaks against running it at Streampixel',
  bad: 'Streampixel cannot run it',
} as const;

async function judgePath(path: string): Promise<Checked> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) throw usageError(`There is no ${path}.`, 'Name the zip or the folder of a packaged build.');
  if (stats.isDirectory()) {
    const { entries, verdict } = await planFolder(path);
    return { verdict, size: entries.reduce((total, { size }) => total + size, 0) };
  }
  return { verdict: await judgeZipFile(path), size: stats.size };
}

async function judgeObject({ clients: { s3 } }: Stack, address: string): Promise<Checked> {
  const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(address) ?? [];
  if (Bucket === undefined || Key === undefined) {
    throw usageError(`${address} is not the address of an object.`, 'For example: s3://bucket/game.zip');
  }
  const { ContentLength: size = 0, ETag, Metadata = {}, VersionId } = await head(s3, Bucket, Key, address);
  const range = async (start: number, end: number): Promise<Buffer> => {
    if (start >= end) return Buffer.alloc(0);
    // The same object for all parts, also where it is overwritten meanwhile.
    const which = VersionId === undefined || VersionId === 'null' ? { IfMatch: ETag } : { VersionId };
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, ...which, Range: `bytes=${start}-${end - 1}` }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  };
  const first = await range(0, Math.min(size, HEAD_BYTES));
  const tail = await range(Math.max(0, size - TAIL_BYTES), size);
  const { verdict } = await readZip(size, first, tail, range);
  const headers = Object.entries(Metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]);
  return { verdict, size, labels: labelsIn(Object.fromEntries(headers)) };
}

async function head(s3: S3Client, Bucket: string, Key: string, address: string) {
  try {
    return await s3.send(new HeadObjectCommand({ Bucket, Key }));
  } catch (error) {
    if (!(error instanceof Error && /NotFound|NoSuchKey/.test(error.name))) throw error;
    throw new OperatorError('NoObject', `There is no object ${address}.`, `See: aws s3 ls s3://${Bucket}/`);
  }
}
