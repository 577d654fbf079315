import { html } from './html.js';
import { ServerError } from './requests.js';
import { printable } from './text.js';

/**
 * What went wrong, and what to do.
 *
 * @param {{ problem: unknown }} props a ServerError, or what it is made of
 */
export function ProblemText({ problem }) {
  const { message, remedy } = /** @type {import('./state.js').Problem} */ (
    problem instanceof ServerError ? problem.problem : problem instanceof Error ? { message: problem.message } : problem
  );
  return html`<div class="notice red" role="alert">
    <p class="outside" dir="auto">${printable(message)}</p>
    ${remedy && html`<p class="small lines">${remedy.split('\n').map((line) => html`<span>${printable(line)}</span>`)}</p>`}
  </div>`;
}
