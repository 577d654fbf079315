import { furthestStage, watchOf } from './build-progress.ts';
import type { FollowMessage } from './follow-message.ts';
import {
  change,
  type FollowDelivery,
  type FollowPorts,
  type FollowSettings,
  fieldsOf,
  placeOf,
  subjectOf,
} from './followed-build.ts';
import type { Disposition } from './handle-message.ts';
import { applied, found } from './hear-notice.ts';
import { changed, hasSpoken, type LedgerEntry, type WebhookRecord } from './ledger.ts';
import { unreachable } from './outcome.ts';
import { redact } from './redaction.ts';
import { routeTo } from './route.ts';
import { tellAgain, tellableFrom, tellOfEnd } from './tell-of-end.ts';
import { alert, emit } from './telling.ts';
import { stageOfStatus } from './webhook.ts';

/** The watchdog over one submission: a message that sleeps until a build is due, and costs nothing meanwhile. */
export async function watchBuild(
  { build: id, uploadId }: Extract<FollowMessage, { kind: 'watch' }>,
  { deadline }: FollowDelivery,
  settings: FollowSettings,
  ports: FollowPorts,
): Promise<Disposition> {
  const { clock, ledger, log, metrics } = ports;
  let entry = await ledger.find(id);
  if (entry !== undefined && entry.uploadId === undefined) {
    // The vendor's answer got as far as the event and not into the ledger.
    const { leaseUntil = 0, state } = entry;
    if (state === 'submitting' && clock.now() < leaseUntil) return { kind: 'hidden', until: leaseUntil };
    entry = await change(id, ports, (current) => found(current, uploadId, clock.now()));
  }
  // Submitted again since: that submission has a watch of its own.
  if (entry === undefined || entry.uploadId !== uploadId) return { kind: 'done' };
  const tellable = tellableFrom(entry);
  if (tellable !== undefined) {
    if (clock.now() < tellable) return { kind: 'hidden', until: tellable };
    if (!(await tellOfEnd(entry, settings, ports))) return tellAgain(ports);
  }
  let due = watchOf(entry, clock.now(), settings);
  if (settings.reconcile && (due.kind === 'late' || due.kind === 'stuck')) {
    entry = (await reconcile(entry, deadline, settings, ports)) ?? entry;
    if (!(await tellOfEnd(entry, settings, ports))) return tellAgain(ports);
    due = watchOf(entry, clock.now(), settings);
  }
  const now = clock.now();
  switch (due.kind) {
    case 'over':
      return { kind: 'done' };
    case 'asleep':
      return { kind: 'hidden', until: due.until };
    case 'late': {
      metrics.put('BuildsFollowed', 1, { Outcome: 'late' });
      log.warn('build-late', fieldsOf(entry));
      await change(id, ports, (current) => (isWatched(current) ? { ...current, lateAt: now } : undefined));
      return { kind: 'hidden', until: due.next };
    }
    case 'stuck': {
      // Told before it is recorded: a crash between the two tells twice, the other order never.
      if (!(await tellStuck(entry, ports))) return tellAgain(ports);
      await change(id, ports, (current) =>
        isWatched(current)
          ? changed({ ...current, stuckAt: now }, now, { state: current.state }, 'no news for too long')
          : undefined,
      );
      return { kind: 'done' };
    }
    default:
      return unreachable(due);
  }

  /** Neither submitted again nor brought to its end while this worker looked at it. */
  function isWatched(current: LedgerEntry): boolean {
    return current.uploadId === uploadId && current.state === 'submitted';
  }
}

/** @returns whether whoever has to know does */
async function tellStuck(entry: LedgerEntry, ports: FollowPorts): Promise<boolean> {
  const { clock, ledger, log, metrics } = ports;
  const at = clock.now();
  const { lastNewsAt, submittedAt = entry.updatedAt } = entry;
  const stage = furthestStage(entry);
  const place = placeOf(entry);
  const record = await ledger.webhookOf(place.projectId);
  // A webhook that never spoke says nothing of the build: it may be live for all we know.
  const isSilent = !hasSpoken(record);
  const news = {
    ...(stage === undefined ? {} : { stage }),
    ...(lastNewsAt === undefined ? {} : { lastNewsAt }),
  };
  const isTold = isSilent
    ? await tellSilence(place, at, record, ports)
    : await alert(ports, { kind: 'stuck', ...place, at, submittedAt, ...news });
  if (!isTold) return false;
  metrics.put('BuildsFollowed', 1, { Outcome: 'stuck' });
  // To a pipeline that waits for the build's end it is all one.
  await emit(ports, {
    name: 'Build Stuck',
    at,
    subject: subjectOf(entry),
    uploadId: place.uploadId,
    stage: stage ?? null,
    lastNewsAt: new Date(lastNewsAt ?? submittedAt).toISOString(),
  });
  log.warn(isSilent ? 'webhook-silent' : 'build-stuck', { ...fieldsOf(entry), stage, projectId: place.projectId });
  return true;
}

/** One cause is one alert: once for each project. */
async function tellSilence(
  place: ReturnType<typeof placeOf>,
  at: number,
  { silenceToldAt }: WebhookRecord,
  ports: FollowPorts,
): Promise<boolean> {
  if (silenceToldAt !== undefined) return true;
  if (!(await alert(ports, { kind: 'webhook-silent', ...place, at }))) return false;
  await ports.ledger.noteWebhook(place.projectId, 'silenceToldAt', at);
  return true;
}

/** Asks the vendor's list of the project's builds. It has left the documentation: no answer is no news. */
async function reconcile(
  entry: LedgerEntry,
  deadline: number,
  settings: FollowSettings,
  ports: FollowPorts,
): Promise<LedgerEntry | undefined> {
  const { apiKeys, clock, log, projectFiles } = ports;
  const { projectId = '', uploadId } = entry;
  const route = routeTo(settings.routes, entry);
  if (route === undefined) return undefined;
  const key = await apiKeys.read(route.apiKeyParameter);
  if (key.kind !== 'found') return undefined;
  const read = await projectFiles.read(route.userId, projectId, key.key.secret, deadline);
  if (read.kind === 'unclear') {
    log.info('not-reconciled', { build: entry.id, detail: read.detail });
    return undefined;
  }
  const file = read.files.find((each) => each.uploadId === uploadId);
  const stage = file && stageOfStatus(file.status);
  // A stage that is known already is no news, or a build that stands still would never be called stuck.
  if (file === undefined || stage === undefined || entry.news?.some((each) => each.stage === stage)) return undefined;
  const now = clock.now();
  const objection = file.objection === undefined ? {} : { objection: redact(file.objection) };
  const notice = { projectId, uploadId: file.uploadId, stage, at: file.at ?? now, ...objection };
  return change(entry.id, ports, (current) => applied(current, notice, now, now));
}
