/** All builds, or those that a search finds: page by page. */
import { useEffect, useRef, useState } from '/vendor/hooks.js';
import { BuildLink, LabelTags, Outside, Status } from './build-parts.js';
import { html } from './html.js';
import { ProblemText } from './problem-text.js';
import { get } from './requests.js';
import { buildsAddress } from './route.js';
import { useShared } from './state.js';
import { bytes, plural, printable } from './text.js';
import { Ago } from './time.js';

/** @typedef {import('../board-api.ts').BuildRow} BuildRow */

const PAGE = 50;
/** What one request may ask for. */
const MOST = 100;

const STATUSES = [
  'waiting',
  'under-way',
  'waits-for-person',
  'waits-for-release',
  'live',
  'released',
  'was-live',
  'rejected',
  'dead-lettered',
  'release-failed',
  'stuck',
  'no-webhook-yet',
  'superseded',
  'skipped',
  'discarded',
];

/** @param {{ query: URLSearchParams }} props */
export function BuildsPage({ query }) {
  const filter = { q: query.get('q') ?? '', status: query.get('status') ?? '', project: query.get('project') ?? '' };
  const { failure, hasChanged, isReading, more, next, readAgain, rows } = useBuilds(filter);
  const isFiltered = filter.q !== '' || filter.status !== '' || filter.project !== '';
  useEffect(() => {
    document.title = filter.q === '' ? 'All builds' : `Builds: ${printable(filter.q)}`;
  }, []);
  const heading =
    filter.q === '' ? 'All builds' : html`Builds with “<span class="outside">${printable(filter.q)}</span>”`;
  return html`
    <div class="title"><h1>${heading}</h1></div>
    <${Filters} filter=${filter} />
    ${hasChanged && html`<p class="more"><button type="button" onClick=${readAgain}>Builds have changed: show the newest</button></p>`}
    ${failure !== undefined && html`<${ProblemText} problem=${failure} />`}
    ${rows.length > 0 && html`<ul class="list">${rows.map((row) => html`<${Row} key=${row.id} row=${row} />`)}</ul>`}
    ${rows.length === 0 && !isReading && failure === undefined && html`<p class="card empty">${isFiltered ? 'No build fits. ' : 'No build was dropped yet. '}<a href=${isFiltered ? '#/builds' : '#/'}>${isFiltered ? 'Show all builds' : 'To the board'}</a></p>`}
    <p class="more" aria-live="polite">
      ${isReading ? 'Reading ...' : html`<span class="quiet small">${plural(rows.length, 'build')}${next === undefined ? '' : ' so far'}</span>`}
    </p>
    ${next !== undefined && !isReading && html`<p class="more"><button type="button" onClick=${more}>Show more</button></p>`}
  `;
}

/** Reads builds page by page, and again when some have changed. @param {{ q: string, status: string, project: string }} filter */
function useBuilds(filter) {
  const [rows, setRows] = useState(/** @type {readonly BuildRow[]} */ ([]));
  const [next, setNext] = useState(/** @type {string | undefined} */ (undefined));
  const [failure, setFailure] = useState(/** @type {any} */ (undefined));
  const [isReading, setIsReading] = useState(true);
  const [hasChanged, setHasChanged] = useState(false);
  const changed = useShared((state) => state.changed);
  // Which build is live changes others, too.
  const summary = useShared((state) => state.summary);
  const isBusy = useRef(false);
  const isStale = useRef(false);

  /** @param {string | undefined} from @param {number} limit */
  async function read(from, limit) {
    isBusy.current = true;
    isStale.current = false;
    try {
      const page = await get('/api/builds', { ...filter, from, limit: `${limit}` });
      setRows((before) => (from === undefined ? page.builds : [...before, ...page.builds.filter(isNotIn(before))]));
      setNext(page.next);
      setFailure(undefined);
      if (from === undefined) setHasChanged(false);
    } catch (error) {
      setFailure(error);
    }
    setIsReading(false);
    isBusy.current = false;
    if (isStale.current) look();
  }
  function readAgain() {
    setIsReading(true);
    return read(undefined, PAGE);
  }
  function look() {
    if (isBusy.current) isStale.current = true;
    // More than one request can bring are not read again under the reader's eyes.
    else if (rows.length <= MOST) read(undefined, Math.max(PAGE, rows.length));
    else setHasChanged(true);
  }
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) read(undefined, PAGE);
    else look();
    isFirst.current = false;
  }, [changed, summary]);
  const more = () => {
    setIsReading(true);
    read(next, PAGE);
  };
  return { rows, next, failure, isReading, hasChanged, more, readAgain };
}

/** @param {readonly BuildRow[]} rows */
function isNotIn(rows) {
  const ids = new Set(rows.map(({ id }) => id));
  return (/** @type {BuildRow} */ { id }) => !ids.has(id);
}

/** @param {{ filter: { q: string, status: string, project: string } }} props */
function Filters({ filter }) {
  const routes = useShared(({ hello }) => hello?.drop.routes) ?? [];
  const projects = [...new Set(routes.map(({ projectId }) => projectId))];
  const choose = (/** @type {'status' | 'project'} */ field) => (/** @type {Event} */ event) => {
    location.hash = buildsAddress({ ...filter, [field]: /** @type {HTMLSelectElement} */ (event.currentTarget).value });
  };
  /** @param {readonly string[]} values @param {string} chosen */
  const options = (values, chosen) =>
    values.map(
      (value) =>
        html`<option key=${value} value=${value} selected=${value === chosen}>${value.replaceAll('-', ' ')}</option>`,
    );
  return html`<div class="filters">
    <label>Status <select onChange=${choose('status')}><option value="" selected=${filter.status === ''}>all</option>${options(STATUSES, filter.status)}</select></label>
    ${projects.length > 1 && html`<label>Project <select onChange=${choose('project')}><option value="" selected=${filter.project === ''}>all</option>${options(projects, filter.project)}</select></label>`}
  </div>`;
}

/** @param {{ row: BuildRow }} props */
function Row({ row }) {
  const { changedAt, id, labels, name, problem, size, uploadId } = row;
  return html`<li>
    <span><${Status} row=${row} /></span>
    <div class="what">
      <p><${BuildLink} id=${id} name=${name} /> <span class="small quiet">${size === undefined ? '' : bytes(size)}</span></p>
      <${LabelTags} labels=${labels} />
      ${problem !== undefined && html`<${Outside} text=${problem} className="small clip" />`}
      ${uploadId !== undefined && html`<p class="small quiet">upload id ${printable(uploadId)}</p>`}
    </div>
    <span class="small quiet"><${Ago} at=${changedAt} /></span>
  </li>`;
}
