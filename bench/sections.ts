import { type Bench, DESIGNS, prepare } from './artifacts.ts';
import { type BurstResult, type BurstRun, runBurst, SCENARIOS } from './burst.ts';
import { drawAcceptances, titleOf } from './burst-picture.ts';
import { type ColdStartResult, measureColdStart, type Spread } from './cold-start.ts';
import { type CostItem, type CostResult, estimateCost } from './cost.ts';
import { compareDeliveries, type DeliveryCost, DOWNLOADS } from './delivery.ts';
import { measureFollowing } from './following.ts';
import { markdownTable } from './markdown-table.ts';
import { measurePerBuild, type PerBuildResult } from './per-build.ts';
import { measureUpload, type UploadResult, type UploadUsage } from './upload.ts';

/** One part of the benchmark. */
export interface Section {
  /** Key in the JSON document, and the name in the markers of docs/performance.md, after `bench:`. */
  readonly name: string;
  measure(seed: number): Promise<Measured>;
}

export interface Measured {
  /** What the JSON document holds under the section's name. */
  readonly json: object;
  /** Readable as it stands. */
  readonly markdown: string;
  /** Pictures by their name in docs/. */
  readonly pictures?: Readonly<Record<string, string>>;
}

/**
 * Bursts in virtual time, where the same seed gives the same figures on any machine; cold start, what a build takes of the worker, and
 * what that costs, measured on real processes.
 *
 * @param directory empty; takes what is bundled
 */
export function sectionsIn(directory: string): readonly Section[] {
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
    { name: 'burst', measure: measureBursts },
    {
      name: 'coldStart',
      async measure() {
        const json = await measureColdStart(await bench());
        return { json, markdown: coldStartTable(json) };
      },
    },
    {
      name: 'perBuild',
      async measure() {
        const json = await perBuild();
        return { json, markdown: perBuildTable(json) };
      },
    },
    {
      name: 'delivery',
      async measure() {
        const json = compareDeliveries();
        return { json, markdown: deliveryTable(json) };
      },
    },
    {
      name: 'cost',
      async measure() {
        const { functions, template } = await bench();
        const following = await measureFollowing(await bench());
        const json = { ...estimateCost(await perBuild(), following, template, functions.ours.memoryMb), following };
        return { json, markdown: costTable(json) };
      },
    },
    {
      name: 'upload',
      async measure() {
        const json = await measureUpload(directory);
        return { json, markdown: uploadTable(json) };
      },
    },
  ];
}

/** The scenario in the picture: long enough to show a queue, short enough to show its steps. */
const PICTURED = '100 builds, one user';
const PICTURE = 'bursts.svg';

/** Bursts of builds, with the worker as it is deployed and with the plain design. */
async function measureBursts(seed: number): Promise<Measured> {
  const runs: BurstRun[] = [];
  for (const scenario of SCENARIOS) runs.push(await runBurst(scenario, seed));
  const rows = runs.map(({ row }) => row);
  const pictured = runs.find(({ row }) => row.scenario === PICTURED);
  if (pictured === undefined) throw new Error(`There is no scenario "${PICTURED}".`);
  return {
    json: rows,
    markdown: `${burstTable(rows)}\n\n![${titleOf(pictured)}](${PICTURE})`,
    pictures: { [PICTURE]: drawAcceptances(pictured) },
  };
}

function burstTable(rows: readonly BurstRun['row'][]): string {
  const header = [
    'Dropped at once',
    'Design',
    'Streampixel allows all after',
    'Accepted',
    'Dead letters',
    'HTTP 429',
    'Last accepted after',
    'Receives per build',
    'AWS calls per build',
  ];
  return markdownTable(
    header,
    rows.flatMap(({ scenario, limitSeconds, ours, plain }) => [
      [scenario, 'ours', duration(limitSeconds), ...burstCells(ours)],
      ['', 'plain', '', ...burstCells(plain)],
    ]),
  );
}

function burstCells(result: BurstResult): string[] {
  const { accepted, deadLettered, http429, makespanSeconds, receivesPerBuild, awsCallsPerBuild } = result;
  const counts = [accepted, deadLettered, http429].map((count) => count.toLocaleString('en-GB'));
  return [...counts, duration(makespanSeconds), receivesPerBuild.toFixed(2), awsCallsPerBuild.toFixed(1)];
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const rest = `${String(minutes).padStart(2, '0')} min ${String(whole % 60).padStart(2, '0')} s`;
  return hours > 0 ? `${hours} h ${rest}` : rest;
}

