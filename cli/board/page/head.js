/** The head of the page: where you are, search, and the connection. */
import { html, Icon } from './html.js';
import { buildsAddress } from './route.js';
import { openDialog, useShared } from './state.js';
import { printable } from './text.js';

/** @param {{ route: import('./route.js').Route }} props */
export function Head({ route }) {
  const hello = useShared((state) => state.hello);
  const keys = hello?.drop.keys ?? [];
  const here = (/** @type {string} */ name) => (route.name === name ? 'page' : undefined);
  return html`<header class="head">
    <a class="brand" href="#/"><img src="/icon.svg" alt="" /> <span>${printable(hello?.stack ?? 'streampixel-drop')}</span></a>
    ${hello !== undefined && html`<span class="tag where">${hello.isLocal ? 'this machine' : printable(hello.region)}</span>`}
    ${hello?.readOnly && html`<span class="tag">read-only</span>`}
    <nav aria-label="Pages">
      <a href="#/" aria-current=${here('start')}>Board</a>
      <a href="#/builds" aria-current=${here('builds')}>All builds</a>
    </nav>
    <${Search} key=${route.query.get('q') ?? ''} text=${route.query.get('q') ?? ''} />
    ${hello !== undefined && !hello.readOnly && keys.length > 0 && html`<button type="button" onClick=${() => openDialog({ kind: 'key', parameters: keys.map(({ parameter }) => parameter) })}><${Icon} name="key" /> API key</button>`}
    <${Connection} />
  </header>`;
}

/** @param {{ text: string }} props */
function Search({ text }) {
  const find = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const { q } = Object.fromEntries(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)));
    location.hash = buildsAddress({ q: String(q).trim() });
  };
  return html`<search>
    <form class="search" onSubmit=${find}>
      <${Icon} name="search" />
      <input type="search" name="q" aria-label="Search by key, label or upload id" placeholder="Key, label or upload id" defaultValue=${text} autocomplete="off" spellcheck=${false} />
    </form>
  </search>`;
}

const CONNECTION_TEXTS = { connecting: 'connecting', open: 'up to date', lost: 'connection lost', ended: 'ended' };

function Connection() {
  const connection = useShared((state) => state.connection);
  const isOld = useShared((state) => state.trouble !== null);
  const isGood = connection === 'open' && !isOld;
  const text = connection === 'open' && isOld ? 'not up to date' : CONNECTION_TEXTS[connection];
  return html`<span class=${isGood || connection === 'connecting' ? 'connection' : 'connection lost'}>${text}</span>`;
}
