/** The whole page: its head, the part that the address names, and the dialog that is open. */
import { useEffect, useLayoutEffect, useRef, useState } from '/vendor/hooks.js';
import { ActionDialog } from './action-dialog.js';
import { useSpeaker } from './announcements.js';
import { BuildPage } from './build-page.js';
import { BuildsPage } from './builds-page.js';
import { DropTarget } from './drop-target.js';
import { Head } from './head.js';
import { html } from './html.js';
import { KeyDialog } from './key-dialog.js';
import { useRoute } from './route.js';
import { StartPage } from './start-page.js';
import { currentState, update, useShared } from './state.js';
import { printable } from './text.js';

export function Page() {
  const route = useRoute();
  const hello = useShared((state) => state.hello);
  const dialog = useShared((state) => state.dialog);
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const isFirst = useRef(true);
  const address = `${route.name}?${route.query}`;
  useLayoutEffect(() => {
    // The address that the page was opened with needs no move of the focus.
    if (isFirst.current) isFirst.current = false;
    else {
      scrollTo(0, 0);
      main.current?.focus();
    }
  }, [address]);
  const close = () => {
    // The browser says late that it has closed one: by then the next may be open.
    if (currentState().dialog === dialog) update({ dialog: undefined });
  };
  const canAct = hello !== undefined && !hello.readOnly;
  return html`
    <a class="unseen skip" href="#main" onClick=${(/** @type {Event} */ event) => {
      event.preventDefault();
      main.current?.focus();
    }}>To the content</a>
    <${Head} route=${route} />
    <main id="main" ref=${main} tabindex="-1">
      <${Problems} />
      ${route.name === 'start' && html`<${StartPage} />`}
      ${route.name === 'builds' && html`<${BuildsPage} key=${address} query=${route.query} />`}
      ${route.name === 'build' && html`<${BuildPage} key=${address} id=${route.query.get('id') ?? ''} />`}
    </main>
    ${canAct && html`<${DropTarget} />`}
    ${dialog?.kind === 'action' && html`<${ActionDialog} key=${dialog.number} request=${dialog.request} onClose=${close} />`}
    ${dialog?.kind === 'key' && html`<${KeyDialog} key=${dialog.number} parameters=${dialog.parameters} onClose=${close} />`}
    <${Speaker} />
  `;
}

/** What keeps the page from being up to date. */
function Problems() {
  const connection = useShared((state) => state.connection);
  const trouble = useShared((state) => state.trouble);
  return html`
    ${connection === 'lost' && html`<p class="notice" role="alert">The connection to the board is lost: what you see may be old. Trying again. If the board has ended, start it again and open the address that it prints.</p>`}
    ${connection === 'ended' && html`<p class="notice" role="alert">The board has ended. Start it again in the terminal, and open the address that it prints.</p>`}
    ${trouble !== null && html`<div class="notice red" role="alert"><p>${printable(trouble.message)}</p><p class="outside lines">${trouble.remedy}</p></div>`}
  `;
}

/** Where screen readers look for news. */
function Speaker() {
  const [text, setText] = useState('');
  useEffect(() => useSpeaker(setText), []);
  return html`<div class="unseen" role="status">${printable(text)}</div>`;
}
