import type { LedgerEntry } from '../model/ledger-entry.ts';
import { type Outcome, unreachable } from '../model/outcome.ts';
import type { SkipCause } from '../model/reasons.ts';
import { type Route, routeId } from '../model/route.ts';
import { skipped } from '../model/submission-transitions.ts';
import { subjectOf } from '../notify/build-context.ts';
import { emitEvent } from '../notify/notify.ts';
import type { Check, NewestBuild } from '../ports.ts';
import { deadLetter } from './dead-letter.ts';
import { retry } from './retry.ts';
import { inProgress, skippedAs, type Visit } from './visit.ts';

/**
 * Proves, before a slot is reserved, that Streampixel will find a zip.
 * @returns an outcome where the build can't be submitted now
 */
export async function checkBeforeSlot(entry: LedgerEntry, route: Route, visit: Visit): Promise<Outcome | undefined> {
  const unfit = await inspect(entry, 'readable', visit);
  if (unfit !== undefined || route.onlyLatest !== true) return unfit;
  // Announced only now that it has proved to be a zip: a good build is not superseded by a broken one.
  return skipIfOlder(entry, await visit.ports.ledger.announce(routeId(route), entry.build), visit);
}

/** Whether the build is still there, and still wanted, when its slot has come. */
export async function checkAtSlot(entry: LedgerEntry, route: Route, visit: Visit): Promise<Outcome | undefined> {
  const check = route.everyVersion === true ? 'readable' : 'current';
  // A build that goes on its first visit has just been found readable.
  const isKnown = check === 'readable' && entry.reservation === undefined;
  const unfit = isKnown ? undefined : await inspect(entry, check, visit);
  if (unfit !== undefined || route.onlyLatest !== true) return unfit;
  return skipIfOlder(entry, await visit.ports.ledger.newestOf(routeId(route)), visit);
}

async function inspect(entry: LedgerEntry, check: Check, visit: Visit): Promise<Outcome | undefined> {
  const inspection = await visit.ports.builds.inspect(entry.build, check, visit.delivery.deadline);
  switch (inspection.kind) {
    case 'ready':
      return undefined;
    case 'superseded':
      return skip(entry, 'Superseded', inspection.detail, visit);
    case 'refused':
      return deadLetter(entry, inspection, visit);
    case 'unavailable':
      return retry(entry, 'BuildStoreUnavailable', inspection.detail, visit, inspection.status);
    default:
      return unreachable(inspection);
  }
}

async function skipIfOlder(
  entry: LedgerEntry,
  newest: NewestBuild | undefined,
  visit: Visit,
): Promise<Outcome | undefined> {
  if (newest === undefined || newest.id === entry.id) return undefined;
  return skip(entry, 'NewerBuild', `Superseded by ${newest.id}.`, visit);
}

/** Finishes a build that is not wanted any more. */
async function skip(entry: LedgerEntry, cause: SkipCause, detail: string, visit: Visit): Promise<Outcome> {
  const { ports } = visit;
  const saved = await ports.ledger.save(skipped(entry, ports.clock.now(), cause));
  if (saved.kind === 'conflict') return inProgress(visit);
  const at = ports.clock.now();
  await emitEvent(ports, { name: 'Build Skipped', at, subject: subjectOf(entry), cause, detail });
  return skippedAs(cause, detail);
}
