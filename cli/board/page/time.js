/** Times that move on by themselves. */
import { useEffect, useState } from '/vendor/hooks.js';
import { html } from './html.js';
import { clockTime, roughSpan, span } from './text.js';

/** @type {Set<(now: number) => void>} */
const watchers = new Set();
setInterval(() => {
  if (document.hidden) return;
  const now = Date.now();
  for (const look of watchers) look(now);
}, 1000);

/**
 * Text that depends on the time: only it is drawn again when it changes.
 *
 * @param {{ text: (now: number) => string }} props
 */
export function Moving({ text }) {
  // A change of the state to the same text draws nothing.
  const [, setShown] = useState('');
  useEffect(() => {
    const look = (/** @type {number} */ now) => setShown(text(now));
    watchers.add(look);
    return () => void watchers.delete(look);
  });
  return text(Date.now());
}

/** @param {{ at: string }} props ISO 8601 */
export function Ago({ at }) {
  const since = Date.parse(at);
  return html`<${Time} at=${at}><${Moving} text=${(/** @type {number} */ now) => `${roughSpan(now - since)} ago`} /><//>`;
}

/** How long it has lasted. @param {{ at: string }} props */
export function For({ at }) {
  const since = Date.parse(at);
  return html`<${Moving} text=${(/** @type {number} */ now) => span(now - since)} />`;
}

/** Until then seconds count, in ms. */
const NEAR_MS = 600_000;

/** @param {{ at: string, due?: string }} props `due`: what to say once it has come */
export function In({ at, due = 'now' }) {
  const then = Date.parse(at);
  return html`<${Moving} text=${(/** @type {number} */ now) => (then <= now ? due : `in ${(then - now < NEAR_MS ? span : roughSpan)(then - now)}`)} />`;
}

/** @param {{ at: string }} props */
export function Clock({ at }) {
  return html`<${Time} at=${at}><${Moving} text=${(/** @type {number} */ now) => clockTime(Date.parse(at), now)} /><//>`;
}

/** @param {{ at: string, children?: unknown }} props */
function Time({ at, children }) {
  return html`<time datetime=${at} title=${new Date(at).toLocaleString('sv-SE')}>${children}</time>`;
}
