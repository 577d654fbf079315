import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import type { OperatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import {
  discardedText,
  discardPicked,
  previewLines,
  redrivenText,
  redrivePicked,
  withPicked,
} from '../actions/dead-letters.ts';
import {
  earlyReleaseNote,
  findReleaseTarget,
  previewRelease,
  type ReleaseChoice,
  sendReleaseRequest,
} from '../actions/release.ts';
import { AFTER_FORCED_KEY, AFTER_NEW_KEY, checkNewKey, keyIn, storeCheckedKey } from '../actions/store-key.ts';
import { addVerdicts, planSubmit, planText, settledText, submitPlanned, submittedText } from '../actions/submit.ts';
import { shortId } from '../builds/build-view.ts';
import { printable } from '../console.ts';
import { type OperatorError, remedyText, usageError } from '../operator-error.ts';
import { chosenParameter, verdictText } from '../stack/api-keys.ts';
import { type DeadLetterReason, NO_REASON } from '../stack/dead-letters.ts';
import { readParameter } from '../stack/parameters.ts';
import type { Stack } from '../stack/stack.ts';
import { plural } from '../units.ts';
import type { ActionRequest, Done, Plan } from './board-api.ts';

const text = v.pipe(v.string(), v.nonEmpty(), v.maxLength(4_096));
const isAsked = v.exactOptional(v.boolean());
const deadLetters = {
  builds: v.exactOptional(v.pipe(v.array(text), v.minLength(1), v.maxLength(1_000))),
  reason: v.exactOptional(v.picklist([...Object.keys(REASONS), NO_REASON] as DeadLetterReason[])),
};
export const actionRequest: v.GenericSchema<unknown, ActionRequest> = v.variant('action', [
  v.strictObject({ action: v.literal('release'), build: text, uploadId: v.exactOptional(text) }),
  v.strictObject({ action: v.literal('roll-back'), projectId: text }),
  v.strictObject({ action: v.literal('redrive'), ...deadLetters }),
  v.strictObject({ action: v.literal('discard'), ...deadLetters }),
  v.strictObject({ action: v.literal('submit'), build: text, again: isAsked, check: isAsked }),
  v.strictObject({ action: v.literal('store-key'), parameter: text, key: text, force: isAsked }),
]);
export const confirmedAction = v.strictObject({ request: actionRequest, confirm: text });

/** The request as it has to be. @throws OperatorError (usage), which does not repeat the request: it may have a key in it */
export function parsed<Value>(schema: v.GenericSchema<unknown, Value>, body: unknown): Value {
  const result = v.safeParse(schema, body);
  if (result.success) return result.output;
  const where = result.issues.map((issue) => v.getDotPath(issue) ?? 'the request');
  throw usageError(`This request makes no sense: ${printable(where.join(', '))}.`, 'Reload the page.');
}

/** A plan, and what does it. */
interface Prepared {
  readonly plan: Omit<Plan, 'confirm'>;
  /** What the plan depends on: while it is the same, so is what would be done. */
  readonly depends: unknown;
  readonly run: () => Promise<Done>;
}

/** Uses what was prepared: while it does, no other reader gets the dead letters that are meant. */
type Use<Result> = (prepared: Prepared) => Promise<Result>;

export type Actions = ReturnType<typeof createActions>;

/** Lines of a plan that name single builds; the others are counted. */
const MOST_LINES = 60;

/**
 * The actions of the board, by the code of the tool's commands.
 *
 * @param signal once it is aborted, work ends as soon as nothing is lost
 */
export function createActions(stack: Stack, signal: AbortSignal) {
  const secret = randomBytes(32);
  /** Confirmations that were acted on: none counts twice. */
  const used = new Set<string>();
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other: two that read the dead-letter queue would hide its messages from each other. */
  function prepare<Result>(request: ActionRequest, use: Use<Result>): Promise<Result> {
    const next = last.then(() => prepared(stack, request, signal, use));
    last = next.catch(() => {});
    return next;
  }

  /** A digest that says nothing of what is in it, such as the key; another one for each plan, by its number in front. */
  function confirmOf(request: ActionRequest, { depends }: Prepared, number: string = randomUUID()): string {
    const digest = createHmac('sha256', secret).update(JSON.stringify([number, request, depends]));
    return `${number}.${digest.digest('base64url')}`;
  }

  return {
    /** Says what would be done, and does nothing. */
    plan: (request: ActionRequest): Promise<Plan> =>
      prepare(request, async (each) => ({ ...each.plan, confirm: confirmOf(request, each) })),
    /**
     * Does what a plan has said, or says what has become of the plan.
     *
     * @param confirm of the plan
     */
    perform: (request: ActionRequest, confirm: string): Promise<Done | { readonly changed: Plan }> =>
      prepare(request, async (each) => {
        const isSame = confirm === confirmOf(request, each, confirm.split('.')[0]);
        if (!isSame || used.has(confirm)) return { changed: { ...each.plan, confirm: confirmOf(request, each) } };
        const done = await each.run();
        used.add(confirm);
        return done;
      }),
    /** Resolves once nothing is being done. */
    idle: (): Promise<unknown> => last,
  };
}

async function prepared<Result>(
  stack: Stack,
  request: ActionRequest,
  signal: AbortSignal,
  use: Use<Result>,
): Promise<Result> {
  switch (request.action) {
    case 'release':
      return use(await release(stack, { build: request.build, ...present({ uploadId: request.uploadId }) }));
    case 'roll-back':
      return use(await release(stack, { previousOf: request.projectId }));
    case 'redrive':
    case 'discard':
      return withDeadLetters(stack, request, signal, use);
    case 'submit':
      return use(await submit(stack, request, signal));
    case 'store-key':
      return use(await storeKey(stack, request));
  }
}

async function release(stack: Stack, choice: ReleaseChoice): Promise<Prepared> {
  const target = await findReleaseTarget(stack, choice);
  const { entry, uploadId } = target;
  const { differences, lines, replaces } = await previewRelease(stack, target);
  const early = earlyReleaseNote(target);
  const isLive = replaces?.uploadId === uploadId;
  const isBack = 'previousOf' in choice;
  const name = printable(shortId(entry.id));
  return {
    plan: {
      title: isBack ? `Roll back to ${name}` : `Put ${name} live`,
      lines,
      warnings: [
        ...(isLive ? ['Viewers have this upload already.'] : []),
        ...(early === undefined ? [] : [early]),
        ...differences.map((each) => printable(each.text)),
      ],
      isEmpty: false,
      verb: isBack ? 'Roll back' : 'Put it live',
      isGrave: true,
      command: isBack
        ? stack.commands.releasePrevious(entry.projectId ?? '')
        : stack.commands.release(entry.build, uploadId === entry.uploadId ? undefined : uploadId),
    },
    depends: [entry.id, uploadId, entry.state, replaces?.uploadId, differences],
    async run() {
      const { note } = await sendReleaseRequest(stack, target);
      return { lines: [note, `${name} is released as soon as Streampixel accepts it.`], isPartial: false };
    },
  };
}

function withDeadLetters<Result>(
  stack: Stack,
  { action, builds: names = [], reason }: Extract<ActionRequest, { action: 'redrive' | 'discard' }>,
  signal: AbortSignal,
  use: Use<Result>,
): Promise<Result> {
  const filter = reason === undefined ? {} : { reason: [reason as DeadLetterReason] };
  return withPicked(stack, { filter, names }, signal, (picked) => {
    const { facts, messages } = picked;
    const count = messages.length;
    const all = previewLines(stack, action, facts);
    const lines = all.length > MOST_LINES ? [...all.slice(0, MOST_LINES), `and ${all.length - MOST_LINES} more`] : all;
    const isDiscard = action === 'discard';
    return use({
      plan: {
        title: `${isDiscard ? 'Discard' : 'Redrive'} ${plural(count, 'dead letter')}`,
        lines: lines.map(printable),
        warnings: isDiscard && count > 0 ? ['This cannot be undone. The objects stay in the bucket.'] : [],
        isEmpty: count === 0,
        verb: isDiscard ? 'Delete for good' : 'Send back to the queue',
        isGrave: isDiscard,
        ...present({ command: commandFor(stack.commands, action, names, reason) }),
      },
      depends: messages.map(({ messageId }) => messageId).sort(),
      async run() {
        if (isDiscard) {
          const deleted = await discardPicked(stack, picked, signal);
          return { lines: [discardedText(count, deleted.size)], isPartial: deleted.size < count };
        }
        const report = await redrivePicked(stack, picked);
        return { lines: [redrivenText(count, report)], isPartial: report.left > 0 };
      },
    });
  });
}

function commandFor(
  commands: OperatorCommands,
  action: 'redrive' | 'discard',
  [name, ...others]: readonly string[],
  reason: string | undefined,
): string | undefined {
  if (others.length > 0) return undefined;
  if (name !== undefined) return commands[action]({ of: name });
  return reason === undefined ? undefined : commands[action]({ reasons: [reason] });
}

async function submit(
  stack: Stack,
  { again = false, build, check = true }: Extract<ActionRequest, { action: 'submit' }>,
  signal: AbortSignal,
): Promise<Prepared> {
  const plans = await planSubmit(stack, { name: build, again });
  await addVerdicts(stack, plans, check);
  const chosen = plans.filter(({ message }) => message !== undefined);
  const [only] = chosen;
  const commandOf = again ? stack.commands.submitAgain : check ? stack.commands.submit : stack.commands.submitUnchecked;
  const name = printable(shortId(plans[0]?.id ?? build));
  return {
    plan: {
      title: `Submit ${name}${again ? ' again' : ''}`,
      lines: [
        ...plans.map(({ found: _, ...plan }) => `${plan.message === undefined ? 'skip' : 'submit'}: ${planText(plan)}`),
        submittedText(chosen.length, plans.length, true),
      ],
      warnings: plans.flatMap(({ found = [] }) => found).map(printable),
      isEmpty: chosen.length === 0,
      verb: again ? 'Submit again' : 'Submit',
      isGrave: false,
      ...present({ command: only?.message && commandOf(only.message.build) }),
    },
    depends: plans.map(({ afterwards, id, state, verdict, why }) => [id, why, afterwards, state, verdict]),
    async run() {
      const { sent, settled } = await submitPlanned(stack, chosen, check, signal);
      const lines = [submittedText(sent, plans.length, false), ...settledText(settled)];
      return { lines, isPartial: sent < chosen.length };
    },
  };
}

async function storeKey(
  stack: Stack,
  { force = false, key, parameter: wanted }: Extract<ActionRequest, { action: 'store-key' }>,
): Promise<Prepared> {
  const parameter = chosenParameter(stack.settings.routes, wanted);
  const checked = await checkNewKey(stack, parameter, keyIn(key));
  const { refusal, verdicts } = checked;
  const isStored = refusal === undefined || force;
  const after = refusal === undefined ? `${AFTER_NEW_KEY}.` : AFTER_FORCED_KEY;
  // This profile may be allowed to write it only.
  const stored = await readParameter(stack.clients.ssm, parameter).catch(() => undefined);
  return {
    plan: {
      title: 'Store a new API key',
      lines: [
        ...verdicts.map((each) => printable(`Streampixel, for user ${each.userId}: ${verdictText(each)}`)),
        ...(isStored ? [`Would store it as a new version of ${parameter}.`, after] : []),
      ],
      warnings: refusal === undefined ? [] : [refusal.message, remedyOf(refusal, stack.commands)],
      isEmpty: !isStored,
      verb: refusal === undefined ? 'Store it' : 'Store it all the same',
      isGrave: refusal !== undefined,
      command: stack.commands.storeKey(parameter),
    },
    depends: [stored?.Version, verdicts.map(({ userId, verdict }) => [userId, verdict.kind])],
    async run() {
      const version = await storeCheckedKey(stack, checked, force);
      return { lines: [`Stored as version ${version} of ${parameter}.`, after], isPartial: false };
    },
  };
}

function remedyOf({ remedy }: OperatorError, commands: OperatorCommands): string {
  return remedyText(remedy, commands);
}
