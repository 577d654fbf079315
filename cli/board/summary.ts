import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import { keyParameterOf } from '../../functions/domain/model/route.ts';
import { REJECTED_TEXT } from '../../functions/domain/notify/operator-commands.ts';
import type { BuildView } from '../builds/build-view.ts';
import { expectationFrom } from '../builds/expected.ts';
import { byWhom, liveFacts, type ProjectLive, readLive } from '../builds/live.ts';
import { type Overview, readOverview, readViews } from '../builds/overview.ts';
import { entriesOf, once } from '../builds/search.ts';
import { adviceOn, isOvertaken } from '../builds/status-display.ts';
import { printable } from '../console.ts';
import { groupBy } from '../group-by.ts';
import { remedyText } from '../operator-error.ts';
import { explained } from '../stack/aws-errors.ts';
import { NO_REASON } from '../stack/dead-letters.ts';
import type { Stack } from '../stack/stack.ts';
import { iso, plural } from '../units.ts';
import type { FailedGroup, LiveUpload, Notice, ProjectRow, Summary } from './board-api.ts';
import { KEPT_MS, type LedgerMirror } from './ledger-mirror.ts';
import { isFailed, type RowContext, rowsOf, shownLabels, someOf } from './rows.ts';

const DAY_MS = 86_400_000;
/** A rejected build is listed among what failed for so long, in ms. */
const REJECTED_FOR_MS = 7 * DAY_MS;
/** So long after its submission a project's first webhook may take, and nothing is wrong, in ms. */
const FIRST_WEBHOOK_MS = 5 * 60_000;

/**
 * Everything on the start page, from what `status` and `live` read. No time in it depends on when it was read, so it is the same as long
 * as nothing has changed.
 *
 * @param mirror has been refreshed
 * @param now ms since the epoch
 * @param isSettled whether the number of dead letters that no build explains was the same a look ago
 */
export async function readSummary(
  stack: Stack,
  mirror: LedgerMirror,
  now: number,
  readOnly: boolean,
  isSettled: (unexplained: number) => boolean,
): Promise<Summary> {
  const { ledger } = stack;
  const read: Stack = {
    ...stack,
    ledger: {
      ...ledger,
      list: (state) => mirror.list(state),
      find: once((id) => ledger.find(id)),
      liveOf: once((projectId) => ledger.liveOf(projectId)),
      webhookOf: once((projectId) => ledger.webhookOf(projectId)),
    },
  };
  let unreadable: unknown;
  const onUnreadable = (error: unknown) => {
    unreadable ??= error;
    return undefined;
  };
  const [overview, projects, failed] = await Promise.all([
    readOverview(read, now, DAY_MS, onUnreadable),
    readLive(read),
    entriesOf(read, ['dead-lettered', 'rejected'], now - KEPT_MS),
  ]);
  const latest = mirror
    .all()
    .filter(({ state, submittedAt = 0 }) => state === 'submitted' && submittedAt > now - FIRST_WEBHOOK_MS);
  const { view } = await readViews(read, [...failed, ...latest]);
  const awaited = latest.map(view).filter(({ status }) => status === 'no-webhook-yet');
  const isAwaited = new Set(awaited.map(({ entry }) => entry.id));
  const context: RowContext = { readOnly, expectedAt: expectationFrom(mirror.all()) };
  const byStatus = (...statuses: readonly BuildView['status'][]) =>
    overview.atStreampixel.filter(({ status }) => statuses.includes(status));
  const deadLetters = failed.filter(isFailed).map(view);
  const rejected = failed
    .filter(({ state, updatedAt }) => state === 'rejected' && updatedAt >= now - REJECTED_FOR_MS)
    .map(view)
    .filter((each) => !isReplaced(each, mirror.all()));
  const unexplained = overview.deadLetters.waiting + overview.deadLetters.hidden - deadLetters.length;
  return {
    projects: projects.map((project) => projectRow(stack, project, readOnly)),
    lanes: lanesOf(stack, overview, context),
    unread: overview.unread,
    atStreampixel: someOf([...byStatus('under-way', 'stuck', 'waits-for-release'), ...awaited], context),
    failed: [
      ...deadLetterGroups(stack, deadLetters, context),
      ...otherGroup('rejected', rejected, context),
      ...otherGroup('release-failed', byStatus('release-failed'), context),
      ...otherGroup('stuck', byStatus('stuck'), context),
      ...(isSettled(unexplained) && unexplained > 0 ? [unexplainedGroup(stack, unexplained, readOnly)] : []),
    ].sort((a, b) => b.builds.count - a.builds.count),
    deadLetters: overview.deadLetters,
    waitsForPerson: someOf(byStatus('waits-for-person').toReversed(), context),
    notices: [
      ...(unreadable === undefined ? [] : [unreadableNotice(stack, unreadable)]),
      ...noticesOf(stack, overview, awaited),
    ],
    finished: rowsOf(
      overview.lastEnded.filter(({ entry }) => !isAwaited.has(entry.id)),
      context,
    ),
    lastDay: overview.ended.filter(([, count]) => count > 0).map(([state, count]) => ({ state, count })),
  };
}

/** A newer build of its project was approved: this one is no longer of interest. */
function isReplaced({ entry }: BuildView, all: readonly LedgerEntry[]): boolean {
  return isOvertaken({ entry, status: 'release-failed' }, all);
}

function lanesOf({ settings }: Stack, { waiting }: Overview, context: RowContext): Summary['lanes'] {
  const byUser = groupBy(waiting, ({ entry }) => entry.userId ?? '');
  return [...byUser].map(([userId, builds]) => ({
    userId,
    intervalSeconds: settings.intervalSeconds,
    builds: someOf(builds, context),
    ...present({ lastSlot: iso(builds.findLast(({ slot }) => slot !== undefined)?.slot) }),
  }));
}

