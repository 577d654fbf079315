import { furthestStage, urlEndOf, type Watch, watchOf } from '../model/following-transitions.ts';
import { type LedgerEntry, withChange } from '../model/ledger-entry.ts';
import { present } from '../model/optional-fields.ts';
import { type Disposition, unreachable } from '../model/outcome.ts';
import { redact } from '../model/redaction.ts';
import { keyParameterOf } from '../model/route.ts';
import { iso } from '../model/time.ts';
import { hasSentWebhook, type WebhookRecord } from '../model/webhook-record.ts';
import { alertContext, logFields, subjectOf } from '../notify/build-context.ts';
import { emitEvent, sendAlert } from '../notify/notify.ts';
import { applyNotice, settleLostAnswer } from './apply-webhook.ts';
import type { FollowMessage } from './follow-message.ts';
import { notifiableFrom, notifyOutcome } from './notify-outcome.ts';
import { stageOfStatus } from './read-webhook.ts';
import { updateWithRetry } from './update-with-retry.ts';
import { type FollowPorts, type FollowVisit, retryNotification } from './visit.ts';

type WatchMessage = Extract<FollowMessage, { kind: 'watch' }>;

/** The watchdog over one submission: a message that sleeps until the build is late or stuck, and costs nothing meanwhile. */
export async function watchBuild(message: WatchMessage, visit: FollowVisit): Promise<Disposition> {
  const { build: id, uploadId } = message;
  const { ports, settings } = visit;
  const { clock, ledger, log, metrics } = ports;
  let entry = await ledger.find(id);
  if (entry !== undefined && entry.uploadId === undefined) {
    // Streampixel's answer is in the event, but not in the ledger: the worker may have crashed before it could record it.
    // Until its lease expires that worker may still record it.
    const { leaseUntil = 0 } = entry;
    if (clock.now() < leaseUntil) return { kind: 'hidden', until: leaseUntil };
    entry = await updateWithRetry(id, ledger, (current) => settleLostAnswer(current, uploadId, clock.now()));
  }
  // The build has been submitted again: that submission has a watch of its own.
  if (entry === undefined || entry.uploadId !== uploadId) return { kind: 'done' };
  const from = notifiableFrom(entry) ?? 0;
  if (clock.now() < from) return { kind: 'hidden', until: from };
  if (!(await notifyOutcome(entry, visit))) return retryNotification(visit);
  let due = watchOf(entry, clock.now(), settings);
  if (settings.reconcile && due.kind !== 'over' && due.kind !== 'asleep') {
    entry = (await reconcile(entry, visit)) ?? entry;
    if (!(await notifyOutcome(entry, visit))) return retryNotification(visit);
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
      await updateWithRetry(id, ledger, (current) => (isWatched(current) ? { ...current, lateAt: now } : undefined));
      return { kind: 'hidden', until: due.next };
    }
    case 'stuck': {
      // Notifies before it records: a crash in between then causes a second alert, not a missing one.
      if (!(await notifyStuck(entry, ports))) return retryNotification(visit);
      await updateWithRetry(id, ledger, (current) =>
        isWatched(current)
          ? withChange({ ...current, stuckAt: now }, now, { state: current.state }, 'no news for too long')
          : undefined,
      );
      // A new message for the end of the URL: this one may not be kept for as long.
      if (urlEndOf(entry) !== undefined) await ports.followQueue.send(message);
      return { kind: 'done' };
    }
    case 'url-ended': {
      if (!(await notifyUrlEnded(entry, ports))) return retryNotification(visit);
      const ended = await updateWithRetry(id, ledger, (current) =>
        isWatched(current)
          ? withChange({ ...current, fileUrlEndedAt: now }, now, { state: current.state }, 'its download URL has ended')
          : undefined,
      );
      const next: Watch = ended === undefined ? { kind: 'over' } : watchOf(ended, now, settings);
      return next.kind === 'over'
        ? { kind: 'done' }
        : { kind: 'hidden', until: next.kind === 'asleep' ? next.until : now };
    }
    default:
      return unreachable(due);
  }

  /** Whether the entry is still that of this submission, without an outcome: another worker may have changed it meanwhile. */
  function isWatched(current: LedgerEntry): boolean {
    return current.uploadId === uploadId && current.state === 'submitted';
  }
}

