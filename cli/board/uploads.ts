import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { InvalidArgumentError } from 'commander';
import * as v from 'valibot';
import { buildId } from '../../functions/domain/model/build.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { REASONS } from '../../functions/domain/model/reasons.ts';
import { applyPackageCheck } from '../../functions/domain/package/applied.ts';
import { warningText } from '../../functions/domain/package/package-text.ts';
import { printable } from '../console.ts';
import { type Labels, metadataOf, withLabel } from '../labels.ts';
import { OperatorError, usageError } from '../operator-error.ts';
import { packageRows } from '../screens/package-rows.ts';
import { explained } from '../stack/aws-errors.ts';
import type { Stack } from '../stack/stack.ts';
import { uploadInParts } from '../upload/multipart-upload.ts';
import { keyFor } from '../upload/upload-key.ts';
import type { InspectedBuild } from '../upload/zip-file.ts';
import { type Answer, apiError } from './answers.ts';
import type { Need, NewUpload, StartUpload, UploadState } from './board-api.ts';
import { droppedFileChanged, inspectDropped } from './dropped-files.ts';
import type { Feed } from './feed.ts';

const text = v.pipe(v.string(), v.nonEmpty(), v.maxLength(4_096));
const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const newUpload: v.GenericSchema<unknown, NewUpload> = v.strictObject({
  client: text,
  kind: v.picklist(['zip', 'folder']),
  name: text,
  files: v.array(v.strictObject({ path: text, size })),
});
export const startUpload: v.GenericSchema<unknown, StartUpload> = v.strictObject({
  route: v.exactOptional(v.string()),
  key: v.exactOptional(text),
  labels: v.exactOptional(v.array(text)),
});

/** Uploads that run or are judged at a time: each has four parts in memory. */
const MOST_AT_ONCE = 4;
/** Ended ones that are remembered. */
const MOST_ENDED = 50;
/** How long a page may be away, in ms: a connection that breaks is back within seconds, a page that is closed is not. */
const PATIENCE_MS = 15_000;
/** Least time between two reports of an upload's progress, in ms. */
const REPORT_MS = 250;
/** Before that a speed says nothing, in ms. */
const LEAST_FOR_A_SPEED_MS = 1_000;