function projectRow(stack: Stack, project: ProjectLive, readOnly: boolean): ProjectRow {
  const { before, labels, live, previous, projectId } = project;
  return {
    projectId,
    ...present({
      dashboardUrl: dashboardOf(stack, projectId),
      live: live && { ...liveUpload(live), ...present({ labels: shownLabels(labels) }) },
      previous: previous && liveUpload(previous),
    }),
    before: before.map(liveUpload),
    canGoBack: previous !== undefined && !readOnly,
  };
}

function liveUpload(span: Parameters<typeof liveFacts>[0]): LiveUpload {
  return present({ ...liveFacts(span), byText: printable(byWhom(span)) }) as LiveUpload;
}

/** Streampixel's own address; a stand-in, or another API, has no dashboard that is known. Source: its docs, "Get project id". */
const DASHBOARD = 'https://dashboard.streampixel.io';

/** Page of a project on the dashboard of Streampixel. */
export function dashboardOf({ isLocal, settings }: Stack, projectId: string): string | undefined {
  const isReal = !isLocal && new URL(settings.streampixelBaseUrl).hostname.endsWith('.streampixel.io');
  return isReal ? `${DASHBOARD}/projectdetail/${encodeURIComponent(projectId)}` : undefined;
}

function deadLetterGroups(
  { commands, settings }: Stack,
  views: readonly BuildView[],
  context: RowContext,
): readonly FailedGroup[] {
  const groups = groupBy(views, ({ entry }) => entry.reason ?? 'RetriesExhausted');
  return [...groups].map(([reason, group]) => {
    const parameters = [...new Set(group.flatMap(({ entry }) => keyParameterOf(settings.routes, entry) ?? []))];
    const isKey = reason === 'InvalidApiKey' || reason === 'ApiKeyMissing';
    const command = commands.after(reason, { reasons: [reason] }, parameters.length === 1 ? parameters[0] : undefined);
    // What the tool would print comes first.
    const first = isKey ? 'store-key' : command === commands.discard({ reasons: [reason] }) ? 'discard' : 'redrive';
    const actions = [...new Set([first, 'redrive', 'discard'] as const)];
    return {
      kind: 'dead-lettered',
      reason,
      title: reason,
      ...REASONS[reason],
      command,
      builds: someOf(group, context),
      actions: context.readOnly ? [] : actions,
      parameters,
    };
  });
}

const OTHER_GROUPS = {
  rejected: {
    title: 'Rejected by Streampixel',
    cause: 'Streampixel did not approve them. Its message is at each build.',
    remedy: REJECTED_TEXT.remedy,
  },
  'release-failed': {
    title: 'Release failed',
    cause: 'The last request to put them live failed. Why is at each build.',
    remedy: 'Fix what the message names, then release again.',
  },
  stuck: {
    title: 'Stuck at Streampixel',
    cause: 'Streampixel has sent no webhook about them for too long.',
    remedy: 'Look at the project on the Streampixel dashboard.',
  },
} as const;

function otherGroup(
  kind: keyof typeof OTHER_GROUPS,
  views: readonly BuildView[],
  context: RowContext,
): readonly FailedGroup[] {
  if (views.length === 0) return [];
  const builds = someOf(views, context);
  return [{ kind, reason: kind, ...OTHER_GROUPS[kind], builds, actions: [], parameters: [] }];
}

/** Messages that SQS or EventBridge has put there: no function got as far as recording why. */
function unexplainedGroup({ commands }: Stack, count: number, readOnly: boolean): FailedGroup {
  return {
    kind: 'unexplained',
    reason: NO_REASON,
    title: 'Without a reason',
    cause: 'SQS or EventBridge put these messages into the dead-letter queue: no function recorded why.',
    remedy: "Look at them in a terminal, and read the functions' logs. When they work again, redrive.",
    command: commands.deadLetters(),
    builds: { count, items: [] },
    actions: readOnly ? [] : ['redrive', 'discard'],
    parameters: [],
  };
}

function unreadableNotice({ commands }: Stack, error: unknown): Notice {
  const { message, remedy } = explained(error);
  const lead = "The queues can't be read: new uploads, and dead letters that no build explains, are not shown.";
  return { text: printable(`${lead} ${message} ${remedyText(remedy, commands)}`) };
}

function noticesOf(
  { commands }: Stack,
  { moves, noWebhookYet }: Overview,
  awaited: readonly BuildView[],
): readonly Notice[] {
  const unknown = noWebhookYet.map(({ builds, projectId }) => ({
    projectId,
    builds: builds - awaited.filter(({ entry }) => entry.projectId === projectId).length,
  }));
  return [
    ...unknown
      .filter(({ builds }) => builds > 0)
      .map(({ builds, projectId }) => ({
        text: printable(
          `The result of ${plural(builds, 'build')} of project ${projectId} is unknown: Streampixel has sent no webhook for it yet.`,
        ),
        command: commands.webhook(),
      })),
    ...moves.map(({ moved, of, status }) => ({
      text: `SQS is moving dead letters (${status.toLowerCase()}): ${moved}${of === undefined ? '' : ` of ${of}`}.`,
    })),
  ];
}

/** What to do about a build, for its page. */
export function adviceFor({ commands }: Stack, { entry, status }: BuildView) {
  const advice = adviceOn(entry, status, commands);
  if (advice === undefined) return undefined;
  const { act, run, when = 'Then run' } = advice;
  return run === undefined ? { act } : { act, when, command: run };
}
