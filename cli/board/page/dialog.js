import { useEffect, useRef } from '/vendor/hooks.js';
import { html } from './html.js';

/**
 * A dialog that keeps the focus, and gives it back at its end: to what had it, or to the page where that is gone.
 *
 * @param {{ title: string, onClose: () => void, children?: unknown }} props
 */
export function Dialog({ children, onClose, title }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      const place = before instanceof HTMLElement && before.isConnected ? before : document.getElementById('main');
      place?.focus();
    };
  }, []);
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => heading.current?.focus(), [title]);
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" onClose=${onClose}>
    <h2 id="dialog-title" ref=${heading} tabindex="-1">${title}</h2>
    ${children}
  </dialog>`;
}
