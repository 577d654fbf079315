import { render } from '/vendor/preact.js';
import { followServer } from './events.js';
import { html } from './html.js';
import { Page } from './page.js';

render(html`<${Page} />`, /** @type {Element} */ (document.getElementById('page')));
followServer();
