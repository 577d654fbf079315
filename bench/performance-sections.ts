import { type Bench, DESIGNS, prepare } from './artifacts.ts';
import { type ColdStartResult, measureColdStart, type Spread } from './cold-start.ts';
import { type CostItem, type CostResult, estimateCost } from './cost.ts';
import { measureFollowing } from './following.ts';
import { markdownTable } from './markdown-table.ts';
import { measurePerBuild, type PerBuildResult } from './per-build.ts';
import type { Section } from './section.ts';

/**
 * Cold start, what a build takes of the worker, and what that costs: measured on real processes, so no seed repeats them to the
 * millisecond.
 *
 * @param directory empty; takes what is bundled
 */
export function performanceSections(directory: string): readonly Section[] {
  let prepared: Promise<Bench> | undefined;
  let measured: Promise<PerBuildResult> | undefined;
  const bench = () => {
    prepared ??= prepare(directory);
    return prepared;
  };
  const perBuild = () => {
    measured ??= bench().then((ready) => measurePerBuild(ready));
    return measured;
  };
  return [
    {
      name: 'coldStart',
      async measure() {
        const json = await measureColdStart(await bench());
        return { json, table: coldStartTable(json), pictures: [] };
      },
    },
    {
      name: 'perBuild',
      async measure() {
        const json = await perBuild();
        return { json, table: perBuildTable(json), pictures: [] };
      },
    },
    {
      name: 'cost',
      async measure() {
        const ready = await bench();
        const following = await measureFollowing(ready);
        const json = { ...estimateCost(await perBuild(), following, ready.template, ready.memoryMb), following };
        return { json, table: costTable(json), pictures: [] };
      },
    },
  ];
}

const NAMES = { empty: 'an empty handler', ours: 'ours', plain: 'the plain design' } as const;

function coldStartTable(result: ColdStartResult): string {
  const rows = DESIGNS.map((design) => {
    const { bundleKB, readySpread, firstBuildSpread } = result[design];
    return [NAMES[design], bundleKB.toFixed(bundleKB < 1 ? 1 : 0), range(readySpread), range(firstBuildSpread)];
  });
  return [
    markdownTable(['Function', 'Bundle, KB', 'Ready, ms (range)', 'First build done, ms (range)'], rows),
    `Medians of ${result.runs} starts each, by turns, on one machine. Ready in ${result.ratioToEmpty.toFixed(2)} times an empty ` +
      `handler's time and ${result.ratioToPlain.toFixed(2)} times the plain design's.`,
  ].join('\n\n');
}

function range({ median, min, max }: Spread): string {
  return `${median} (${min}-${max})`;
}

function perBuildTable(result: PerBuildResult): string {
  const { byPosition, byObjectSize, builds } = result;
  const calls = ({
    awsCalls: { dynamodb, s3, sqs, ssm, sns, eventbridge, total },
  }: Pick<PerBuildResult, 'awsCalls'>) => [
    total.toFixed(1),
    [dynamodb, s3, sqs, ssm, sns + eventbridge].map((count) => count.toFixed(1)).join(' / '),
  ];
  const header = ['', 'AWS calls', 'DynamoDB / S3 / SQS / SSM / events', 'CPU, ms', 'Peak memory, MB'];
  const places = byPosition.filter(({ position }) => ['1-100', `${builds - 99}-${builds}`].includes(position));
  return markdownTable(header, [
    ...(['1KB', '30GB'] as const).map((size) => {
      const usage = byObjectSize[size];
      const name = `${builds.toLocaleString('en-GB')} builds of ${size.replace(/[KG]B/, ' $&')} in line`;
      return [name, ...calls(usage), usage.cpuMs.toFixed(1), usage.peakRssMB.toFixed(0)];
    }),
    ...places.map((cost) => [`of the first: ${cost.position}`, ...calls(cost), cost.cpuMs.toFixed(1), '']),
  ]);
}

function costTable(result: CostResult): string {
  const rows = (items: readonly CostItem[]) =>
    items.map(({ item, quantity, dollars }) => [item, quantity, money(dollars)]);
  return [
    markdownTable(
      ['Cost', 'Quantity', 'US dollars'],
      [
        ['**1,000 builds**', `at ${result.memoryMB} MB`, `**${money(result.per1000Builds)}**`],
        ...rows(result.per1000BuildsItems),
        [
          '**1,000 builds, followed till they are released**',
          'six webhooks, a watch',
          `**${money(result.per1000Followed)}**`,
        ],
        ...rows(result.per1000FollowedItems),
        ['**A month without builds**', '30 days', `**${money(result.perIdleMonth)}**`],
        ...rows(result.perIdleMonthItems),
        ['Metrics of a month with builds in every hour', 'else less', money(result.metricsPerBusyMonth)],
        ["Streampixel's download of a build", 'per GB', money(result.downloadPerGB)],
      ],
    ),
    `List prices of ${result.region} as of ${result.pricesAsOf}, without free tiers ([bench/prices.ts](bench/prices.ts)).`,
  ].join('\n\n');
}

function money(dollars: number): string {
  return dollars < 0.1 && dollars > 0 ? dollars.toFixed(4) : dollars.toFixed(2);
}
