/** The first page: what is live, where the builds are, what waits for a person. */
import { useEffect } from '/vendor/hooks.js';
import { DropZone } from './drop-target.js';
import { FinishedColumn } from './finished-column.js';
import { html } from './html.js';
import { LiveColumn } from './live-column.js';
import { useShared } from './state.js';
import { printable } from './text.js';
import { UploadCards } from './upload-cards.js';
import { countWanted, WantedColumn } from './wanted-column.js';
import { WayColumn } from './way-column.js';

export function StartPage() {
  const summary = useShared((state) => state.summary);
  const hello = useShared((state) => state.hello);
  const isUnreadable = useShared((state) => state.trouble !== null);
  const hasUploads = useShared((state) => state.uploads.length > 0);
  const wanted = summary === undefined ? 0 : countWanted(summary);
  useEffect(() => {
    const stack = hello?.stack ?? 'streampixel-drop';
    document.title = wanted === 0 ? stack : `(${wanted}) ${stack}`;
  }, [wanted, hello]);
  if (hello === undefined) return html`<h1>Starting ...</h1>`;
  if (summary === undefined)
    return html`<h1>${isUnreadable ? "The builds can't be read" : 'Reading the builds ...'}</h1>`;
  const isNew = isEmpty(summary);
  return html`
    <h1 class="unseen">Builds of ${printable(hello.stack)}</h1>
    <div class="title">
      ${!isNew && html`<${Glance} summary=${summary} wanted=${wanted} />`}
      ${!hello.readOnly && html`<${DropZone} isLarge=${isNew && !hasUploads} />`}
    </div>
    ${!hello.readOnly && html`<${UploadCards} />`}
    ${hello.readOnly && isNew && html`<p class="card empty">No build was dropped yet.</p>`}
    ${!isNew && html`<div class="board"><${LiveColumn} projects=${summary.projects} /><${WayColumn} summary=${summary} /><${WantedColumn} summary=${summary} /><${FinishedColumn} builds=${summary.finished} /></div>`}
  `;
}

/** The answers to the three questions, in a line. @param {{ summary: import('../board-api.ts').Summary, wanted: number }} props */
function Glance({ summary: { atStreampixel, lanes, projects, unread }, wanted }) {
  const live = projects.filter((project) => project.live !== undefined).length;
  const way = atStreampixel.count + unread + lanes.reduce((sum, { builds }) => sum + builds.count, 0);
  return html`<ul class="glance">
    <li><a href="#live"><b>${live}</b> live</a></li>
    <li><a href="#way"><b>${way}</b> on the way</a></li>
    <li><a href="#wanted" class=${wanted > 0 ? 'wanted' : ''}><b>${wanted}</b> ${wanted === 1 ? 'waits' : 'wait'} for you</a></li>
  </ul>`;
}

/** Whether nothing was ever dropped. @param {import('../board-api.ts').Summary} summary */
function isEmpty({ atStreampixel, deadLetters, failed, finished, lanes, projects, unread, waitsForPerson }) {
  const isAnyLive = projects.some(({ before, live }) => live !== undefined || before.length > 0);
  const counts = [
    atStreampixel.count,
    deadLetters.waiting,
    failed.length,
    finished.length,
    unread,
    waitsForPerson.count,
  ];
  return !isAnyLive && counts.every((count) => count === 0) && lanes.every(({ builds }) => builds.count === 0);
}
