/** Where a zip or a folder is dropped or chosen. */
import { useEffect, useRef, useState } from '/vendor/hooks.js';
import { chosenFolder, chosenZips, droppedItems } from './dropped-files.js';
import { html, Icon } from './html.js';
import { ProblemText } from './problem-text.js';
import { update, useShared } from './state.js';
import { addUpload } from './uploads.js';

/** @typedef {import('./uploads.js').Dropped} Dropped */

/** Gives each to the server. @param {Promise<readonly Dropped[]>} reading @param {(failure: unknown) => void} onFailure */
async function take(reading, onFailure) {
  onFailure(undefined);
  // There its card is.
  location.hash = '#/';
  try {
    for (const dropped of await reading) await addUpload(dropped);
  } catch (error) {
    onFailure(error);
  }
}

/** The whole page takes what is dropped on it. */
export function DropTarget() {
  const [isOver, setIsOver] = useState(false);
  const isBusy = useShared(({ uploads }) => uploads.some(({ state }) => state === 'uploading'));
  useEffect(() => {
    if (!isBusy) return undefined;
    // The browser asks whether to leave: the files are read through this page.
    const ask = (/** @type {Event} */ event) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [isBusy]);
  useEffect(() => {
    // Enters and leaves of the elements below come in any order; the last one out has no element that it goes to.
    const over = (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'copy';
      setIsOver(true);
    };
    const leave = (/** @type {DragEvent} */ event) => void (event.relatedTarget === null && setIsOver(false));
    const drop = (/** @type {DragEvent} */ event) => {
      if (event.dataTransfer === null || !event.dataTransfer.types.includes('Files')) return;
      event.preventDefault();
      setIsOver(false);
      take(droppedItems(event.dataTransfer), (dropFailure) => update({ dropFailure }));
    };
    addEventListener('dragover', over);
    addEventListener('dragleave', leave);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('dragleave', leave);
      removeEventListener('drop', drop);
    };
  }, []);
  return isOver && html`<div class="over"><p><${Icon} name="upload" /> Drop a zip or a packaged folder</p></div>`;
}

/** @param {{ isLarge: boolean }} props `isLarge`: there is nothing else to show */
export function DropZone({ isLarge }) {
  const failure = useShared((state) => state.dropFailure);
  const zip = useRef(/** @type {HTMLInputElement | null} */ (null));
  const folder = useRef(/** @type {HTMLInputElement | null} */ (null));
  const fail = (/** @type {unknown} */ dropFailure) => update({ dropFailure });
  /** @param {(files: readonly File[]) => readonly Dropped[]} read */
  const choose = (read) => (/** @type {Event} */ event) => {
    const input = /** @type {HTMLInputElement} */ (event.currentTarget);
    const files = [...(input.files ?? [])];
    // The same file can be chosen again.
    input.value = '';
    if (files.length > 0) take(Promise.resolve(files).then(read), fail);
  };
  return html`
    ${failure !== undefined && html`<${ProblemText} problem=${failure} />`}
    <section class=${isLarge ? 'drop large' : 'drop'} aria-label="Drop a build">
      ${isLarge && html`<img src="/icon.svg" alt="" />`}
      <p>${isLarge ? html`<b class="big">Drop a zip here</b><br />or the folder that Unreal Engine has packaged. It is checked before anything is uploaded.` : html`<b>Drop a zip</b> or a packaged folder on this page`}</p>
      <div class="row">
        <button type="button" class=${isLarge ? 'main' : ''} onClick=${() => zip.current?.click()}><${Icon} name="upload" /> Choose a zip</button>
        <button type="button" onClick=${() => folder.current?.click()}>Choose a folder</button>
      </div>
      <input ref=${zip} type="file" accept=".zip" hidden onChange=${choose(chosenZips)} aria-label="Zip" />
      <input ref=${folder} type="file" webkitdirectory hidden onChange=${choose(chosenFolder)} aria-label="Folder" />
    </section>
  `;
}
