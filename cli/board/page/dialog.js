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
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" onClose=${onClose}>
    <h2 id="dialog-title" tabindex="-1" autofocus>${title}</h2>
    ${children}
  </dialog>`;
}
