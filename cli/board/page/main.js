import { render } from '/vendor/preact.js';
import { followServer } from './events.js';
import { html } from './html.js';
import { Page } from './page.js';

render(html`<${Page} />`, /** @type {Element} */ (document.getElementById('page')));
followServer();

// What has the focus next is another button: a key that is held down presses none but the first.
addEventListener('keydown', (event) => {
  if (event.repeat && event.key === 'Enter' && /** @type {Element} */ (event.target).closest('button'))
    event.preventDefault();
});
