/** Everything about one build. */
import { useEffect, useRef, useState } from '/vendor/hooks.js';
import { BuildActions, LabelTags, Name, Outside, Stages, StageText, Status } from './build-parts.js';
import { html, Icon } from './html.js';
import { ProblemText } from './problem-text.js';
import { get } from './requests.js';
import { ask, useShared } from './state.js';
import { printable, span, withLocalTimes } from './text.js';
import { Clock, For, In } from './time.js';

/**
 * @typedef {import('../board-api.ts').BuildDetail} BuildDetail
 * @typedef {import('../board-api.ts').BuildRow} BuildRow
 */

/** @param {{ id: string }} props */
export function BuildPage({ id }) {
  const { build, failure } = useBuild(id);
  const canAct = useShared(({ hello }) => hello?.readOnly === false);
  useEffect(() => {
    document.title = printable(build?.row.name ?? 'Build');
  }, [build]);
  if (build === undefined) {
    if (failure === undefined) return html`<h1>Reading the build ...</h1>`;
    return html`<div class="title"><h1>This build can't be shown</h1></div><${ProblemText} problem=${failure} /><p><a href="#/">To the board</a></p>`;
  }
  const { advice, differences, facts, formerUploadIds, history, links, row, statusSentence, warnings } = build;
  return html`
    <div class="title">
      <div class="stack">
        <h1 class="outside"><${Name} name=${row.name} /></h1>
        <p class="row"><${Status} row=${row} /> <span class="outside">${withLocalTimes(statusSentence)}</span></p>
        <${LabelTags} labels=${row.labels} />
      </div>
      <${BuildActions} row=${row} />
    </div>
    ${failure !== undefined && html`<${ProblemText} problem=${failure} />`}
    <div class="two">
      <div class="column">
        <${WhatToDo} advice=${advice} problem=${row.problem} />
        <${Timeline} row=${row} />
        <${History} history=${history} />
      </div>
      <div class="column">
        ${warnings.length > 0 && html`<section class="card"><h2><${Icon} name="warning" /> Warnings of the package</h2><ul class="rows">${warnings.map(({ code, text }) => html`<li key=${code}><b>${code}</b><${Outside} text=${text} className="small" /></li>`)}</ul></section>`}
        ${differences.length > 0 && html`<section class="card"><h2><${Icon} name="warning" /> Different from what viewers have</h2><ul class="rows">${differences.map((text) => html`<li key=${text}>${printable(text)}</li>`)}</ul></section>`}
        <section class="card">
          <h2>Facts</h2>
          <dl class="facts">${facts.map(([label, value]) => html`<dt>${label}</dt><dd class="outside" dir="auto">${withLocalTimes(value)}</dd>`)}</dl>
        </section>
        ${formerUploadIds.length > 0 && html`<section class="card"><h2>Earlier uploads</h2><ul class="rows">${formerUploadIds.map((uploadId) => html`<li key=${uploadId} class="between"><span>${printable(uploadId)}</span>${canAct && html`<button type="button" onClick=${() => ask({ action: 'release', build: row.id, uploadId })}>Release<span class="unseen"> ${uploadId}</span></button>`}</li>`)}</ul></section>`}
        ${links.length > 0 && html`<section class="card"><h2>Elsewhere</h2><ul class="rows">${links.map(({ title, url }) => html`<li key=${url}><a href=${url} target="_blank" rel="noreferrer">${title}</a></li>`)}</ul></section>`}
        <p class="small quiet">The same in a terminal: <code class="command">${build.command}</code></p>
      </div>
    </div>
  `;
}

/** Reads the build, and again when something has changed. @param {string} id */
function useBuild(id) {
  const [build, setBuild] = useState(/** @type {BuildDetail | undefined} */ (undefined));
  const [failure, setFailure] = useState(/** @type {unknown} */ (undefined));
  // Other builds count, too: this one is no longer live once another one is.
  const changed = useShared((state) => state.changed);
  const summary = useShared((state) => state.summary);
  const asked = useRef(0);
  const shown = useRef(0);
  useEffect(() => {
    asked.current += 1;
    const number = asked.current;
    /** Answers may overtake each other. @param {BuildDetail | undefined} read @param {unknown} error */
    const show = (read, error) => {
      if (number < shown.current) return;
      shown.current = number;
      if (read !== undefined) setBuild(read);
      setFailure(error);
    };
    get('/api/build', { id }).then(
      (read) => show(read, undefined),
      (error) => show(undefined, error),
    );
  }, [changed, summary]);
  return { build, failure };
}

/** @param {Pick<BuildDetail, 'advice'> & { problem?: string | undefined }} props */
function WhatToDo({ advice, problem }) {
  if (advice === undefined && problem === undefined) return null;
  return html`<section class="card">
    <h2>${problem === undefined ? 'What to do' : 'What happened'}</h2>
    ${problem !== undefined && html`<${Outside} text=${problem} />`}
    ${
      advice !== undefined &&
      html`<div class="advice">
      ${problem !== undefined && html`<h3>What to do</h3>`}
      <p>${printable(advice.act)}</p>
      ${advice.command !== undefined && html`<p class="small quiet">${advice.when ?? 'In a terminal'}:</p><code class="command">${advice.command}</code>`}
    </div>`
    }
  </section>`;
}

/** @param {{ row: BuildRow }} props */
function Timeline({ row }) {
  const { releaseSlot, slot, status, timeline, tone } = row;
  const longest = Math.max(1, ...timeline.map(({ tookSeconds = 0 }) => tookSeconds));
  const steps = timeline.map(({ at, step, tookSeconds }, index) => {
    const isOpen =
      tookSeconds === undefined && index === timeline.length - 1 && (tone === 'active' || status === 'stuck');
    const width = tookSeconds === undefined ? 0 : Math.max(1, (tookSeconds / longest) * 100);
    return html`<li key=${`${step} ${at}`} aria-current=${isOpen ? 'step' : undefined}>
      <span class="quiet small"><${Clock} at=${at} /></span>
      <b>${step}</b>
      <span class="small">${tookSeconds === undefined ? isOpen && html`<${For} at=${at} /> so far` : span(tookSeconds * 1000)}</span>
      ${width > 0 && html`<span class="bar" style=${{ width: `${width}%` }}></span>`}
    </li>`;
  });
  return html`<section class="card">
    <h2>Timeline</h2>
    ${status === 'under-way' || status === 'stuck' ? html`<${Stages} row=${row} /><${StageText} row=${row} />` : null}
    <ol class="steps">${steps}</ol>
    ${slot !== undefined && html`<p class="small">Its slot is at <${Clock} at=${slot} />, <${In} at=${slot} />.</p>`}
    ${releaseSlot !== undefined && html`<p class="small">Its release is sent at <${Clock} at=${releaseSlot} />, <${In} at=${releaseSlot} />.</p>`}
  </section>`;
}

/** @param {Pick<BuildDetail, 'history'>} props */
function History({ history }) {
  const lines = history.map(
    ({ at, note = '', state }, index) => html`<li key=${index}>
      <span class="quiet small"><${Clock} at=${at} /></span>
      <span>${state}</span>
      <span class="small outside" dir="auto">${withLocalTimes(note)}</span>
    </li>`,
  );
  return html`<section class="card"><h2>History</h2><ol class="history">${lines}</ol></section>`;
}
