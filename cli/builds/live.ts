import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { type LiveRecord, type LiveSpan, liveBefore, liveSpans } from '../../functions/domain/model/live.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import type { Labels } from '../../functions/domain/model/package-verdict.ts';
import { type ComparedBuild, type Difference, differences } from '../../functions/domain/package/differences.ts';
import type { Ledger } from '../../functions/domain/ports.ts';
import { unknownProject } from '../operator-error.ts';
import type { Stack } from '../stack/stack.ts';
import { iso } from '../units.ts';

/** How often the last builds that were live before are named. */
const NAMED_BEFORE = 10;

/** What the viewers of a project get. Times in ms since the epoch. */
export interface ProjectLive {
  readonly projectId: string;
  /** Absent where nothing is known to have gone live. */
  readonly live?: LiveSpan;
  /** Of what is live, while the ledger has the build. */
  readonly labels?: Labels;
  /** What was live before, newest first. */
  readonly before: readonly LiveSpan[];
  /** What `release --previous` puts live. */
  readonly previous?: LiveSpan;
}

/** @throws OperatorError for a project that neither the settings nor the ledger know */
export async function readLive({ ledger, settings }: Stack, wanted?: string): Promise<readonly ProjectLive[]> {
  const own = new Set(settings.routes.map(({ projectId }) => projectId));
  const read = async (projectId: string): Promise<ProjectLive> => {
    const record = await ledger.liveOf(projectId);
    const [live, ...before] = liveSpans(record).toReversed();
    const previous = liveBefore(record);
    const labels = (await entryOf(ledger, live))?.labels;
    return { projectId, before: before.slice(0, NAMED_BEFORE), ...present({ live, labels, previous }) };
  };
  const projects = await Promise.all((wanted === undefined ? [...own] : [wanted]).map(read));
  if (wanted !== undefined && !own.has(wanted) && projects[0]?.live === undefined) {
    throw unknownProject(wanted, [...own]);
  }
  return projects;
}

/** When uploads of one build were, or are, live. */
export interface BuildLive {
  /** Its last upload. */
  readonly own?: LiveSpan;
  /** An earlier upload that is live now. */
  readonly earlier?: LiveSpan;
}

export function liveOfBuild(record: LiveRecord, { formerUploadIds = [], uploadId }: LedgerEntry): BuildLive {
  const spans = liveSpans(record);
  const now = spans.at(-1);
  return present({
    own: spans.findLast((span) => span.uploadId === uploadId),
    earlier: now !== undefined && formerUploadIds.includes(now.uploadId) ? now : undefined,
  });
}

/** The entry of what was live; builds leave the ledger some time after their last change. */
async function entryOf(ledger: Pick<Ledger, 'find'>, span: LiveSpan | undefined): Promise<LedgerEntry | undefined> {
  return span?.build === undefined ? undefined : ledger.find(span.build);
}

/** What is so different from the build that viewers of its project have now that it may be a mistake. */
export async function differencesFromLive(
  ledger: Pick<Ledger, 'find' | 'liveOf'>,
  entry: LedgerEntry,
): Promise<readonly Difference[]> {
  if (entry.projectId === undefined) return [];
  const live = await entryOf(ledger, liveSpans(await ledger.liveOf(entry.projectId)).at(-1));
  return live === undefined || live.id === entry.id ? [] : differences(comparedBuild(live), comparedBuild(entry));
}

function comparedBuild({ build, package: facts }: LedgerEntry): ComparedBuild {
  return present({ size: build.size, package: facts });
}

/** A build without an upload was never live. */
export async function readBuildLive(ledger: Pick<Ledger, 'liveOf'>, entry: LedgerEntry): Promise<BuildLive> {
  const { formerUploadIds, projectId, uploadId } = entry;
  if (projectId === undefined || (uploadId ?? formerUploadIds) === undefined) return {};
  return liveOfBuild(await ledger.liveOf(projectId), entry);
}

/** As `--json` prints it. */
export function liveFacts({ at, build, by, key, requestedBy, until, uploadId }: LiveSpan) {
  return { build, key, uploadId, since: iso(at), until: iso(until), by, requestedBy };
}

/** The upload's name for people. Print it with `printable` only: a person chose the key. */
export function nameOfLive({ build, uploadId }: LiveSpan): string {
  return build ?? `an upload that this pipeline did not make, upload id ${uploadId}`;
}

export function byWhom({ by, requestedBy = 'a person' }: LiveSpan): string {
  switch (by) {
    case 'approval':
      return 'by its approval';
    case 'person':
      return `by ${requestedBy}`;
    case 'streampixel':
      return 'by Streampixel, on the dashboard for example';
  }
}

/** `since` or `until` a time in ISO 8601. */
export function whenLive({ at, until }: LiveSpan): string {
  return until === undefined ? `since ${iso(at)}` : `until ${iso(until)}`;
}
