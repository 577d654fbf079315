import type { LedgerEntry } from '../model/ledger-entry.ts';
import { describeError } from '../model/redaction.ts';
import type { FollowVisit } from './visit.ts';

/** Puts a build's outcome on its S3 object where the settings say so. A failure stops nothing: the ledger has the outcome. */
export async function tagObject(
  { build, id, uploadId = '' }: LedgerEntry,
  status: string,
  { ports: { log, tags }, settings }: FollowVisit,
): Promise<void> {
  if (!settings.tagObjects) return;
  try {
    await tags.add(build, { 'streampixel-status': status, 'streampixel-upload-id': uploadId });
  } catch (error) {
    log.warn('object-not-tagged', { build: id, error: describeError(error) });
  }
}
