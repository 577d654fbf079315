import type { LedgerEntry } from '../model/ledger-entry.ts';
import { present } from '../model/optional-fields.ts';
import type { LogFields } from '../ports.ts';
import type { Subject } from './build-events.ts';

/** What a build's events are about. */
export function subjectOf({ build, labels, projectId, userId }: LedgerEntry): Subject {
  return { build, ...present({ userId, projectId, labels }) };
}

/** What the alerts on a submitted build name. */
export function alertContext(entry: LedgerEntry) {
  const { build, fileUrl, projectId = '', uploadId = '', userId = '' } = entry;
  return { build, projectId, uploadId, userId, ...packageContext(entry), ...present({ fileUrl }) };
}

/** What the alerts on any build say of what is in it. */
export function packageContext({ labels, package: facts, warnings }: LedgerEntry) {
  return present({ labels, package: facts, warnings: warnings?.length === 0 ? undefined : warnings });
}

/** What the log lines on a submitted build name. */
export function logFields({ build, id, uploadId }: LedgerEntry): LogFields {
  return { build: id, bucket: build.bucket, key: build.key, uploadId };
}
