import htm from '/vendor/htm.js';
import { h } from '/vendor/preact.js';

/** Templates that preact renders. It writes text as text, whatever is in it. */
export const html = htm.bind(h);

/**
 * A picture beside text that says the same.
 *
 * @param {{ name: string }} props name of a symbol in icons.svg
 */
export function Icon({ name }) {
  return html`<svg class="icon" aria-hidden="true"><use href=${`/icons.svg#${name}`} /></svg>`;
}
