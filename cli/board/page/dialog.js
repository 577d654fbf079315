import { useLayoutEffect, useRef } from '/vendor/hooks.js';
import { html } from './html.js';

/**
 * A dialog that keeps the focus, and gives it back at its end: to what had it, or to the page where that is gone.
 *
 * @param {{ title: string, step?: string | undefined, onClose: () => void, children?: unknown }} props `step`: another one has other contents
 */
export function Dialog({ children, onClose, step, title }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  // What moves the focus does it before the next frame: a key that is pressed until then would go to the wrong place.
  useLayoutEffect(() => {
    const before = document.activeElement;
    const shown = dialog.current;
    shown?.showModal();
    return () => {
      // The browser gives the focus back when a dialog is closed, not when it is taken out of the page.
      shown?.close();
      if (!before?.isConnected) document.getElementById('main')?.focus();
    };
  }, []);
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => heading.current?.focus(), [title, step]);
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" onClose=${onClose}>
    <h2 id="dialog-title" ref=${heading} tabindex="-1">${title}</h2>
    ${children}
  </dialog>`;
}
