/** What was dropped on this page: what the check says, then how far the upload is. */
import { useLayoutEffect, useRef, useState } from '/vendor/hooks.js';
import { BuildLink, LabelTags, Outside } from './build-parts.js';
import { html, Icon } from './html.js';
import { ProblemText } from './problem-text.js';
import { useShared } from './state.js';
import { bytes, printable, span } from './text.js';
import { forgetUpload, hasFiles, resumeUpload, startUpload, stopUpload } from './uploads.js';

/** @typedef {import('../board-api.ts').UploadState} UploadState */

export function UploadCards() {
  const uploads = useShared((state) => state.uploads);
  if (uploads.length === 0) return null;
  return html`<section class="uploads column" aria-label="Uploads of this page">${uploads.map((upload) => html`<${UploadCard} key=${upload.id} upload=${upload} />`)}</section>`;
}

/** @param {{ upload: UploadState }} props */
function UploadCard({ upload }) {
  const [failure, setFailure] = useState(/** @type {unknown} */ (undefined));
  const { error, name, notes, size, state } = upload;
  /** @param {() => Promise<void>} act */
  const run = (act) => {
    setFailure(undefined);
    return act().catch(setFailure);
  };
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  // What the person does next is in this card. What had the focus before its state changed may be gone.
  const isNew = useRef(true);
  useLayoutEffect(() => {
    if (isNew.current || document.activeElement === document.body) heading.current?.focus();
    isNew.current = false;
  }, [state]);
  const forget = () => {
    forgetUpload(upload.id);
    document.getElementById('main')?.focus();
  };
  const look =
    state === 'refused' || state === 'failed' ? 'card failed' : state === 'done' ? 'card live' : 'card wanted';
  return html`<article class=${look}>
    <div class="between">
      <h2 class="outside" ref=${heading} tabindex="-1"><${Icon} name="upload" /> ${printable(name)} ${size !== undefined && html`<span class="count">${bytes(size)}</span>`}</h2>
      ${(state === 'refused' || state === 'done' || state === 'failed' || state === 'stopped') && html`<button type="button" onClick=${forget}>Close<span class="unseen"> ${printable(name)}</span></button>`}
    </div>
    ${state === 'judging' && html`<p>Checking what is in it ...</p>`}
    ${state === 'refused' && html`<${Refusals} upload=${upload} />`}
    ${state === 'ready' && html`<${Ready} upload=${upload} run=${run} forget=${forget} />`}
    ${notes.map((note) => html`<p class="small quiet" key=${note}>${printable(note)}</p>`)}
    ${state === 'uploading' && html`<${Progress} upload=${upload} run=${run} />`}
    ${(state === 'stopped' || state === 'failed') && html`<${Stopped} upload=${upload} run=${run} />`}
    ${state === 'done' && html`<${Finished} upload=${upload} />`}
    ${error !== undefined && state === 'failed' && html`<${ProblemText} problem=${error} />`}
    ${failure !== undefined && html`<${ProblemText} problem=${failure} />`}
  </article>`;
}

/** @param {{ upload: UploadState }} props */
function Refusals({ upload: { verdict } }) {
  return html`
    <p><b>Streampixel could not run it, so nothing was uploaded.</b></p>
    <${Findings} findings=${verdict?.refusals ?? []} icon="failed" />
    <${Findings} findings=${verdict?.warnings ?? []} icon="warning" />
  `;
}

/** @param {{ findings: readonly { readonly code: string, readonly text: string }[], icon: string }} props */
function Findings({ findings, icon }) {
  if (findings.length === 0) return null;
  return html`<ul class="rows">${findings.map(({ code, text }) => html`<li key=${code}><b><${Icon} name=${icon} /> ${code}</b><${Outside} text=${text} className="small" /></li>`)}</ul>`;
}

/**
 * Asks where it goes.
 *
 * @param {{ upload: UploadState, run: (act: () => Promise<void>) => Promise<void>, forget: () => void }} props
 */
