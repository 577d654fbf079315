/** What finished last. */
import { BuildLink, Status } from './build-parts.js';
import { html } from './html.js';
import { buildsAddress } from './route.js';
import { Ago } from './time.js';

/** @param {{ builds: readonly import('../board-api.ts').BuildRow[] }} props */
export function FinishedColumn({ builds }) {
  const rows = builds.map(
    (row) => html`<li key=${row.id} class="between">
      <span><${BuildLink} id=${row.id} name=${row.name} /> <span class="small quiet"><${Ago} at=${row.changedAt} /></span></span>
      <${Status} row=${row} />
    </li>`,
  );
  return html`<section class="column finished" aria-labelledby="finished">
    <h2 id="finished">Finished lately</h2>
    <div class="card">
      ${rows.length === 0 ? html`<p class="quiet">Nothing yet.</p>` : html`<ul class="rows">${rows}</ul>`}
      <p class="small"><a href=${buildsAddress({})}>All builds</a></p>
    </div>
  </section>`;
}
