/** What viewers get, project by project. */
import { BuildLink, LabelTags } from './build-parts.js';
import { html, Icon } from './html.js';
import { ask, useShared } from './state.js';
import { printable } from './text.js';
import { Ago, Clock } from './time.js';

/**
 * @typedef {import('../board-api.ts').ProjectRow} ProjectRow
 * @typedef {import('../board-api.ts').LiveUpload} LiveUpload
 * @typedef {import('../board-api.ts').Drop['routes'][number]} Route
 */

/** @param {{ projects: readonly ProjectRow[] }} props */
export function LiveColumn({ projects }) {
  const routes = useShared(({ hello }) => hello?.drop.routes) ?? [];
  const cards = projects.map(
    (project) => html`<li key=${project.projectId}><${ProjectCard} project=${project} routes=${routes} /></li>`,
  );
  return html`<section class="column live-now" aria-labelledby="live">
    <h2 id="live">Live now</h2>
    <ul class="column">${cards}</ul>
  </section>`;
}

/** @param {{ project: ProjectRow, routes: readonly Route[] }} props */
function ProjectCard({ project, routes }) {
  const { before, canGoBack, dashboardUrl, live, previous, projectId } = project;
  const prefixes = routes.filter((route) => route.projectId === projectId).map(({ prefix }) => prefix);
  const isNamed = prefixes.some((prefix) => prefix !== '');
  const id =
    dashboardUrl === undefined
      ? projectId
      : html`<a href=${dashboardUrl} target="_blank" rel="noreferrer">${projectId}</a>`;
  return html`<article class=${live === undefined ? 'card' : 'card live'}>
    <h3>${isNamed ? printable(prefixes.join(', ')) : 'Project'} <span class="quiet small">${id}</span></h3>
    ${live === undefined ? html`<p class="quiet">Nothing is known to be live. The next build that goes live is shown here.</p>` : html`<${LiveNow} live=${live} />`}
    ${previous !== undefined && html`<${Previous} previous=${previous} canGoBack=${canGoBack} projectId=${projectId} />`}
    ${before.length > 1 && html`<details class="small"><summary>Live before</summary><ul class="rows">${before.map((each) => html`<${Before} key=${`${each.uploadId}${each.since}`} upload=${each} />`)}</ul></details>`}
  </article>`;
}

/** @param {{ live: NonNullable<ProjectRow['live']> }} props */
function LiveNow({ live }) {
  return html`
    <p><span class="status good"><${Icon} name="live" /> live</span></p>
    <p><${UploadName} upload=${live} big /></p>
    <${LabelTags} labels=${live.labels} />
    <p class="small quiet">since <${Clock} at=${live.since} />, <${Ago} at=${live.since} />, ${printable(live.byText)}</p>
  `;
}

/** @param {{ previous: LiveUpload, canGoBack: boolean, projectId: string }} props */
function Previous({ canGoBack, previous, projectId }) {
  return html`<div class="between before">
    <p class="small"><span class="quiet">Before:</span> <${UploadName} upload=${previous} /></p>
    ${canGoBack && html`<button type="button" onClick=${() => ask({ action: 'roll-back', projectId })}><${Icon} name="past" /> Roll back<span class="unseen"> to ${printable(previous.key ?? previous.uploadId)}</span></button>`}
  </div>`;
}

/** @param {{ upload: LiveUpload }} props */
function Before({ upload }) {
  return html`<li><${UploadName} upload=${upload} /> <span class="quiet">until ${upload.until !== undefined && html`<${Clock} at=${upload.until} />`}</span></li>`;
}

/** @param {{ upload: LiveUpload, big?: boolean }} props */
function UploadName({ big = false, upload: { build, key, uploadId } }) {
  if (build !== undefined) return html`<${BuildLink} big=${big} id=${build} name=${key ?? build} />`;
  return html`<span class=${big ? 'name big' : 'name'}>an upload that this pipeline did not make</span> <span class="quiet">${printable(uploadId)}</span>`;
}
