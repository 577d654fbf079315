import { render } from '/vendor/preact.js';
import { connect } from './events.js';
import { html } from './html.js';
import { Page } from './page.js';

render(html`<${Page} />`, /** @type {Element} */ (document.getElementById('page')));
connect();
