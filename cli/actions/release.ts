import { randomUUID } from 'node:crypto';
import { createSqsFollowQueue } from '../../functions/adapters/sqs-follow-queue.ts';
import { isAtStreampixel, RELEASE_PATIENCE_MS } from '../../functions/domain/model/following-transitions.ts';
import type { LedgerEntry, Release } from '../../functions/domain/model/ledger-entry.ts';
import { type LiveSpan, liveSpans } from '../../functions/domain/model/live.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { keyParameterOf } from '../../functions/domain/model/route.ts';
import type { OperatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import type { Difference } from '../../functions/domain/package/differences.ts';
import { statusOf } from '../builds/build-status.ts';
import { differencesFromLive, nameOfLive, readLive, whenLive } from '../builds/live.ts';
import { findBuild } from '../builds/search.ts';
import { adviceText, STATUS_DISPLAY } from '../builds/status-display.ts';
import { printable } from '../console.ts';
import { OperatorError, usageError } from '../operator-error.ts';
import type { Stack } from '../stack/stack.ts';
import { listed, span } from '../units.ts';

/** What is to go live. */
export interface ReleaseTarget {
  readonly entry: LedgerEntry;
  /** The last upload of the build, or an earlier one. */
  readonly uploadId: string;
  /** The person goes back to what was live before. */
  readonly stepsBack?: true;
}

/** A build by its name, or what was live before in a project. */
export type ReleaseChoice =
  | { readonly build: string; readonly uploadId?: string }
  /** Without `projectId` that of the only route. */
  | { readonly previousOf: string | undefined };

/**
 * What a person wants to be live, once it is known that Streampixel can be asked for it.
 *
 * @throws OperatorError where it can't
 */
export async function findReleaseTarget(stack: Stack, choice: ReleaseChoice): Promise<ReleaseTarget> {
  const target =
    'build' in choice
      ? await namedBuild(stack, choice.build, choice.uploadId)
      : await previousBuild(stack, choice.previousOf);
  const { entry } = target;
  if (keyParameterOf(stack.settings.routes, entry) === undefined) {
    throw new OperatorError(
      'NoRoute',
      `No route has a key of user ${entry.userId} any more.`,
      (commands) =>
        `Release the build on the dashboard. Or add a route of the user to ${commands.settingsPlace()}, and deploy: ${commands.deploy()}`,
    );
  }
  return target;
}

/** As `--json` prints it. */
export function releaseFacts({ entry, uploadId }: ReleaseTarget) {
  const { id: build, projectId, releaseMode, state, userId } = entry;
  return { build, projectId, userId, uploadId, state, releaseMode };
}

/** What a person should know of a build that Streampixel has not approved. */
export function earlyReleaseNote({ entry, uploadId }: ReleaseTarget): string | undefined {
  return entry.state === 'submitted' && uploadId === entry.uploadId
    ? `It is not approved yet: until it is, the request is tried again, for up to ${span(RELEASE_PATIENCE_MS)}.`
    : undefined;
}

/** What a release would do. */
export interface ReleasePreview {
  /** What viewers get now, where that is known. */
  readonly replaces?: LiveSpan;
  readonly differences: readonly Difference[];
  readonly lines: readonly string[];
}

export async function previewRelease({ ledger }: Stack, { entry, uploadId }: ReleaseTarget): Promise<ReleasePreview> {
  const { id: build, projectId } = entry;
  const differences = await differencesFromLive(ledger, entry);
  const live = liveSpans(await ledger.liveOf(projectId ?? '')).at(-1);
  const now = live && `${nameOfLive(live)}, live ${whenLive(live)}, upload id ${live.uploadId}`;
  return {
    ...present({ replaces: live }),
    differences,
    lines: [
      printable(`Would put ${build} live, upload id ${uploadId}.`),
      printable(`It replaces what viewers of project ${projectId} get now${now === undefined ? '.' : `: ${now}.`}`),
    ],
  };
}

/**
 * Requests the release. Where one of the same upload is still in progress, that is the request.
 *
 * @returns its id, and what happened in a sentence
 */
export async function sendReleaseRequest(
  { caller, clients, followQueueUrl }: Stack,
  { entry: { id: build, release: last }, stepsBack, uploadId }: ReleaseTarget,
): Promise<{ readonly requestId: string; readonly note: string }> {
  const requestedAt = Date.now();
  if (last?.uploadId === uploadId && isInProgress(last, requestedAt)) {
    const by = last.by === 'person' ? `by ${printable(last.requestedBy ?? 'a person')}` : 'after its approval';
    const note = `It was requested ${span(requestedAt - last.requestedAt)} ago ${by}: no second request is sent.`;
    return { requestId: last.requestId, note };
  }
  const requestId = `person/${randomUUID()}`;
  const queue = createSqsFollowQueue(clients.sqs, followQueueUrl);
  const requester = present({ requestedBy: await caller(), stepsBack });
  await queue.send({ kind: 'release', build, uploadId, requestId, by: 'person', ...requester, requestedAt });
  return { requestId, note: 'Requested.' };
}

/** A request is tried for some time and then fails. One that is older and has not ended has lost its message. */
function isInProgress({ requestedAt, state }: Release, now: number): boolean {
  return (state === 'requested' || state === 'calling') && now - requestedAt < 2 * RELEASE_PATIENCE_MS;
}

/** The build that a person names, and its upload: where the name is the id of an earlier upload, that one is meant. */
async function namedBuild(stack: Stack, name: string, wantedUpload: string | undefined): Promise<ReleaseTarget> {
  const entry = await findBuild(stack, name);
  const uploadId = wantedUpload ?? entry.formerUploadIds?.find((each) => each === name);
  return { entry, uploadId: releasableUpload(entry, uploadId) };
}

/**
 * What was live before in a project.
 *
 * @param wanted the project, where the routes have several
 * @throws OperatorError where nothing is known to have been live before, or the ledger has forgotten it
 */
async function previousBuild(stack: Stack, wanted: string | undefined): Promise<ReleaseTarget> {
  const projects = await readLive(stack, wanted);
  const [project, ...others] = projects;
  if (project === undefined || others.length > 0) {
    const each = projects.map(({ projectId }) => stack.commands.releasePrevious(projectId));
    throw usageError(
      'Say which project goes back: --project ID.',
      `These are in the routes:\n  ${listed(each, '\n  ')}`,
    );
  }
  const { live, previous, projectId } = project;
  if (previous === undefined) {
    const known =
      live === undefined ? 'nothing is known to be live' : `nothing is known from before ${nameOfLive(live)}`;
    const text = printable(`Project ${projectId} can't go back: ${known}.`);
    throw new OperatorError(
      'NothingBefore',
      text,
      `Release another build by its id, or on the dashboard.\nSee: ${stack.commands.live()}`,
    );
  }
  const { build, uploadId } = previous;
  const entry = build === undefined ? undefined : await stack.ledger.find(build);
  if (entry === undefined) {
    const why = build === undefined ? '' : ' The ledger no longer has it: it keeps builds for 90 days.';
    const remedy = `Put the upload ${uploadId} of project ${projectId} live on the dashboard.`;
    throw new OperatorError(
      'ForgottenBuild',
      printable(`What was live before is ${nameOfLive(previous)}.${why}`),
      printable(remedy),
    );
  }
  return { entry, uploadId: releasableUpload(entry, uploadId), stepsBack: true };
}

/**
 * The upload that is to be released.
 *
 * @throws OperatorError where Streampixel does not have it, or has rejected it
 */
function releasableUpload(entry: LedgerEntry, wanted: string | undefined): string {
  const { formerUploadIds = [], id, uploadId } = entry;
  if (wanted !== undefined && wanted !== uploadId) {
    if (formerUploadIds.includes(wanted)) return wanted;
    const all = [uploadId ?? [], formerUploadIds].flat();
    const remedy = all.length === 0 ? 'It has none yet.' : `It has: ${all.join(', ')}`;
    throw new OperatorError('UnknownUpload', `${printable(id)} has no upload id ${printable(wanted)}.`, remedy);
  }
  const status = statusOf(entry, true);
  const earlier = formerUploadIds.at(-1);
  const remedy = (commands: OperatorCommands) =>
    `${adviceText(entry, status, commands)}${earlier === undefined ? '' : `\nIts upload before: ${commands.release(entry.build, earlier)}`}`;
  if (!isAtStreampixel(entry)) {
    throw new OperatorError(
      'NotAtStreampixel',
      `Streampixel does not have ${printable(id)}: it is ${entry.state}.`,
      remedy,
    );
  }
  if (status === 'rejected') {
    const message = STATUS_DISPLAY.rejected.message?.(entry).join(': ') ?? '';
    const text = `Streampixel has rejected ${printable(id)} and does not distribute rejected builds.\n${printable(message)}`;
    throw new OperatorError('Rejected', text, remedy);
  }
  return entry.uploadId;
}
