/** Files that were dropped on the page: it reads the bytes that the server asks for. */
import { announce } from './announcements.js';
import { post, ServerError, send } from './requests.js';
import { currentState, update } from './state.js';

/**
 * @typedef {import('../board-api.ts').UploadState} UploadState
 * @typedef {import('../board-api.ts').StartUpload} StartUpload
 *
 * @typedef {object} Dropped
 * @property {'zip' | 'folder'} kind
 * @property {string} name
 * @property {readonly { path: string, file: File }[]} files
 */

/** Names this page to the server, which asks it for the bytes of the files that were dropped on it. */
export const client = crypto.randomUUID().replaceAll('-', '');

/** What was dropped, by the id of its upload. @type {Map<string, Dropped>} */
const dropped = new Map();
/** Uploads that start by themselves once their package is judged: they continue an earlier one. @type {Map<string, StartUpload>} */
const resumed = new Map();

/** Closed by the person: after a reconnect the server reports them again. @type {Set<string>} */
const forgotten = new Set();

/** @param {UploadState} upload */
export function applyUpload(upload) {
  if (forgotten.has(upload.id)) return;
  const { uploads } = currentState();
  const before = uploads.find(({ id }) => id === upload.id);
  update({
    uploads: before === undefined ? [upload, ...uploads] : uploads.map((each) => (each === before ? upload : each)),
  });
  if (before?.state !== upload.state) announceState(upload);
  const start = resumed.get(upload.id);
  if (upload.state === 'ready' && start !== undefined) {
    resumed.delete(upload.id);
    startUpload(upload.id, start).catch((error) => showFailure(upload, error));
  }
}

/** @param {UploadState} upload */
function announceState({ name, state }) {
  const texts = { refused: 'was refused by the check', ready: 'is checked', failed: 'failed', done: 'is uploaded' };
  if (state in texts) announce(`${name} ${texts[/** @type {keyof typeof texts} */ (state)]}.`);
}

/**
 * Gives what was dropped to the server, which judges it first.
 *
 * @param {Dropped} drop
 * @param {StartUpload} [start] where it continues an earlier upload
 * @throws ServerError
 */
export async function addUpload(drop, start) {
  const files = drop.files.map(({ file, path }) => ({ path, size: file.size }));
  /** @type {UploadState} */
  const upload = await post('/api/uploads', { client, kind: drop.kind, name: drop.name, files });
  dropped.set(upload.id, drop);
  if (start !== undefined) resumed.set(upload.id, start);
  // The server may have asked for bytes before its answer was read.
  for (const need of early.splice(0)) answerNeed(need);
  const known = currentState().uploads.find(({ id }) => id === upload.id);
  applyUpload(known ?? upload);
}

/** The server reports what becomes of it: its answer may come behind that and be older. @param {string} id @param {StartUpload} start */
export async function startUpload(id, start) {
  await post(`/api/uploads/${id}/start`, start);
}

/** As {@link startUpload}. @param {string} id */
export async function stopUpload(id) {
  await post(`/api/uploads/${id}/stop`, {});
}

/** @param {UploadState} upload whether the server may still need bytes of it */
function isOpen({ state }) {
  return state === 'judging' || state === 'ready' || state === 'uploading';
}

/** Whether the server may still need bytes of what was dropped. */
export function isNeeded() {
  return currentState().uploads.some(isOpen);
}

/** The board was started again, and continues nothing by itself. @param {readonly string[]} known ids of uploads */
export function stopUnknown(known) {
  for (const upload of currentState().uploads) {
    if (isOpen(upload) && !known.includes(upload.id)) applyUpload({ ...upload, state: 'stopped' });
  }
}

/** Whether the page still has the files of an upload, so that it can continue without a new drop. @param {string} id */
export function hasFiles(id) {
  return dropped.has(id);
}

/** Continues a stopped or failed upload with the files that the page still has. @param {UploadState} upload */
export async function resumeUpload({ id, key, labels = {} }) {
  const drop = dropped.get(id);
  if (drop === undefined) return;
  forgetUpload(id);
  const named = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  // Where it was stopped before the person had chosen a key, the page asks again.
  await addUpload(drop, key === undefined ? undefined : { key, labels: named });
}

/** Takes an upload that is over off the page. @param {string} id */
export function forgetUpload(id) {
  dropped.delete(id);
  forgotten.add(id);
  update({ uploads: currentState().uploads.filter((upload) => upload.id !== id) });
}

/** @param {UploadState} upload @param {unknown} error */
function showFailure(upload, error) {
  if (!(error instanceof ServerError)) throw error;
  applyUpload({ ...upload, state: 'failed', error: error.problem });
}

/** @type {import('../board-api.ts').Need[]} */
const early = [];
/** Before bytes that did not arrive are sent again, in ms. */
const RETRY_MS = 2_000;
/** Requests for bytes that are being answered: the server repeats them after a reconnect. @type {Set<string>} */
const answering = new Set();

/** @param {import('../board-api.ts').Need} need */
export async function answerNeed(need) {
  const drop = dropped.get(need.upload);
  if (drop === undefined) return void early.push(need);
  const path = `/api/uploads/${need.upload}/slices/${need.number}`;
  if (answering.has(path)) return;
  answering.add(path);
  let isAgain = false;
  try {
    await send(path, 'PUT', await bytesFor(drop, need));
  } catch (error) {
    if (!(error instanceof ServerError)) await send(path, 'DELETE').catch(() => {});
    else isAgain = error.problem.code === 'Unreachable';
  } finally {
    answering.delete(path);
  }
  const isWanted = () => currentState().uploads.some((upload) => upload.id === need.upload && isOpen(upload));
  // Where only this request was lost, the server still waits for it.
  if (isAgain) setTimeout(() => isWanted() && answerNeed(need), RETRY_MS);
}

/**
 * @param {Dropped} drop
 * @param {import('../board-api.ts').Need} need
 * @returns {Promise<Blob | undefined>}
 * @throws Error where a file can't be read, or not as it was when it was dropped
 */
async function bytesFor({ files }, need) {
  if (need.kind === 'check') {
    for (const { file } of files) await file.slice(0, 1).arrayBuffer();
    return undefined;
  }
  const file = files[need.file]?.file;
  if (file === undefined) throw new Error('there is no such file');
  const bytes = await file.slice(need.from, need.to).arrayBuffer();
  if (bytes.byteLength !== need.to - need.from) throw new Error('the file has become shorter');
  return new Blob([bytes]);
}
