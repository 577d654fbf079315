import type { Build } from '../model/build.ts';
import { buildId } from '../model/build.ts';
import type { Stage } from '../model/news.ts';
import { present } from '../model/optional-fields.ts';
import type { Labels, PackageFacts, PackageWarning } from '../model/package-verdict.ts';
import type { Reason, SkipCause } from '../model/reasons.ts';
import type { ReleaseMode } from '../model/route.ts';
import type { EventName } from '../model/telemetry.ts';
import { iso } from '../model/time.ts';

/** What an event is about: as much of it as is known by then. */
export interface Subject {
  readonly build?: Build;
  readonly userId?: string;
  readonly projectId?: string;
  readonly labels?: Labels;
}

/** What pipelines hang on. The schemas of the details are in docs/events. */
export type BuildEvent = { readonly at: number } & (
  | (Named<'Build Submitted'> & {
      readonly subject: Subject;
      readonly uploadId: string;
      /** Absent where the event is sent again: the worker that got the answer may have crashed before it sent the event. */
      readonly status?: number;
      readonly attempt: number;
      readonly possiblyDoubled: boolean;
      readonly autoRelease: boolean;
      readonly package?: PackageFacts;
      readonly warnings?: readonly PackageWarning[];
    })
  | (Named<'Build Skipped'> & { readonly subject: Subject; readonly cause: SkipCause; readonly detail: string })
  | (Named<'Build Dead-Lettered'> & {
      readonly subject: Subject;
      readonly deadLetterId: string;
      readonly reason: Reason;
      readonly detail: string;
      readonly status?: number;
      readonly attempts: number;
      readonly possiblyDoubled: boolean;
    })
  | (Named<'Build Approved'> & {
      readonly subject: Subject;
      readonly uploadId: string;
      readonly releaseMode: ReleaseMode;
      /** From the submission, in s. */
      readonly tookSeconds: number;
    })
  | (Named<'Build Rejected'> & { readonly subject: Subject; readonly uploadId: string; readonly objection: string })
  | (Named<'Build Stuck'> & {
      readonly subject: Subject;
      readonly uploadId: string;
      /** The last stage that Streampixel reported. */
      readonly stage: Stage | null;
      /** When Streampixel last sent a message about it; its submission where it never did. ISO 8601. */
      readonly lastNewsAt: string;
    })
  | (Named<'Build Released'> & {
      readonly subject: Subject;
      readonly uploadId: string;
      readonly by: 'approval' | 'person';
    })
  | (Named<'Api Key Rejected'> & {
      readonly parameter: string;
      readonly version: number;
      readonly userId: string;
      readonly waiting: number;
    })
  | (Named<'Redrive Finished'> & { readonly parameter: string; readonly moved: number; readonly left: number })
);
interface Named<Name extends EventName> {
  readonly name: Name;
}

/** The event's detail as it goes out: flat, versioned, times as ISO 8601. */
export function eventDetail(event: BuildEvent): Record<string, unknown> {
  const { name: _, at, ...rest } = event;
  const { subject = {}, ...facts } = { subject: undefined, ...rest };
  const { build, labels, projectId, userId } = subject;
  const about = present({ build: build && describeBuild(build), userId, projectId, labels });
  return { schemaVersion: 1, at: iso(at), ...about, ...facts };
}

function describeBuild(build: Build): Record<string, unknown> {
  const { bucket, key, versionId, size, droppedAt } = build;
  return { id: buildId(build), bucket, key, versionId, size, droppedAt: iso(droppedAt) };
}
