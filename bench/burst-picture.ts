import type { Acceptances, BurstResult, BurstRun } from './burst.ts';

/** Size of the picture and of the margins around the plot, in px. */
const WIDTH = 760;
const HEIGHT = 400;
const PLOT = { left: 62, top: 88, right: 24, bottom: 52 };

/** Of middle brightness: seen on a white page as well as on a black one. */
const INK = { ours: '#2f81f7', plain: '#d9722e', limit: '#8b949e', text: '#7d8590', grid: '#8b949e' };

export function titleOf({ row }: BurstRun): string {
  const { scenario, ours, plain } = row;
  return `Accepted builds over time, ${scenario}: ours ${ours.accepted}, the plain design ${plain.accepted}`;
}

/** Accepted builds over time, both designs, as a SVG without a background. */
export function drawAcceptances(run: BurstRun): string {
  const { row, ours, plain } = run;
  const lastHour = Math.max(row.limitSeconds, ours.at(-1) ?? 0, plain.at(-1) ?? 0) / 3600;
  const hourTicks = ticks(lastHour);
  const buildTicks = ticks(row.builds);
  const [hours, builds] = [hourTicks.at(-1) ?? 1, buildTicks.at(-1) ?? 1];
  const x = (hour: number) => fixed(PLOT.left + (hour / hours) * (WIDTH - PLOT.left - PLOT.right));
  const y = (build: number) => fixed(HEIGHT - PLOT.bottom - (build / builds) * (HEIGHT - PLOT.top - PLOT.bottom));

  const steps = (acceptances: Acceptances) => {
    const points = acceptances.map((seconds, index) => `H${x(seconds / 3600)}V${y(index + 1)}`);
    return `M${x(0)} ${y(0)}${points.join('')}H${x(hours)}`;
  };
  const text = (at: string, content: string, attributes = '') => `<text ${at} ${attributes}>${content}</text>`;
  const legend = [
    { ink: INK.ours, dash: '', at: [0, 0], label: `ours: ${summary(row.ours)}` },
    { ink: INK.plain, dash: '', at: [0, 1], label: `plain: ${summary(row.plain)}` },
    { ink: INK.limit, dash: DASH, at: [1, 0], label: "Streampixel's limit" },
  ].map(({ at: [column = 0, line = 0], ...entry }) => ({
    ...entry,
    left: PLOT.left + column * 380,
    middle: 44 + line * 20,
  }));

  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title">`,
    `<title id="title">${titleOf(run)}</title>`,
    `<g font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="13" fill="${INK.text}">`,
    text(`x="${PLOT.left}" y="22"`, `${row.scenario}, dropped at once`, 'font-size="15" font-weight="600"'),
    ...legend.flatMap(({ ink, dash, label, left, middle }) => [
      `<path d="M${left} ${middle}h22" stroke="${ink}" stroke-width="3"${dash}/>`,
      text(`x="${left + 30}" y="${middle + 4}"`, label),
    ]),
    ...buildTicks.flatMap((build) => [
      `<path d="M${x(0)} ${y(build)}H${x(hours)}" stroke="${INK.grid}" stroke-opacity="${build === 0 ? 0.9 : 0.25}"/>`,
      text(`x="${PLOT.left - 8}" y="${y(build) + 4}"`, String(build), 'text-anchor="end"'),
    ]),
    ...hourTicks.map((hour) =>
      text(`x="${x(hour)}" y="${HEIGHT - PLOT.bottom + 20}"`, String(hour), 'text-anchor="middle"'),
    ),
    text(`x="${x(hours / 2)}" y="${HEIGHT - 10}"`, 'hours since the drop', 'text-anchor="middle"'),
    text(`transform="translate(16 ${y(builds / 2)}) rotate(-90)"`, 'accepted builds', 'text-anchor="middle"'),
    '</g>',
    `<g fill="none" stroke-width="2.5" stroke-linejoin="round">`,
    `<path d="${steps(ours)}" stroke="${INK.ours}"/>`,
    `<path d="${steps(plain)}" stroke="${INK.plain}"/>`,
    `<path d="M${x(0)} ${y(1)}L${x(row.limitSeconds / 3600)} ${y(row.builds)}" stroke="${INK.limit}" stroke-width="1.5"${DASH}/>`,
    '</g>',
    '</svg>',
  ].join('\n')}\n`;
}

const DASH = ' stroke-dasharray="6 5"';

function summary({ accepted, deadLettered }: BurstResult): string {
  return `${accepted} builds accepted, ${deadLettered} dead letters`;
}

/** Round numbers from 0 to just beyond the greatest. */
function ticks(greatest: number): number[] {
  const rough = greatest / 5;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * magnitude).find((candidate) => candidate >= rough) ?? rough;
  return Array.from({ length: Math.ceil(greatest / step - 1e-9) + 1 }, (_, index) => fixed(index * step));
}

function fixed(number: number): number {
  return Math.round(number * 100) / 100;
}