function Ready({ forget, run, upload }) {
  const { fileName = upload.name, verdict } = upload;
  const routes = useShared(({ hello }) => hello?.drop.routes) ?? [];
  const [prefix, setPrefix] = useState(routes[0]?.prefix ?? '');
  const [key, setKey] = useState(/** @type {string | undefined} */ (undefined));
  const route = routes.find((each) => each.prefix === prefix);
  const isStarting = useRef(false);
  const start = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    // A double-click starts it once.
    if (isStarting.current) return;
    isStarting.current = true;
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const labels = labelsIn(String(form.get('labels') ?? ''));
    await run(() => startUpload(upload.id, { route: prefix, key: key ?? `${prefix}${fileName}`, labels }));
    isStarting.current = false;
  };
  return html`<form onSubmit=${start} class="stack">
    <${Findings} findings=${verdict?.warnings ?? []} icon="warning" />
    ${verdict !== undefined && verdict.facts.length > 0 && html`<dl class="facts small">${verdict.facts.map(([label, value]) => html`<dt>${label}</dt><dd class="outside" dir="auto">${printable(value)}</dd>`)}</dl>`}
    <div class="fields">
      ${
        routes.length > 1 &&
        html`<label class="field">Route <select onChange=${(/** @type {Event} */ event) => {
          setPrefix(/** @type {HTMLSelectElement} */ (event.currentTarget).value);
          setKey(undefined);
        }}>${routes.map((each) => html`<option key=${each.prefix} value=${each.prefix} selected=${each.prefix === prefix}>${each.prefix === '' ? 'any key' : each.prefix} (project ${each.projectId})</option>`)}</select></label>`
      }
      <label class="field">Key in the bucket <input type="text" required value=${key ?? `${prefix}${fileName}`} onInput=${(/** @type {Event} */ event) => setKey(/** @type {HTMLInputElement} */ (event.currentTarget).value)} spellcheck=${false} autocomplete="off" /></label>
      <label class="field">Labels (optional) <input type="text" name="labels" placeholder="branch=main, build=1234" spellcheck=${false} autocomplete="off" /></label>
    </div>
    ${route !== undefined && html`<p class="small quiet">A build ${route.afterwards}.</p>`}
    <div class="row">
      <button type="submit" class="main"><${Icon} name="upload" /> Upload</button>
      <button type="button" onClick=${() =>
        run(async () => {
          await stopUpload(upload.id);
          forget();
        })}>Cancel</button>
    </div>
  </form>`;
}

/** @param {string} text `name=value`, with commas between them */
function labelsIn(text) {
  return text
    .split(',')
    .map((label) => label.trim().replace(/\s*=\s*/, '='))
    .filter((label) => label !== '');
}

/** @param {{ upload: UploadState, run: (act: () => Promise<void>) => void }} props */
function Progress({ run, upload }) {
  const { id, key = '', name, resumed = 0, secondsLeft, size = 0, speed, uploaded = 0 } = upload;
  const percent = size === 0 ? 0 : Math.floor((uploaded / size) * 100);
  const rate = speed === undefined ? '' : `, ${bytes(speed)}/s`;
  const left = secondsLeft === undefined ? '' : `, ${span(secondsLeft * 1000)} left`;
  return html`
    <progress max=${Math.max(size, 1)} value=${uploaded} aria-label=${`Upload of ${printable(name)}`}></progress>
    <div class="between">
      <p class="small">${percent} %, ${bytes(uploaded)} of ${bytes(size)}${rate}${left}<${Resumed} count=${resumed} /><br /><span class="quiet outside">to ${printable(key)}</span></p>
      <button type="button" onClick=${() => run(() => stopUpload(id))}>Stop<span class="unseen"> the upload of ${printable(name)}</span></button>
    </div>
  `;
}

/** @param {{ count: number }} props bytes */
function Resumed({ count }) {
  return count > 0 && html` <span class="quiet">(${bytes(count)} were there already)</span>`;
}

/** @param {{ upload: UploadState, run: (act: () => Promise<void>) => void }} props */
function Stopped({ run, upload }) {
  const { id, key, name, state, uploaded = 0 } = upload;
  // Why is below it, and the same files would fail again.
  if (state === 'failed' && key === undefined) return html`<p>It can't be uploaded.</p>`;
  const what = state === 'stopped' ? 'Stopped.' : 'The upload failed.';
  const kept = uploaded > 0 ? ` ${bytes(uploaded)} are in the bucket already, and stay there.` : '';
  const canResume = hasFiles(id);
  return html`<div class="between">
    <p>${what}${kept}${canResume ? '' : ' Drop the same files again to resume.'}</p>
    ${canResume && html`<button type="button" class="main" onClick=${() => run(() => resumeUpload(upload))}>Resume<span class="unseen"> the upload of ${printable(name)}</span></button>`}
  </div>`;
}

/** @param {{ upload: UploadState }} props */
function Finished({ upload: { build, key = '', labels, resumed = 0 } }) {
  return html`
    <p><${Icon} name="done" /> Uploaded${build === undefined ? html` as <span class="outside">${printable(key)}</span>` : html`: <${BuildLink} id=${build} name=${key} />`}<${Resumed} count=${resumed} /></p>
    <${LabelTags} labels=${labels} />
  `;
}
