/** What the page knows. Everything that is shown is made from it. */
import { useEffect, useReducer, useRef } from '/vendor/hooks.js';

/**
 * @typedef {import('../board-api.ts').ActionRequest} ActionRequest
 * @typedef {import('../board-api.ts').ApiError['error']} Problem
 *
 * @typedef {object} State
 * @property {'connecting' | 'open' | 'lost' | 'ended'} connection
 * @property {import('../board-api.ts').Hello} [hello]
 * @property {import('../board-api.ts').Summary} [summary]
 * @property {Problem | null} trouble
 * @property {{ builds: readonly string[], more: boolean }} changed the last change of builds
 * @property {readonly import('../board-api.ts').UploadState[]} uploads newest first
 * @property {(Dialog & { readonly number: number }) | undefined} [dialog] that is open; each time it has another number
 * @property {unknown} [dropFailure] why what was dropped last could not be taken
 *
 * @typedef {{ kind: 'action', request: ActionRequest } | { kind: 'key', parameters: readonly string[] }} Dialog
 */

/** @type {State} */
let state = {
  connection: 'connecting',
  trouble: null,
  changed: { builds: [], more: false },
  uploads: [],
};
/** @type {Set<() => void>} */
const listeners = new Set();

export function currentState() {
  return state;
}

/** @param {Partial<State>} change */
export function update(change) {
  state = { ...state, ...change };
  for (const listener of [...listeners]) listener();
}

/**
 * A part of the state: the component is drawn again when it is another one.
 *
 * @template T
 * @param {(state: State) => T} select
 * @returns {T}
 */
export function useShared(select) {
  const [, draw] = useReducer((/** @type {number} */ count) => count + 1, 0);
  const shown = useRef(select(state));
  shown.current = select(state);
  useEffect(() => {
    const look = () => {
      if (select(state) !== shown.current) draw(undefined);
    };
    listeners.add(look);
    look();
    return () => void listeners.delete(look);
  }, []);
  return shown.current;
}

let opened = 0;

/** @param {Dialog} dialog */
export function openDialog(dialog) {
  opened += 1;
  update({ dialog: { ...dialog, number: opened } });
}

/** Opens the dialog that shows what would happen, and asks. @param {ActionRequest} request */
export function ask(request) {
  openDialog({ kind: 'action', request });
}