/** @returns `false` where people could not be notified */
async function notifyStuck(entry: LedgerEntry, ports: FollowPorts): Promise<boolean> {
  const { clock, ledger, log, metrics } = ports;
  const at = clock.now();
  const { lastNewsAt, submittedAt = entry.updatedAt } = entry;
  const stage = furthestStage(entry);
  const context = alertContext(entry);
  const { projectId, uploadId } = context;
  const record = await ledger.webhookOf(projectId);
  // Without a working webhook there is no news of any build, so the alert is about the webhook: the build may be live.
  const isSilent = !hasSentWebhook(record);
  const isNotified = isSilent
    ? await notifySilentWebhook(context, at, record, ports)
    : await sendAlert(ports, { kind: 'stuck', ...context, at, submittedAt, ...present({ stage, lastNewsAt }) });
  if (!isNotified) return false;
  metrics.put('BuildsFollowed', 1, { Outcome: 'stuck' });
  // A pipeline waits for the build's outcome in both cases.
  await emitEvent(ports, {
    name: 'Build Stuck',
    at,
    subject: subjectOf(entry),
    uploadId,
    stage: stage ?? null,
    lastNewsAt: iso(lastNewsAt ?? submittedAt),
  });
  log.warn(isSilent ? 'webhook-silent' : 'build-stuck', { ...logFields(entry), stage, projectId });
  return true;
}

/** @returns `false` where people could not be notified */
async function notifyUrlEnded(entry: LedgerEntry, ports: FollowPorts): Promise<boolean> {
  const { submittedAt = entry.updatedAt } = entry;
  const stage = furthestStage(entry);
  const at = ports.clock.now();
  const alert = { kind: 'url-ended', ...alertContext(entry), at, submittedAt, ...present({ stage }) } as const;
  if (!(await sendAlert(ports, alert))) return false;
  ports.metrics.put('FileUrlsEnded', 1);
  ports.log.warn('file-url-ended', { ...logFields(entry), stage, ...entry.fileUrl });
  return true;
}

/** One cause is one alert: people are notified once for each project. */
async function notifySilentWebhook(
  context: ReturnType<typeof alertContext>,
  at: number,
  { silenceNotifiedAt }: WebhookRecord,
  ports: FollowPorts,
): Promise<boolean> {
  if (silenceNotifiedAt !== undefined) return true;
  if (!(await sendAlert(ports, { kind: 'webhook-silent', ...context, at }))) return false;
  await ports.ledger.noteWebhook(context.projectId, 'silenceNotifiedAt', at);
  return true;
}

/**
 * Looks the build up in Streampixel's list of the project's builds. The list is no longer documented, so it may be missing: then there
 * is no news.
 */
async function reconcile(
  entry: LedgerEntry,
  { delivery, ports, settings }: FollowVisit,
): Promise<LedgerEntry | undefined> {
  const { apiKeys, clock, ledger, log, projectFiles } = ports;
  const { projectId = '', uploadId, userId = '' } = entry;
  const keyParameter = keyParameterOf(settings.routes, entry);
  if (keyParameter === undefined) return undefined;
  const key = await apiKeys.read(keyParameter);
  if (key.kind !== 'found') return undefined;
  const read = await projectFiles.read(userId, projectId, key.key.secret, delivery.deadline);
  if (read.kind === 'unclear') {
    log.info('not-reconciled', { build: entry.id, detail: read.detail });
    return undefined;
  }
  const file = read.files.find((each) => each.uploadId === uploadId);
  if (file === undefined) return undefined;
  const stage = stageOfStatus(file.status);
  // A stage that is known already is not news, or a build without progress would never be called stuck.
  if (stage === undefined || entry.news?.some((each) => each.stage === stage)) return undefined;
  const now = clock.now();
  const objection = file.objection && redact(file.objection);
  const notice = { projectId, uploadId: file.uploadId, stage, at: file.at ?? now, ...present({ objection }) };
  return updateWithRetry(entry.id, ledger, (current) => applyNotice(current, notice, now, now));
}
