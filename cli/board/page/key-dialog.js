/** Asks for an API key, lets the server check it with Streampixel, and stores it. */
import { useState } from '/vendor/hooks.js';
import { Confirmation } from './action-dialog.js';
import { Dialog } from './dialog.js';
import { html } from './html.js';
import { ProblemText } from './problem-text.js';
import { post } from './requests.js';
import { printable } from './text.js';

/**
 * @typedef {Extract<import('../board-api.ts').ActionRequest, { action: 'store-key' }>} StoreKey
 * @typedef {{ plan: import('../board-api.ts').Plan, request: StoreKey }} Asked
 */

/** The key is kept no longer than the dialog. @param {{ parameters: readonly string[], onClose: () => void }} props */
export function KeyDialog({ onClose, parameters }) {
  const [asked, setAsked] = useState(/** @type {Asked | undefined} */ (undefined));
  const [failure, setFailure] = useState(/** @type {unknown} */ (undefined));
  const [isChecking, setIsChecking] = useState(false);

  /** @param {StoreKey} request */
  async function check(request) {
    setIsChecking(true);
    setFailure(undefined);
    try {
      setAsked({ plan: await post('/api/plan', request), request });
    } catch (error) {
      setFailure(error);
    }
    setIsChecking(false);
  }
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const [parameter, key] = [String(form.get('parameter')), String(form.get('key')).trim()];
    if (!isChecking) check({ action: 'store-key', parameter, key });
  };
  const isRefused = asked?.plan.isEmpty === true && asked.request.force !== true;

  return html`<${Dialog} title=${printable(asked?.plan.title ?? 'Store a new API key')} step=${asked?.plan.confirm} onClose=${onClose}>
    ${asked === undefined && html`<${KeyForm} parameters=${parameters} isChecking=${isChecking} onSubmit=${submit} onClose=${onClose} />`}
    ${asked !== undefined && html`<${Confirmation} key=${asked.plan.confirm} plan=${asked.plan} request=${asked.request} onClose=${onClose} />`}
    ${isRefused && html`<div class="buttons"><button type="button" class="danger" onClick=${() => check({ ...asked.request, force: true })}>Store it all the same</button></div>`}
    ${failure !== undefined && html`<${ProblemText} problem=${failure} />`}
  <//>`;
}

/** @param {{ parameters: readonly string[], isChecking: boolean, onSubmit: (event: SubmitEvent) => void, onClose: () => void }} props */
function KeyForm({ isChecking, onClose, onSubmit, parameters }) {
  return html`<form onSubmit=${onSubmit} autocomplete="off">
    <p class="small quiet">If your team has a key that works, use it: a new one (Streampixel dashboard, account name, Request API Key) cancels the old one everywhere. Builds that the old key stopped are queued again by themselves.</p>
    ${parameters.length === 1 ? html`<input type="hidden" name="parameter" value=${parameters[0]} />` : html`<label class="field">Parameter <select name="parameter">${parameters.map((name) => html`<option key=${name}>${name}</option>`)}</select></label>`}
    <label class="field">API key <input type="password" name="key" required pattern=".*\\S.*" title="An API key" autocomplete="off" spellcheck=${false} /></label>
    <div class="buttons">
      <button type="button" onClick=${onClose}>Cancel</button>
      <button type="submit" class="main" aria-disabled=${isChecking}>${isChecking ? 'Checking ...' : 'Check it'}</button>
    </div>
  </form>`;
}
