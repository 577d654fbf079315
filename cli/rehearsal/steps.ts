import { liveSpans } from '../../functions/domain/model/live.ts';
import type { Reason } from '../../functions/domain/model/reasons.ts';
import { windowOf } from '../../functions/streampixel-stand-in/api.ts';
import { OBJECTIONS } from '../../functions/streampixel-stand-in/whole-zip.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { discardPicked, redrivePicked, withPicked } from '../actions/dead-letters.ts';
import { findReleaseTarget, sendReleaseRequest } from '../actions/release.ts';
import { STATUS_DISPLAY } from '../builds/status-display.ts';
import { waitForRelease } from '../commands/release.ts';
import { followBuild } from '../screens/follow.ts';
import { checkKey, verdictText } from '../stack/api-keys.ts';
import { newToken } from '../stack/webhooks.ts';
import { span } from '../units.ts';
import type { Dropped, Rehearsal } from './rehearsal.ts';
import type { ReceivedAlert, StepName } from './report.ts';

/** What a step has seen, as sentences, and whether it is as it must be. */
export interface Seen {
  readonly ok: boolean;
  readonly seen: string;
}

/** What steps hand to later ones. */
interface Handed {
  first?: Dropped;
  late?: Dropped;
}

/** Steps in their order. Each throws what the tool's commands throw. */
export function createSteps(rehearsal: Rehearsal): Readonly<Record<StepName, () => Promise<Seen>>> {
  const { alert, console, drop, inState, rightKey, route, sendWebhook, signal, stack, storeKey, waitFor, wrongKey } =
    rehearsal;
  const { ledger, settings } = stack;
  const { projectId, userId } = route;
  const handed: Handed = {};

  return {
    async 'stand-in'() {
      const [verdict] = await checkKey(stack, [userId], rightKey);
      return { ok: verdict?.verdict.kind === 'taken', seen: `The right key is ${verdict && verdictText(verdict)}.` };
    },

    async 'webhook-refused'() {
      const status = await sendWebhook(newToken());
      return { ok: status === 404, seen: answered(status) };
    },

    async 'webhook-taken'() {
      const startedAt = Date.now();
      // The function may take half a minute to find a new token.
      const status = await waitFor('the webhook to be taken', async () => {
        const answer = await sendWebhook();
        return answer === 200 ? answer : undefined;
      });
      if (status === undefined) return { ok: false, seen: 'It was refused again and again.' };
      const isNoted = await waitFor('the webhook to be noted', async () => {
        const { testedAt = 0 } = await ledger.webhookOf(projectId);
        return testedAt >= startedAt ? true : undefined;
      });
      if (isNoted === undefined) return { ok: false, seen: `${answered(status)} It is not in the ledger.` };
      return { ok: true, seen: `${answered(status)} The ledger has it.` };
    },

    async 'wrong-key'() {
      await storeKey(wrongKey);
      const [verdict] = await checkKey(stack, [userId], wrongKey);
      const first = await drop('first', await makeSampleBuild());
      const stopped = await deadLettered(first, 'InvalidApiKey');
      if (stopped.ok) handed.first = first;
      const isRefused = verdict?.verdict.kind === 'refused';
      return {
        ok: isRefused && stopped.ok,
        seen: `The check of key set: ${verdict && verdictText(verdict)}. ${stopped.seen}`,
      };
    },

    async redrive() {
      const { first } = handed;
      if (first === undefined) return notTried('no build waits for a key');
      await storeKey(rightKey);
      const isRedriven = async () => ((await ledger.find(first.id))?.state === 'dead-lettered' ? undefined : true);
      const byItself = await waitFor('redrive-builds to send it back', isRedriven, REDRIVEN_WITHIN_MS);
      if (byItself === undefined) await redrive(first);
      const entry = await inState(first, 'submitted', 'approved', 'released');
      const late = `redrive-builds did not start within ${span(REDRIVEN_WITHIN_MS)}, so dlq redrive sent it back.`;
      const how = byItself === undefined ? late : 'redrive-builds sent it back by itself.';
      const seen = `${how} ${entry === undefined ? 'It was not submitted.' : `Submitted as ${entry.uploadId}.`}`;
      // Emulators lack SSM's events, which start the function.
      return { ok: entry !== undefined && (byItself === true || stack.isEmulated), seen };
    },

    async live() {
      const { first } = handed;
      if (first === undefined) return notTried('no build was submitted');
      return goesLive(first);
    },

    async slot() {
      const late = await drop('late', await makeSampleBuild());
      const before = await inState(late, 'submitted');
      if (before?.submittedAt === undefined) return { ok: false, seen: 'The build before it was not submitted.' };
      handed.late = late;
      const second = await drop('second', await makeSampleBuild());
      const { ok, seen } = await goesLive(second);
      const { submittedAt = 0 } = (await ledger.find(second.id)) ?? {};
      const apart = submittedAt - before.submittedAt;
      const intervalMs = settings.intervalSeconds * 1_000;
      return {
        ok: ok && apart >= windowOf(intervalMs),
        seen: `Submitted ${(apart / 1_000).toFixed(1)} s after the one before it; the interval is ${settings.intervalSeconds} s. ${seen}`,
      };
    },

    async 'bad-zip'() {
      const bad = await drop('no-zip', Buffer.from('This is no zip, whatever its name says.\n'));
      const stopped = await deadLettered(bad, 'NotAZip');
      const entry = await ledger.find(bad.id);
      const usesSlot = entry?.reservation !== undefined;
      const discarded = await discard(bad);
      return {
        ok: stopped.ok && !usesSlot && discarded === 1,
        seen: `${stopped.seen} It ${usesSlot ? 'used a slot' : 'used no slot'}. ${discarded === 1 ? 'Its dead letter is discarded.' : 'Its dead letter was not found.'}`,
      };
    },

    async 'expired-url'() {
      const { late } = handed;
      if (late === undefined) return notTried('no build was submitted');
      const { view } = await follow(late);
      const { objection = '' } = view?.entry ?? {};
      if (view?.status !== 'rejected')
        return { ok: false, seen: `It is ${view?.status ?? 'not seen by the pipeline'}.` };
      const received = await alert(
        late.key,
        ({ message, subject }) => isRejection(subject) && message.includes(late.id),
      );
      const seen = `Rejected: ${objection} ${alertText(received)}`;
      return { ok: objection === OBJECTIONS.status(403) && received !== undefined, seen };
    },
  };

  function follow({ id }: Dropped) {
    return followBuild(console, ledger, { find: () => ledger.find(id), signal, timeoutMs: FOLLOWED_FOR_MS });
  }

  /** Follows a build until viewers get it, releasing it where the route leaves that to a person. */
  async function goesLive(build: Dropped): Promise<Seen> {
    const { view } = await follow(build);
    if (view === undefined) return { ok: false, seen: 'The pipeline has not seen it.' };
    const { entry, status } = view;
    const { id, objection = '', uploadId } = entry;
    if (STATUS_DISPLAY[status].failure !== undefined || status === 'skipped') {
      return { ok: false, seen: `It is ${status}. ${entry.reason ?? objection}` };
    }
    if (status === 'waits-for-person' && uploadId !== undefined) {
      const { requestId } = await sendReleaseRequest(stack, await findReleaseTarget(stack, { build: id }));
      await waitForRelease(console, stack, entry, requestId, signal);
    }
    const stages = (entry.news ?? []).map(({ stage }) => stage).join(', ');
    const isLive = await waitFor(`${build.key} to be live`, async () => {
      const live = liveSpans(await ledger.liveOf(projectId)).at(-1);
      return live?.build === id && live.uploadId === uploadId ? true : undefined;
    });
    const seen = `Webhooks: ${stages || 'none'}. `;
    if (isLive === undefined) return { ok: false, seen: `${seen}It is ${status}, and not live.` };
    return { ok: stages !== '', seen: `${seen}Viewers get it.` };
  }

  /** Whether the build is dead-lettered for this reason, with an alert. */
  async function deadLettered(build: Dropped, reason: Reason): Promise<Seen> {
    const entry = await inState(build, 'dead-lettered', 'submitted', 'skipped');
    if (entry?.state !== 'dead-lettered') return { ok: false, seen: `It is ${entry?.state ?? 'not in the ledger'}.` };
    if (entry.reason !== reason) return { ok: false, seen: `Dead-lettered as ${entry.reason}, not as ${reason}.` };
    const received = await alert(reason, ({ subject }) => subject.startsWith(reason));
    return { ok: received !== undefined, seen: `Dead-lettered as ${reason}. ${alertText(received)}` };
  }

  /** What `dlq redrive BUILD --yes` does. */
  async function redrive({ id }: Dropped): Promise<void> {
    await withPicked(stack, { filter: {}, names: [id] }, signal, (picked) => redrivePicked(stack, picked));
  }

  /** What `dlq discard BUILD --yes` does. @returns how many dead letters were deleted */
  async function discard({ id }: Dropped): Promise<number> {
    const deleted = await withPicked(stack, { filter: {}, names: [id] }, signal, (picked) =>
      discardPicked(stack, picked, signal),
    );
    return deleted.size;
  }
}

/** EventBridge starts the function within seconds, and a cold start takes one more. In ms. */
const REDRIVEN_WITHIN_MS = 90_000;
/** Longest that a build is followed, in ms. */
const FOLLOWED_FOR_MS = 5 * 60_000;

function answered(status: number | undefined): string {
  return status === undefined ? 'There was no answer.' : `Answered HTTP ${status}.`;
}

function alertText(received: ReceivedAlert | undefined): string {
  return received === undefined ? 'No alert came.' : `Alert: ${received.subject}.`;
}

function isRejection(subject: string): boolean {
  return subject.startsWith('Rejected: ');
}

function notTried(why: string): Seen {
  return { ok: false, seen: `Not tried: ${why}.` };
}
