import { aligned, type Console, printable } from '../console.ts';
import { span } from '../units.ts';

/** What a rehearsal tries, in this order: each step by its name for scripts, and what it shows. */
export const STEPS = {
  'stand-in': 'The stand-in for Streampixel answers',
  'webhook-refused': 'A webhook with a wrong token is refused',
  'webhook-taken': 'A webhook with the right token is taken',
  'wrong-key': 'A wrong API key stops a build, with an alert',
  redrive: 'The right key is stored, and the build is submitted',
  live: 'The build goes live',
  slot: 'A second build waits for its slot',
  'bad-zip': 'A file that is no zip is refused before a slot',
  'expired-url': 'A download URL that has expired gets its build rejected, with an alert',
} as const satisfies Readonly<Record<string, string>>;
export type StepName = keyof typeof STEPS;

/** What became of a step. */
export interface StepResult {
  readonly name: StepName;
  /** Whether all is as it must be. */
  readonly ok: boolean;
  /** What was seen, as sentences. */
  readonly seen: string;
  readonly seconds: number;
}

/** An alert as people get it. */
export interface ReceivedAlert {
  readonly subject: string;
  readonly message: string;
}

/** The report as lines for people. */
export function reportLines(
  console: Console,
  steps: readonly StepResult[],
  alerts: readonly ReceivedAlert[],
): string[] {
  const rows = steps.map(({ name, ok, seconds, seen }) => [
    ok ? console.paint('green', 'ok') : console.paint('red', 'FAILED'),
    STEPS[name],
    span(seconds * 1_000),
    printable(seen),
  ]);
  const good = steps.filter(({ ok }) => ok).length;
  return [
    ...aligned(rows),
    ...(alerts.length === 0
      ? []
      : [
          '',
          'Alerts that people would have got:',
          ...aligned(
            alerts.map(({ subject }) => [printable(subject)]),
            2,
          ),
        ]),
    '',
    `${good} of ${Object.keys(STEPS).length} steps are as they must be.`,
  ];
}
