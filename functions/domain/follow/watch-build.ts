import { furthestStage, watchOf } from '../model/following-transitions.ts';
import { type LedgerEntry, withChange } from '../model/ledger-entry.ts';
import { type Disposition, unreachable } from '../model/outcome.ts';
import { redact } from '../model/redaction.ts';
import { routeTo } from '../model/route.ts';
import { hasSentWebhook, type WebhookRecord } from '../model/webhook-record.ts';
import { emitEvent, sendAlert } from '../notify/notify.ts';
import { applyNotice, resolveLostAnswer } from './apply-webhook.ts';
import type { FollowMessage } from './follow-message.ts';
import {
  alertContext,
  eventSubject,
  type FollowDelivery,
  type FollowPorts,
  type FollowSettings,
  logFields,
  updateWithRetry,
} from './followed-build.ts';
import { notifiableFrom, notifyOutcome, retryNotification } from './notify-outcome.ts';
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
    entry = await updateWithRetry(id, ports, (current) => resolveLostAnswer(current, uploadId, clock.now()));
  }
  // Submitted again since: that submission has a watch of its own.
  if (entry === undefined || entry.uploadId !== uploadId) return { kind: 'done' };
  const tellable = notifiableFrom(entry);
  if (tellable !== undefined) {
    if (clock.now() < tellable) return { kind: 'hidden', until: tellable };
    if (!(await notifyOutcome(entry, settings, ports))) return retryNotification(ports);
  }
  let due = watchOf(entry, clock.now(), settings);
  if (settings.reconcile && (due.kind === 'late' || due.kind === 'stuck')) {
    entry = (await reconcile(entry, deadline, settings, ports)) ?? entry;
    if (!(await notifyOutcome(entry, settings, ports))) return retryNotification(ports);
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
      log.warn('build-late', logFields(entry));
      await updateWithRetry(id, ports, (current) => (isWatched(current) ? { ...current, lateAt: now } : undefined));
      return { kind: 'hidden', until: due.next };
    }
    case 'stuck': {
      // Told before it is recorded: a crash between the two tells twice, the other order never.
      if (!(await notifyStuck(entry, ports))) return retryNotification(ports);
      await updateWithRetry(id, ports, (current) =>
        isWatched(current)
          ? withChange({ ...current, stuckAt: now }, now, { state: current.state }, 'no news for too long')
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
async function notifyStuck(entry: LedgerEntry, ports: FollowPorts): Promise<boolean> {
  const { clock, ledger, log, metrics } = ports;
  const at = clock.now();
  const { lastNewsAt, submittedAt = entry.updatedAt } = entry;
  const stage = furthestStage(entry);
  const place = alertContext(entry);
  const record = await ledger.webhookOf(place.projectId);
  // A webhook that never spoke says nothing of the build: it may be live for all we know.
  const isSilent = !hasSentWebhook(record);
  const news = {
    ...(stage === undefined ? {} : { stage }),
    ...(lastNewsAt === undefined ? {} : { lastNewsAt }),
  };
  const isNotified = isSilent
    ? await notifySilence(place, at, record, ports)
    : await sendAlert(ports, { kind: 'stuck', ...place, at, submittedAt, ...news });
  if (!isNotified) return false;
  metrics.put('BuildsFollowed', 1, { Outcome: 'stuck' });
  // To a pipeline that waits for the build's end it is all one.
  await emitEvent(ports, {
    name: 'Build Stuck',
    at,
    subject: eventSubject(entry),
    uploadId: place.uploadId,
    stage: stage ?? null,
    lastNewsAt: new Date(lastNewsAt ?? submittedAt).toISOString(),
  });
  log.warn(isSilent ? 'webhook-silent' : 'build-stuck', { ...logFields(entry), stage, projectId: place.projectId });
  return true;
}

/** One cause is one alert: once for each project. */
async function notifySilence(
  place: ReturnType<typeof alertContext>,
  at: number,
  { silenceNotifiedAt }: WebhookRecord,
  ports: FollowPorts,
): Promise<boolean> {
  if (silenceNotifiedAt !== undefined) return true;
  if (!(await sendAlert(ports, { kind: 'webhook-silent', ...place, at }))) return false;
  await ports.ledger.noteWebhook(place.projectId, 'silenceNotifiedAt', at);
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
  return updateWithRetry(entry.id, ports, (current) => applyNotice(current, notice, now, now));
}