/** Bytes that were asked for and have not come yet. */
interface OpenNeed {
  readonly need: Need;
  readonly buffer: Buffer;
  /** The page is sending them. */
  isTaken: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Upload {
  readonly client: string;
  readonly stop: AbortController;
  readonly needs: Map<number, OpenNeed>;
  inspected?: InspectedBuild;
  state: UploadState;
  /** Resolves once nothing is being done for it. */
  work: Promise<void>;
  lastNumber: number;
  reportedAt: number;
}

export type Uploads = ReturnType<typeof createUploads>;

/** Uploads of what people drop on the page, by the tool's own resumable upload. The bytes are in the browser. */
export function createUploads(stack: Stack, feed: Feed) {
  const uploads = new Map<string, Upload>();
  const isOver = ({ state }: UploadState) => ['refused', 'stopped', 'failed', 'done'].includes(state);

  function change(upload: Upload, next: Partial<UploadState>, isMinor = false): UploadState {
    upload.state = { ...upload.state, ...next };
    const now = Date.now();
    if (!isMinor || now - upload.reportedAt >= REPORT_MS) {
      upload.reportedAt = now;
      feed.send(upload.client, 'upload', upload.state);
    }
    return upload.state;
  }

  function failed(upload: Upload, thrown: unknown): void {
    const isStopped = upload.stop.signal.aborted;
    const kept = 'Drop the same files again: the upload continues where it stopped.';
    const known = isStopped ? new OperatorError('Interrupted', 'The upload was interrupted.', kept) : explained(thrown);
    const { error } = apiError(known, stack.commands);
    const isKept = known.code !== 'FileChanged' && known.code !== 'UploadGone';
    const wasUploading = upload.state.state === 'uploading' && !isStopped;
    const remedy = wasUploading && isKept ? `${error.remedy}\nThe upload is kept. ${kept}` : error.remedy;
    change(upload, { state: isStopped ? 'stopped' : 'failed', error: { ...error, remedy } });
  }

  /** Asks the page for bytes and waits for them. */
  function ask(upload: Upload, what: AskedFor, buffer: Buffer): Promise<void> {
    const { signal } = upload.stop;
    signal.throwIfAborted();
    const number = ++upload.lastNumber;
    const need = { upload: upload.state.id, number, ...what } as Need;
    return new Promise<void>((resolve, reject) => {
      const onStop = () => reject(signal.reason);
      signal.addEventListener('abort', onStop, { once: true });
      upload.needs.set(number, { need, buffer, isTaken: false, resolve, reject });
      feed.send(upload.client, 'need', need);
    }).finally(() => upload.needs.delete(number));
  }

  async function judge(upload: Upload, request: NewUpload): Promise<void> {
    try {
      const inspected = await inspectDropped(request, {
        read: (file, from, buffer) => ask(upload, { kind: 'bytes', file, from, to: from + buffer.length }, buffer),
        checkUnchanged: () => ask(upload, { kind: 'check' }, Buffer.alloc(0)),
      });
      upload.inspected = inspected;
      const { facts } = inspected.verdict;
      const { refusals, warnings } = applyPackageCheck(inspected.verdict, stack.settings.packageCheck ?? 'refuse');
      change(upload, {
        state: refusals.length === 0 ? 'ready' : 'refused',
        fileName: inspected.fileName,
        size: inspected.source.size,
        notes: inspected.notes.map(printable),
        verdict: {
          refusals: refusals.map(({ code, detail }) => {
            return { code, text: printable(`${detail} ${REASONS[code].cause}`) };
          }),
          warnings: warnings.map((each) => ({ code: each.code, text: printable(warningText(each)) })),
          facts: packageRows(facts, undefined).filter(([, value]) => value !== ''),
        },
      });
    } catch (error) {
      failed(upload, error);
    }
  }

  async function run(upload: Upload, { source }: InspectedBuild, key: string, labels: Labels): Promise<void> {
    const metadata = Object.keys(labels).length === 0 ? undefined : metadataOf(labels);
    const request = { source, bucket: stack.bucket, key, ...present({ metadata }) };
    const startedAt = Date.now();
    try {
      const object = await uploadInParts(stack.clients.s3, request, upload.stop.signal, (uploaded, resumed) => {
        change(upload, { uploaded, resumed, ...speedOf(uploaded - resumed, source.size - uploaded, startedAt) }, true);
      });
      // A bucket that keeps no versions any more says so.
      const versionId = object.versionId === 'null' ? undefined : object.versionId;
      const build = buildId({ bucket: stack.bucket, key, eTag: object.eTag, ...present({ versionId }) });
      change(upload, { state: 'done', uploaded: source.size, resumed: object.resumed, secondsLeft: 0, build });
      feed.poke();
    } catch (error) {
      failed(upload, error);
    }
  }

  function find(id: string): Upload {
    const upload = uploads.get(id);
    if (upload === undefined) throw new OperatorError('NoUpload', 'There is no such upload.', 'Drop the files again.');
    return upload;
  }

  return {
    /** Begins to judge what was dropped. */
    add(request: NewUpload): UploadState {
      if (!feed.has(request.client)) throw usageError('This page is not connected.', 'Reload it.');
      if ([...uploads.values()].filter(({ state }) => !isOver(state)).length >= MOST_AT_ONCE) {
        throw new OperatorError('TooManyUploads', `${MOST_AT_ONCE} uploads run.`, 'Wait until one of them has ended.');
      }
      for (const [id] of [...uploads].filter(([, { state }]) => isOver(state)).slice(0, -MOST_ENDED))
        uploads.delete(id);
      const id = randomUUID();
      const upload: Upload = {
        client: request.client,
        stop: new AbortController(),
        needs: new Map(),
        state: { id, state: 'judging', name: printable(request.name), notes: [] },
        work: Promise.resolve(),
        lastNumber: 0,
        reportedAt: 0,
      };
      uploads.set(id, upload);
      upload.work = judge(upload, request);
      return upload.state;
    },

    /** @throws OperatorError where it can't be uploaded like this */
    start(id: string, { key: wanted, labels: named = [], route }: StartUpload): UploadState {
      const upload = find(id);
      const { inspected } = upload;
      if (upload.state.state !== 'ready' || inspected === undefined) {
        throw new OperatorError('NotReady', `This upload is ${upload.state.state}.`, 'Drop the files again.');
      }
      const key = keyFor(stack.settings, inspected.fileName, present({ key: wanted, route }));
      const before = [...uploads.values()].find(({ state }) => state.state === 'uploading' && state.key === key);
      // Two would upload into each other. One whose page is gone is what the person continues.
      if (before !== undefined && !feed.has(before.client)) this.stop(before.state.id);
      else if (before !== undefined) {
        const remedy = 'Wait until it has ended, or choose another key.';
        throw new OperatorError('KeyInUse', `An upload to ${printable(key)} is under way on this board.`, remedy);
      }
      const labels = labelsFrom(named);
      change(upload, { state: 'uploading', key, labels, uploaded: 0, resumed: 0 });
      upload.work = run(upload, inspected, key, labels);
      return upload.state;
    },

    stop(id: string): UploadState {
      const upload = find(id);
      if (isOver(upload.state)) return upload.state;
      upload.stop.abort();
      // Nothing waits for a page that is asked for nothing.
      if (upload.state.state === 'ready') failed(upload, undefined);
      return upload.state;
    },

    /** Takes bytes from the page, straight to where they are needed. */
    async put(id: string, number: number, request: IncomingMessage): Promise<Answer> {
      const open = find(id).needs.get(number);
      if (open === undefined || open.isTaken) return { status: 409 };
      const { buffer } = open;
      if (Number(request.headers['content-length'] ?? Number.NaN) !== buffer.length) return { status: 400 };
      open.isTaken = true;
      try {
        let filled = 0;
        for await (const chunk of request as AsyncIterable<Buffer>) filled += chunk.copy(buffer, filled);
        if (filled < buffer.length) return { status: 400 };
      } finally {
        open.isTaken = false;
      }
      open.resolve();
      return { status: 204 };
    },

    /** The page can't give what is needed. */
    refuse(id: string, number: number): Answer {
      const open = find(id).needs.get(number);
      if (open === undefined) return { status: 409 };
      open.reject(droppedFileChanged());
      return { status: 204 };
    },

    /** Ids of those that belong to a page. */
    of(client: string): readonly string[] {
      return [...uploads.values()].filter((each) => each.client === client).map(({ state }) => state.id);
    },

    /** A page has connected, maybe again: it learns what it may have missed. */
    onConnected(client: string): void {
      for (const upload of uploads.values()) {
        if (upload.client !== client) continue;
        feed.send(client, 'upload', upload.state);
        for (const { isTaken, need } of upload.needs.values()) if (!isTaken) feed.send(client, 'need', need);
      }
    },

    /** A page is gone. If it does not come back soon, its uploads stop. */
    onGone(client: string): void {
      setTimeout(() => {
        if (feed.has(client)) return;
        for (const upload of uploads.values()) if (upload.client === client) this.stop(upload.state.id);
      }, PATIENCE_MS).unref();
    },

    /** Resolves once their pages know it. */
    async stopAll(): Promise<void> {
      for (const id of uploads.keys()) this.stop(id);
      await Promise.all([...uploads.values()].map(({ work }) => work));
    },
  };
}

type AskedFor = { kind: 'bytes'; file: number; from: number; to: number } | { kind: 'check' };

/** @param done bytes since `startedAt` @param left bytes */
function speedOf(done: number, left: number, startedAt: number): Pick<UploadState, 'speed' | 'secondsLeft'> {
  const ms = Date.now() - startedAt;
  if (done <= 0 || ms < LEAST_FOR_A_SPEED_MS) return {};
  const speed = Math.round((done / ms) * 1_000);
  return speed === 0 ? {} : { speed, secondsLeft: Math.ceil(left / speed) };
}

/** @throws OperatorError (usage) where one can't be a label */
function labelsFrom(named: readonly string[]): Labels {
  try {
    return named.reduce<Labels>((all, label) => withLabel(label, all), {});
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw usageError(`This is no label. ${error.message}`, 'Correct it.');
  }
}
