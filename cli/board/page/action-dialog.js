/** Shows what an action would do, asks, does it, and shows what was done. */
import { useEffect, useLayoutEffect, useRef, useState } from '/vendor/hooks.js';
import { Dialog } from './dialog.js';
import { html, Icon } from './html.js';
import { ProblemText } from './problem-text.js';
import { post } from './requests.js';
import { useShared } from './state.js';
import { printable, withShortNames } from './text.js';

/**
 * @typedef {import('../board-api.ts').Plan} Plan
 * @typedef {import('../board-api.ts').Done} Done
 */

/** @param {{ request: import('../board-api.ts').ActionRequest, onClose: () => void }} props */
export function ActionDialog({ onClose, request }) {
  const [plan, setPlan] = useState(/** @type {Plan | undefined} */ (undefined));
  const [failure, setFailure] = useState(/** @type {unknown} */ (undefined));
  const bucket = useShared(({ hello }) => hello?.drop.bucket) ?? '';
  useEffect(() => {
    post('/api/plan', request).then(setPlan, setFailure);
  }, []);
  return html`<${Dialog} title=${withShortNames(plan?.title ?? 'What will happen', bucket)} onClose=${onClose}>
    ${plan === undefined && failure === undefined && html`<p role="status">Looking at what would happen ...</p>`}
    ${failure !== undefined && html`<${ProblemText} problem=${failure} /><${CloseButton} onClose=${onClose} />`}
    ${plan !== undefined && html`<${Confirmation} plan=${plan} request=${request} onClose=${onClose} />`}
  <//>`;
}

/**
 * A plan, the question, and then what was done.
 *
 * @param {{ plan: Plan, request: import('../board-api.ts').ActionRequest, onClose: () => void, onDone?: () => void }} props
 */
export function Confirmation({ onClose, onDone, plan: first, request }) {
  const [plan, setPlan] = useState(first);
  const [state, setState] = useState(/** @type {'asks' | 'works' | 'has-changed'} */ ('asks'));
  const [done, setDone] = useState(/** @type {Done | undefined} */ (undefined));
  const [failure, setFailure] = useState(/** @type {unknown} */ (undefined));

  const changed = useRef(/** @type {HTMLElement | null} */ (null));
  const button = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    // A key that is pressed once more must not confirm what the person has not read.
    if (state === 'has-changed') changed.current?.focus();
    if (state !== 'works') return undefined;
    const dialog = button.current?.closest('dialog');
    const stay = (/** @type {Event} */ event) => event.preventDefault();
    dialog?.addEventListener('cancel', stay);
    return () => dialog?.removeEventListener('cancel', stay);
  }, [state]);

  async function confirm() {
    setState('works');
    setFailure(undefined);
    try {
      setDone(await post('/api/do', { request, confirm: plan.confirm }));
      onDone?.();
    } catch (/** @type {any} */ error) {
      if (error.body?.plan !== undefined) {
        setPlan(error.body.plan);
        setState('has-changed');
        return;
      }
      setFailure(error);
    }
    setState('asks');
  }

  if (done !== undefined) {
    return html`
      <div role="status" class=${done.isPartial ? 'notice' : 'notice good'}>
        <p><b><${Icon} name=${done.isPartial ? 'warning' : 'done'} /> ${done.isPartial ? 'Done in part' : 'Done'}</b></p>
        <${Lines} lines=${done.lines} />
      </div>
      <${CloseButton} onClose=${onClose} />
    `;
  }
  const isWorking = state === 'works';
  const look = plan.isGrave ? 'main danger' : 'main';
  return html`
    ${state === 'has-changed' && html`<p class="notice" role="alert" ref=${changed} tabindex="-1">Something has changed since. Nothing was done. This is what would happen now:</p>`}
    <${Lines} lines=${plan.lines} />
    ${plan.warnings.map((text) => html`<p class="notice" key=${text}><${Icon} name="warning" /> <span class="outside">${printable(text)}</span></p>`)}
    ${failure !== undefined && html`<${ProblemText} problem=${failure} />`}
    ${plan.command !== undefined && html`<details class="small"><summary>The same in a terminal</summary><code class="command">${plan.command}</code></details>`}
    ${plan.isEmpty && html`<${CloseButton} onClose=${onClose} />`}
    ${
      !plan.isEmpty &&
      html`<div class="buttons">
      <button type="button" aria-disabled=${isWorking} onClick=${() => isWorking || onClose()}>Cancel</button>
      <button type="button" ref=${button} class=${look} aria-disabled=${isWorking} onClick=${(
        /** @type {MouseEvent} */ { detail },
      ) => {
        // The second click of a double-click was not meant for what the first one has brought here.
        if (!isWorking && detail <= 1) confirm();
      }}>${isWorking ? 'Working ...' : plan.verb}</button>
    </div>`
    }
  `;
}

/** @param {{ lines: readonly string[] }} props */
function Lines({ lines }) {
  const bucket = useShared(({ hello }) => hello?.drop.bucket) ?? '';
  return html`<ul class="plan">${lines.map((line, index) => html`<li key=${index} class="outside" dir="auto">${withShortNames(line, bucket)}</li>`)}</ul>`;
}

/** Gets the focus: what had it may be gone. @param {{ onClose: () => void }} props */
function CloseButton({ onClose }) {
  const button = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => button.current?.focus(), []);
  return html`<div class="buttons"><button type="button" ref=${button} class="main" onClick=${onClose}>Close</button></div>`;
}
