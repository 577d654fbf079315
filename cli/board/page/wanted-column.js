/** What waits for a person: releases, failed builds, settings that are missing. */
import { BuildActions, BuildLink, LabelTags, Outside } from './build-parts.js';
import { html, Icon } from './html.js';
import { buildsAddress } from './route.js';
import { ask, openDialog } from './state.js';
import { plural, printable } from './text.js';
import { Ago } from './time.js';

/**
 * @typedef {import('../board-api.ts').Summary} Summary
 * @typedef {import('../board-api.ts').FailedGroup} FailedGroup
 * @typedef {import('../board-api.ts').BuildRow} BuildRow
 */

/** Builds of one group that are named. */
const NAMED_IN_GROUP = 5;

/** How many things wait for a person. @param {Summary} summary */
export function countWanted({ failed, notices, waitsForPerson }) {
  return waitsForPerson.count + failed.reduce((sum, { builds }) => sum + builds.count, 0) + notices.length;
}

/** @param {{ summary: Summary }} props */
export function WantedColumn({ summary }) {
  const { deadLetters, failed, notices, waitsForPerson } = summary;
  return html`<section class="column wanted-now" aria-labelledby="wanted">
    <h2 id="wanted">Waits for you</h2>
    ${countWanted(summary) === 0 && html`<p class="card empty">Nothing waits for you.</p>`}
    ${waitsForPerson.count > 0 && html`<${ToRelease} builds=${waitsForPerson} />`}
    ${failed.map((group) => html`<${Failed} key=${`${group.kind} ${group.reason}`} group=${group} />`)}
    ${notices.map(({ command, text }) => html`<div class="card wanted" key=${text}><p class="outside">${printable(text)}</p>${command !== undefined && html`<code class="command">${command}</code>`}</div>`)}
    ${deadLetters.hidden > 0 && html`<p class="small quiet">${plural(deadLetters.hidden, 'dead letter')} hidden while another command reads them.</p>`}
  </section>`;
}

/** @param {{ builds: Summary['waitsForPerson'] }} props */
function ToRelease({ builds: { count, items } }) {
  const rows = items.slice(0, NAMED_IN_GROUP).map(
    (row) => html`<li key=${row.id} class="stack">
      <p><${BuildLink} id=${row.id} name=${row.name} /></p>
      <${LabelTags} labels=${row.labels} />
      <p class="small quiet">approved <${Ago} at=${row.changedAt} />${row.warningCount > 0 && html`, ${plural(row.warningCount, 'warning')}`}</p>
      <${BuildActions} row=${row} leaveOut=${['submit-again']} />
    </li>`,
  );
  return html`<article class="card wanted">
    <h3><${Icon} name="person" /> Approved: release ${count === 1 ? 'it' : 'them'} when viewers should get ${count === 1 ? 'it' : 'them'} <span class="count">${count}</span></h3>
    <ul class="rows">${rows}</ul>
    <${Others} count=${count - rows.length} status="waits-for-person" />
  </article>`;
}

/** @param {{ group: FailedGroup }} props */
function Failed({ group }) {
  const { builds, cause, command, kind, reason, remedy, title } = group;
  const rows = builds.items.slice(0, NAMED_IN_GROUP).map(
    (row) => html`<li key=${row.id} class="stack">
      <p><${BuildLink} id=${row.id} name=${row.name} /> <span class="small quiet"><${Ago} at=${row.changedAt} /></span></p>
      ${row.problem !== undefined && html`<${Outside} text=${row.problem} className="small clip" />`}
      ${kind !== 'dead-lettered' && html`<${BuildActions} row=${row} />`}
    </li>`,
  );
  return html`<article class="card failed">
    <h3><${Icon} name="failed" /> ${printable(title)} <span class="count">${builds.count}</span></h3>
    <p class="small">${printable(cause)}</p>
    <p class="small"><b>What to do:</b> ${printable(remedy)}</p>
    <${GroupActions} group=${group} />
    ${group.actions.length === 0 && command !== undefined && html`<code class="command">${command}</code>`}
    <ul class="rows">${rows}</ul>
    <${Others} count=${builds.count - rows.length} status=${kind === 'unexplained' ? 'dead-lettered' : kind} q=${kind === 'dead-lettered' ? reason : ''} />
  </article>`;
}

/** @type {Readonly<Record<FailedGroup['actions'][number], string>>} */
const GROUP_ACTIONS = { 'store-key': 'Store a new key', redrive: 'Redrive', discard: 'Discard' };

/** @param {{ group: FailedGroup }} props */
function GroupActions({ group: { actions, builds, parameters, reason, title } }) {
  if (actions.length === 0) return null;
  const act = (/** @type {FailedGroup['actions'][number]} */ action) =>
    action === 'store-key' ? openDialog({ kind: 'key', parameters }) : ask({ action, reason });
  const buttons = actions.map((action, index) => {
    const look = action === 'discard' ? 'danger' : index === 0 ? 'main' : '';
    const all = builds.count > 1 && action !== 'store-key' ? ' all' : '';
    return html`<button type="button" key=${action} class=${look} onClick=${() => act(action)}>
      ${action === 'store-key' && html`<${Icon} name="key" />`}${GROUP_ACTIONS[action]}${all}<span class="unseen"> for ${printable(title)}</span>
    </button>`;
  });
  return html`<div class="row">${buttons}</div>`;
}

/** @param {{ count: number, status: string, q?: string }} props */
function Others({ count, q = '', status }) {
  return (
    count > 0 &&
    html`<p class="small"><a href=${buildsAddress({ status, q })}>and ${plural(count, 'more build')}</a></p>`
  );
}
