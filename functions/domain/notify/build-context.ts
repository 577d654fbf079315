import type { LedgerEntry } from '../model/ledger-entry.ts';
import { present } from '../model/optional-fields.ts';
import type { LogFields } from '../ports.ts';
import type { Subject } from './build-events.ts';

/** What a build's events are about. */
export function subjectOf({ build, projectId, userId }: LedgerEntry): Subject {
  return { build, ...present({ userId, projectId }) };
}

/** What the alerts on a submitted build name. */
export function alertContext({ build, fileUrl, projectId = '', uploadId = '', userId = '' }: LedgerEntry) {
  return { build, projectId, uploadId, userId, ...present({ fileUrl }) };
}

/** What the log lines on a submitted build name. */
export function logFields({ build, id, uploadId }: LedgerEntry): LogFields {
  return { build: id, bucket: build.bucket, key: build.key, uploadId };
}
