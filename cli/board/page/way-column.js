/** Where the builds are that are not finished: at Streampixel, and in the queue. */
import { BuildLink, LabelTags, Outside, Stages, StageText } from './build-parts.js';
import { html } from './html.js';
import { buildsAddress } from './route.js';
import { bytes, plural, printable } from './text.js';
import { Clock, In } from './time.js';

/**
 * @typedef {import('../board-api.ts').BuildRow} BuildRow
 * @typedef {import('../board-api.ts').Summary} Summary
 */

/** Builds of one lane that are named: those behind it wait for a long time. */
const NAMED_IN_LANE = 6;

/** @param {{ summary: Summary }} props */
export function WayColumn({ summary: { atStreampixel, lanes, unread } }) {
  const waiting = lanes.filter(({ builds }) => builds.count > 0);
  const isEmpty = atStreampixel.count === 0 && waiting.length === 0 && unread === 0;
  return html`<section class="column way" aria-labelledby="way">
    <h2 id="way">On the way</h2>
    ${isEmpty && html`<p class="card empty">No build is on its way.</p>`}
    ${atStreampixel.count > 0 && html`<${AtStreampixel} builds=${atStreampixel} />`}
    ${waiting.map((lane) => html`<${Queue} key=${lane.userId} lane=${lane} isOnly=${lanes.length === 1} />`)}
    ${unread > 0 && html`<p class="card">${plural(unread, 'new upload')} in the bucket, not processed yet.</p>`}
  </section>`;
}

/** @param {{ builds: Summary['atStreampixel'] }} props */
function AtStreampixel({ builds: { count, items } }) {
  const rows = items.map(
    (row) => html`<li key=${row.id} class="stack">
      <p><${BuildLink} id=${row.id} name=${row.name} /></p>
      <${LabelTags} labels=${row.labels} />
      <${Stages} row=${row} />
      <${StageText} row=${row} />
    </li>`,
  );
  return html`<article class="card">
    <h3>At Streampixel <span class="count">${count}</span></h3>
    <ul class="rows">${rows}</ul>
    <${Others} count=${count - items.length} status="under-way" />
  </article>`;
}

/** @param {{ lane: Summary['lanes'][number], isOnly: boolean }} props */
function Queue({ isOnly, lane: { builds, intervalSeconds, lastSlot, userId } }) {
  const named = builds.items.slice(0, NAMED_IN_LANE);
  const rows = named.map(
    (row, index) => html`<li key=${row.id} class=${index === 0 ? 'next' : ''}><${Slot} row=${row} /></li>`,
  );
  return html`<article class="card">
    <h3>Queue <span class="count">${builds.count}</span></h3>
    <p class="small quiet">
      One upload every ${intervalSeconds} s${!isOnly && html` for user ${printable(userId)}`}${lastSlot !== undefined && html`; the last slot is at <${Clock} at=${lastSlot} />`}
    </p>
    <ol class="lane">${rows}</ol>
    <${Others} count=${builds.count - named.length} status="waiting" />
  </article>`;
}

/** @param {{ row: BuildRow }} props */
function Slot({ row }) {
  const { expectedAt, problem, size, slot } = row;
  return html`
    <p class="between">
      <${BuildLink} id=${row.id} name=${row.name} />
      <span class="small">${slot === undefined ? 'slot not known yet' : html`<b><${In} at=${slot} /></b>, slot <${Clock} at=${slot} />`}</span>
    </p>
    <div class="row small quiet">
      <${LabelTags} labels=${row.labels} />
      <span>${size !== undefined && bytes(size)}${expectedAt !== undefined && html`${size !== undefined && ', '}approval expected at <${Clock} at=${expectedAt} />`}</span>
    </div>
    ${problem !== undefined && html`<${Outside} text=${problem} className="small clip" />`}
  `;
}

/** @param {{ count: number, status: string }} props builds that are not named */
function Others({ count, status }) {
  return (
    count > 0 && html`<p class="small"><a href=${buildsAddress({ status })}>and ${plural(count, 'more build')}</a></p>`
  );
}