function coldStartTable(result: ColdStartResult): string {
  const names = { empty: 'an empty handler', ours: 'ours', plain: 'the plain design' };
  const range = ({ max, median, min }: Spread) => `${median} (${min}-${max})`;
  const rows = DESIGNS.map((design) => {
    const { bundleKB, readySpread, firstBuildSpread } = result[design];
    return [names[design], bundleKB.toFixed(bundleKB < 1 ? 1 : 0), range(readySpread), range(firstBuildSpread)];
  });
  return [
    markdownTable(['Function', 'Bundle, KB', 'Ready, ms (range)', 'First build done, ms (range)'], rows),
    `Medians of ${result.runs} starts each, by turns, on one machine. Ready in ${result.ratioToEmpty.toFixed(2)} times an empty ` +
      `handler's time and ${result.ratioToPlain.toFixed(2)} times the plain design's.`,
  ].join('\n\n');
}

function perBuildTable({ byObjectSize, byPosition, builds }: PerBuildResult): string {
  const cells = ({ awsCalls, cpuMs }: Pick<PerBuildResult, 'awsCalls' | 'cpuMs'>) => {
    const { dynamodb, s3, sqs, ssm, sns, eventbridge, total } = awsCalls;
    const byService = [dynamodb, s3, sqs, ssm, sns + eventbridge].map((count) => count.toFixed(1)).join(' / ');
    return [total.toFixed(1), byService, cpuMs.toFixed(1)];
  };
  const header = ['', 'AWS calls', 'DynamoDB / S3 / SQS / SSM / events', 'CPU, ms', 'Peak memory, MB'];
  return markdownTable(header, [
    ...Object.entries(byObjectSize).map(([size, usage]) => [
      `${builds.toLocaleString('en-GB')} queued builds of ${size.replace(/[KG]B/, ' $&')}`,
      ...cells(usage),
      usage.peakRssMB.toFixed(0),
    ]),
    ...[byPosition[0], byPosition.at(-1)].map((cost) => (cost ? [`builds ${cost.position}`, ...cells(cost), ''] : [])),
  ]);
}

function costTable(result: CostResult): string {
  const group = (name: string, quantity: string, dollars: number, items: readonly CostItem[]) => [
    [`**${name}**`, quantity, `**${money(dollars)}**`],
    ...items.map(({ item, quantity, dollars }) => [item, quantity, money(dollars)]),
  ];
  const rows = [
    ...group('1,000 builds', `at ${result.memoryMB} MB`, result.per1000Builds, result.per1000BuildsItems),
    ...group(
      '1,000 builds, followed until they are released',
      'six webhooks, a watch',
      result.per1000Followed,
      result.per1000FollowedItems,
    ),
    ...group('A month without builds', '30 days', result.perIdleMonth, result.perIdleMonthItems),
    ['Metrics of a month with builds in every hour', 'else less', money(result.metricsPerBusyMonth)],
    ["Streampixel's download of a build", 'per GB', money(result.downloadPerGB)],
  ];
  return [
    markdownTable(['Cost', 'Quantity', 'US dollars'], rows),
    `List prices of ${result.region} as of ${result.pricesAsOf}, without free tiers ([prices.ts](../bench/prices.ts)).`,
  ].join('\n\n');
}

function uploadTable({ bytes, connections, rival, rounds }: UploadResult): string {
  const row = (connection: string, name: string, { peakMemoryMB, seconds }: UploadUsage) => {
    const { max, median, min } = seconds;
    return [connection, name, `${median} (${min}-${max})`, (bytes / 1e6 / median).toFixed(0), `${peakMemoryMB}`];
  };
  const rows = connections.flatMap(({ connection, push, pushFolder, rival: usage }) => [
    row(connection, `push of a zip of ${bytes / 1e9} GB`, push),
    row('', `${rival} of it`, usage),
    row('', 'push of a folder of that size', pushFolder),
  ]);
  const ratios = connections.map(({ connection, ratio }) => `${ratio.toFixed(2)} over ${connection}`).join(', ');
  return [
    markdownTable(['Connection', 'Upload', 'Time, s (range)', 'MB/s', 'Peak memory, MB'], rows),
    `Medians of ${rounds} runs each, by turns, from the start of the process to its end. Time of \`push\` to that of \`${rival}\`: ${ratios}.`,
  ].join('\n\n');
}

function deliveryTable(costs: readonly DeliveryCost[]): string {
  const { builds, gbPerBuild } = DOWNLOADS;
  const header = [
    '`delivery`',
    `${builds} builds of ${gbPerBuild} GB`,
    'within the free tier',
    'a month without builds',
  ];
  return markdownTable(
    header,
    costs.map(({ delivery, dollars, idle, withFreeTier }) => [
      `\`${delivery}\``,
      ...[dollars, withFreeTier, idle].map(money),
    ]),
  );
}

function money(dollars: number): string {
  return dollars < 0.1 && dollars > 0 ? dollars.toFixed(4) : dollars.toFixed(2);
}
