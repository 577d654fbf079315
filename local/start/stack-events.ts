import { present } from '../../functions/domain/model/optional-fields.ts';
import { unreachable } from '../../functions/domain/model/outcome.ts';
import { REASONS, type Reason } from '../../functions/domain/model/reasons.ts';
import type { LogLine } from '../aws/lambda-process.ts';
import type { Published } from '../aws/query-services.ts';
import type { CreatedObject } from '../aws/s3-notifications.ts';
import type { StandInEvent } from '../streampixel/streampixel-stand-in.ts';
import type { DroppedBuild } from './drop-build.ts';
import { buildFields, createEventRecord, eventOfLogLine, type LocalEvent } from './events.ts';

export interface StackEventsOptions {
  readonly onEvent: (event: LocalEvent) => void;
  /** Lines of the functions' logs that are no events. */
  readonly onLog: (line: LogLine) => void;
  readonly onNotice: (notice: string) => void;
  /** What was dropped through the stack itself: its downloads are compared with it. */
  readonly drops: readonly DroppedBuild[];
  /** The distribution that builds may be downloaded from, and its bucket. */
  readonly distribution: () => { readonly domain: string; readonly bucket: string } | undefined;
}

/** Makes events of what the parts of the stack report. */
export function createStackEvents({ onEvent, onLog, onNotice, drops, distribution }: StackEventsOptions) {
  const record = createEventRecord(onEvent);
  const { events, add, addNow } = record;
  return {
    ...record,
    onObjectCreated({ bucket, key, versionId, eTag, size }: CreatedObject, isNotified: boolean): void {
      if (isNotified) addNow('dropped', { ...buildFields({ bucket, key, eTag, versionId }), size });
      else onNotice(`${key} is in the bucket, but it does not match S3's notification: nothing happens to it.`);
    },
    onStandInEvent(event: StandInEvent): void {
      // A distribution's URL names no bucket.
      const address = event.host === distribution()?.domain ? `/${distribution()?.bucket}${event.path}` : event.path;
      const [bucket = '', ...key] = address.slice(1).split('/').map(decodeURIComponent);
      const build = { bucket, key: key.join('/'), ...present({ versionId: event.versionId }) };
      const fields = { ...buildFields(build), uploadId: event.uploadId };
      switch (event.kind) {
        case 'downloaded': {
          const { size, sha256 } = event;
          const dropped = drops.find((candidate) => candidate.build === fields.build);
          const intact = dropped && dropped.size === size && dropped.sha256 === sha256;
          addNow('downloaded', { ...fields, size, sha256, ...present({ intact }) });
          break;
        }
        case 'live':
          addNow('live', { ...fields, by: event.by });
          break;
        case 'approved':
        case 'rejected':
          // The function that receives the webhook logs it.
          break;
        default:
          unreachable(event);
      }
    },
    onPublished({ subject = '', message }: Published): void {
      // An alert is a text for people. It names the build by its id, and its subject starts with the reason.
      const { bucket, key, build } =
        events.findLast((event) => event.build !== undefined && message.includes(event.build)) ?? {};
      const [code = ''] = subject.split(':');
      const reason = code in REASONS ? (code as Reason) : undefined;
      addNow('alert', { ...present({ bucket, key, build, reason }), detail: subject, message });
    },
    onLog(line: LogLine): void {
      const event = line.stream === 'stdout' ? eventOfLogLine(line.text) : undefined;
      if (event === undefined) onLog(line);
      else add(event);
    },
  };
}
