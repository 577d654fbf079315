/** Asks for an API key, lets the server check it with Streampixel, and stores it. */
import { useEffect, useRef, useState } from '/vendor/hooks.js';
import { Confirmation } from './action-dialog.js';
import { Dialog } from './dialog.js';
import { html } from './html.js';
import { ProblemText } from './problem-text.js';
import { post } from './requests.js';
import { printable } from './text.js';

/** @typedef {import('../board-api.ts').ActionRequest} ActionRequest */

/** @param {{ parameters: readonly string[], onClose: () => void }} props */
export function KeyDialog({ onClose, parameters }) {
  const [asked, setAsked] = useState(
    /** @type {{ plan: import('../board-api.ts').Plan, request: ActionRequest } | undefined} */ (undefined),
  );
  const [failure, setFailure] = useState(/** @type {unknown} */ (undefined));
  const [isChecking, setIsChecking] = useState(false);
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  // The key is kept no longer than the dialog.
  useEffect(() => () => setAsked(undefined), []);

  async function check(/** @type {SubmitEvent} */ event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    /** @type {ActionRequest} */
    const request = {
      action: 'store-key',
      parameter: String(form.get('parameter')),
      key: String(form.get('key')).trim(),
      ...(form.get('force') === 'on' && { force: true }),
    };
    setIsChecking(true);
    setFailure(undefined);
    try {
      const plan = await post('/api/plan', request);
      if (field.current) field.current.value = '';
      setAsked({ plan, request });
    } catch (error) {
      setFailure(error);
    }
    setIsChecking(false);
  }

  return html`<${Dialog} title=${printable(asked?.plan.title ?? 'Store a new API key')} onClose=${onClose}>
    ${asked !== undefined && html`<${Confirmation} plan=${asked.plan} request=${asked.request} onClose=${onClose} />`}
    ${
      asked === undefined &&
      html`<form onSubmit=${check} autocomplete="off">
      <p class="small quiet">If your team has a key that works, use it: a new one (Streampixel dashboard, account name, Request API Key) cancels the old one everywhere. Builds that the old key stopped are queued again by themselves.</p>
      ${parameters.length === 1 ? html`<input type="hidden" name="parameter" value=${parameters[0]} />` : html`<label class="field">Parameter <select name="parameter">${parameters.map((name) => html`<option key=${name}>${name}</option>`)}</select></label>`}
      <label class="field">API key <input ref=${field} type="password" name="key" required autocomplete="off" spellcheck=${false} /></label>
      ${failure !== undefined && html`<${ProblemText} problem=${failure} /><label class="row"><input type="checkbox" name="force" /> Store it although the check failed</label>`}
      <div class="buttons">
        <button type="button" onClick=${onClose}>Cancel</button>
        <button type="submit" class="main" aria-disabled=${isChecking}>${isChecking ? 'Checking ...' : 'Check it'}</button>
      </div>
    </form>`
    }
  <//>`;
}
