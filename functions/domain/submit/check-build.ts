import type { Check, Inspection } from '../model/inspection.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { present } from '../model/optional-fields.ts';
import { type Outcome, postponed, skippedAs, unreachable } from '../model/outcome.ts';
import type { Verdict } from '../model/package-verdict.ts';
import type { SkipCause } from '../model/reasons.ts';
import { type Route, routeId } from '../model/route.ts';
import { skipped } from '../model/submission-transitions.ts';
import { notifySkipped } from '../notify/submission-notices.ts';
import { applyPackageCheck } from '../package/applied.ts';
import type { NewestBuild } from '../ports.ts';
import { checkContent, holdBackOlderContent, noteContent } from './check-content.ts';
import { type DeadLetterCause, deadLetter } from './dead-letter.ts';
import { retry } from './retry.ts';
import { inProgress, type Step, type Visit } from './visit.ts';

/**
 * Some tools create an empty object first and write the build right after it. An empty object has this long to be replaced, in ms,
 * before people are notified.
 */
const PLACEHOLDER_MS = 10_000;

/**
 * Proves, before a slot is reserved, that Streampixel will find a zip, and that it does not have it already.
 * @returns the entry with its content, or an outcome where the build can't be submitted now
 */
export async function checkBeforeSlot(entry: LedgerEntry, route: Route, visit: Visit): Promise<Step> {
  const inspected = await inspect(entry, 'readable', visit);
  if (inspected.outcome !== undefined) return inspected;
  const unchanged = await checkContent(inspected.entry, await noteContent(inspected.entry, visit), visit);
  if (unchanged !== undefined) return { entry, outcome: await skip(inspected.entry, 'Unchanged', unchanged, visit) };
  if (route.onlyLatest !== true) return inspected;
  // Announced only now that it has proved to be a zip: a good build is not superseded by a broken one.
  const outcome = await skipIfOlder(entry, await visit.ports.ledger.announce(routeId(route), entry.build), visit);
  return { entry: inspected.entry, ...present({ outcome }) };
}

/** Whether the build is still there, and still wanted, when its slot has come; and whether it may go live by itself. */
export async function checkAtSlot(entry: LedgerEntry, route: Route, visit: Visit): Promise<Step> {
  const { ledger } = visit.ports;
  const check = route.everyVersion === true ? 'readable' : 'current';
  const hasWaited = entry.reservation !== undefined;
  // If it gets its slot in its first visit, it was checked a moment ago.
  if (check === 'current' || hasWaited) {
    const inspected = await inspect(entry, check, visit);
    if (inspected.outcome !== undefined) return inspected;
  }
  const contents = await ledger.contentsOf(entry.build);
  const unchanged = hasWaited ? await checkContent(entry, contents, visit) : undefined;
  if (unchanged !== undefined) return { entry, outcome: await skip(entry, 'Unchanged', unchanged, visit) };
  if (route.onlyLatest === true) {
    // Announced again: the route may have changed since, and an older build may be the only one that its new id knows.
    const outcome = await skipIfOlder(entry, await ledger.announce(routeId(route), entry.build), visit);
    if (outcome !== undefined) return { entry, outcome };
  }
  return { entry: await holdBackOlderContent(entry, contents, route, visit) };
}

/** What is wrong with the object itself. */
type Refused = Pick<DeadLetterCause, 'reason' | 'detail' | 'status'>;
type Unavailable = Extract<Inspection, { kind: 'unavailable' }>;

async function inspect(entry: LedgerEntry, check: Check, visit: Visit): Promise<Step> {
  const inspection = await visit.ports.builds.inspect(entry.build, check, visit.delivery.deadline);
  switch (inspection.kind) {
    case 'ready': {
      const { content, labels, verdict } = inspection;
      const read = { ...entry, ...present({ content, labels }) };
      return verdict === undefined ? { entry: read } : judge(read, verdict, check, visit);
    }
    case 'superseded':
      return { entry, outcome: await skip(entry, 'Superseded', inspection.detail, visit) };
    case 'refused': {
      const labelled = { ...entry, ...present({ labels: inspection.labels }) };
      return { entry, outcome: await refuse(labelled, inspection, check, visit) };
    }
    case 'unavailable':
      return { entry, outcome: await retryLook(entry, inspection, visit) };
    default:
      return unreachable(inspection);
  }
}

/** Refuses what Streampixel could not run, as far as the settings and the person who dropped it want that. */
async function judge(entry: LedgerEntry, verdict: Verdict, check: Check, visit: Visit): Promise<Step> {
  const packageCheck = entry.isUnchecked === true ? 'unchecked' : visit.settings.packageCheck;
  const { facts, refusals, warnings } = applyPackageCheck(verdict, packageCheck);
  const judged: LedgerEntry = { ...entry, warnings, ...present({ package: facts }) };
  const [refusal] = refusals;
  if (refusal === undefined) return { entry: judged };
  // A tool that rewrites the bucket must not make failures of builds that Streampixel has taken.
  const unchanged = await checkContent(judged, await noteContent(judged, visit), visit);
  if (unchanged !== undefined) return { entry, outcome: await skip(judged, 'Unchanged', unchanged, visit) };
  return { entry, outcome: await refuse(judged, { reason: refusal.code, detail: refusal.detail }, check, visit) };
}

/** Before we report a bad object: is there a newer version, or may one be on its way? */
async function refuse(entry: LedgerEntry, refused: Refused, check: Check, visit: Visit): Promise<Outcome> {
  const { delivery, ports } = visit;
  if (check !== 'current') {
    const current = await ports.builds.inspect(entry.build, 'current', delivery.deadline);
    if (current.kind === 'superseded') return skip(entry, 'Superseded', current.detail, visit);
    if (current.kind === 'unavailable') return retryLook(entry, current, visit);
  }
  const { droppedAt, size } = entry.build;
  const settledAt = droppedAt + PLACEHOLDER_MS;
  if (size === 0 && ports.clock.now() < settledAt) return postponed('JustDropped', settledAt);
  return deadLetter(entry, refused, visit);
}

function retryLook(entry: LedgerEntry, { detail, status }: Unavailable, visit: Visit): Promise<Outcome> {
  return retry(entry, 'BuildStoreUnavailable', detail, visit, status);
}

async function skipIfOlder(entry: LedgerEntry, newest: NewestBuild, visit: Visit): Promise<Outcome | undefined> {
  if (newest.id === entry.id) return undefined;
  return skip(entry, 'NewerBuild', `Superseded by ${newest.id}.`, visit);
}

/** Finishes a build that is not wanted any more. */
async function skip(entry: LedgerEntry, cause: SkipCause, detail: string, visit: Visit): Promise<Outcome> {
  const { ports } = visit;
  const saved = await ports.ledger.save(skipped(entry, ports.clock.now(), cause));
  if (saved.kind === 'conflict') return inProgress(visit);
  await notifySkipped(entry, cause, detail, ports);
  return skippedAs(cause, detail);
}
