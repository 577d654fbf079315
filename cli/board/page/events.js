/** What the server of the board reports by itself. */
import { announceChanges } from './announcements.js';
import { currentState, update } from './state.js';
import { answerNeed, applyUpload, client, isNeeded, stopUnknown } from './uploads.js';

/** The server says at least every 10 s that it is alive; in ms. */
const SILENCE_MS = 35_000;
const RETRY_MS = 2_000;

/** @type {EventSource | undefined} */
let source;
/** Until the connection counts as lost, or is tried again. @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Receives what the server reports, while it matters. Browsers open six connections to a server for all tabs together, and with six
 * tabs connected no other request would go through: of the tabs in the background only one stays connected, so that its title is right.
 */
export function followServer() {
  const look = () => {
    if (!document.hidden) return connect();
    navigator.locks.request('unseen', { ifAvailable: true }, (lock) => {
      if (!document.hidden) return undefined;
      if (lock === null) return isNeeded() ? undefined : disconnect();
      connect();
      return new Promise((seen) => document.addEventListener('visibilitychange', seen, { once: true }));
    });
  };
  document.addEventListener('visibilitychange', look);
  look();
}

function disconnect() {
  clearTimeout(timer);
  source?.close();
  source = undefined;
}

function connect() {
  if (source !== undefined || currentState().connection === 'ended') return;
  clearTimeout(timer);
  source = new EventSource(`/api/events?client=${client}`);
  const again = () => {
    disconnect();
    update({ connection: 'lost' });
    timer = setTimeout(connect, RETRY_MS);
  };
  const isAlive = () => {
    clearTimeout(timer);
    timer = setTimeout(again, SILENCE_MS);
  };
  /** @param {string} name @param {(data: any) => void} apply */
  const on = (name, apply) =>
    source?.addEventListener(name, ({ data }) => {
      isAlive();
      apply(JSON.parse(data));
    });
  source.addEventListener('error', again);
  on('hello', (hello) => {
    // The server does not say what has changed while the page was not connected.
    const missed = currentState().hello && { changed: { builds: [], more: true } };
    update({ hello, connection: 'open', ...missed });
    stopUnknown(hello.uploads);
  });
  on('summary', (summary) => {
    announceChanges(currentState().summary, summary);
    update({ summary });
  });
  on('changed', (changed) => update({ changed }));
  on('trouble', (trouble) => update({ trouble }));
  on('alive', () => {});
  on('upload', applyUpload);
  on('need', answerNeed);
  on('end', () => {
    update({ connection: 'ended' });
    disconnect();
  });
  isAlive();
}
