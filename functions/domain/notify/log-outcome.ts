import { present } from '../model/optional-fields.ts';
import type { Outcome } from '../model/outcome.ts';
import { iso } from '../model/time.ts';
import type { LogFields, Ports } from '../ports.ts';

/**
 * Writes one line of the log and the metrics for each outcome of a visit.
 *
 * @param fields which build it is about
 * @param droppedAt when S3 stored the build, in ms since the epoch
 */
export function logOutcome(
  outcome: Outcome,
  fields: LogFields,
  { clock, log, metrics }: Pick<Ports, 'clock' | 'log' | 'metrics'>,
  droppedAt?: number,
): void {
  const { kind, ...rest } = outcome;
  const why = 'reason' in outcome ? outcome.reason : 'cause' in outcome ? outcome.cause : undefined;
  metrics.put('Builds', 1, { Outcome: kind, ...present({ Reason: why }) });
  if (droppedAt !== undefined && (kind === 'postponed' || kind === 'retried')) {
    metrics.put('WaitingAge', (clock.now() - droppedAt) / 1000);
  }
  switch (outcome.kind) {
    case 'submitted':
    case 'skipped':
      log.info(kind, { ...fields, ...rest });
      return;
    case 'dead-lettered':
      log.error(kind, { ...fields, ...rest });
      return;
    case 'postponed':
      if (outcome.cause === 'Slot') metrics.put('SlotWait', (outcome.until - clock.now()) / 1000);
      log.info(kind, { ...fields, ...rest, until: iso(outcome.until) });
      return;
    case 'retried':
      log.warn(kind, { ...fields, ...rest, until: iso(outcome.until) });
  }
}
