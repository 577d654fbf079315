/** What the server of the board reports by itself. */
import { announceChanges } from './announcements.js';
import { currentState, update } from './state.js';
import { answerNeed, applyUpload, client } from './uploads.js';

/** The server says at least every 10 s that it is alive; in ms. */
const SILENCE_MS = 35_000;
const RETRY_MS = 2_000;

/** Receives what the server reports, and connects again where the connection is lost. */
export function connect() {
  const source = new EventSource(`/api/events?client=${client}`);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let silence;
  const again = () => {
    clearTimeout(silence);
    source.close();
    if (currentState().connection === 'ended') return;
    update({ connection: 'lost' });
    setTimeout(connect, RETRY_MS);
  };
  const isAlive = () => {
    clearTimeout(silence);
    silence = setTimeout(again, SILENCE_MS);
  };
  /** @param {string} name @param {(data: any) => void} apply */
  const on = (name, apply) =>
    source.addEventListener(name, ({ data }) => {
      isAlive();
      apply(JSON.parse(data));
    });
  source.addEventListener('error', again);
  on('hello', (hello) => update({ hello, connection: 'open' }));
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
    source.close();
    clearTimeout(silence);
  });
  isAlive();
}
