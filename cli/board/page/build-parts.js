/** What several parts of the page show of a build. */
import { html, Icon } from './html.js';
import { buildAddress } from './route.js';
import { ask } from './state.js';
import { printable, span, withLocalTimes } from './text.js';
import { Clock, For, In } from './time.js';

/**
 * @typedef {import('../board-api.ts').BuildRow} BuildRow
 * @typedef {import('../board-api.ts').BuildAction} BuildAction
 */

/** @type {Readonly<Record<import('../board-api.ts').Status, string>>} */
const STATUS_ICONS = {
  waiting: 'waiting',
  'under-way': 'under-way',
  stuck: 'warning',
  'no-webhook-yet': 'warning',
  live: 'live',
  'was-live': 'past',
  'waits-for-person': 'person',
  'waits-for-release': 'waiting',
  'release-failed': 'failed',
  superseded: 'skipped',
  released: 'done',
  rejected: 'failed',
  skipped: 'skipped',
  'dead-lettered': 'failed',
  discarded: 'skipped',
};

/** @param {{ row: BuildRow }} props */
export function Status({ row }) {
  return html`<span class=${`status ${row.tone}`}><${Icon} name=${STATUS_ICONS[row.status]} /> ${row.statusText}</span>`;
}

/** @param {{ name: string }} props the key, maybe with `@` and a version behind it */
export function Name({ name }) {
  const [, key = '', version = ''] = /^(.*?)(@[^@/]*)?$/su.exec(printable(name)) ?? [];
  return html`${key}<span class="version">${version}</span>`;
}

/** @param {{ id: string, name: string, big?: boolean }} props */
export function BuildLink({ big = false, id, name }) {
  return html`<a class=${big ? 'name big' : 'name'} href=${buildAddress(id)}><${Name} name=${name} /></a>`;
}

/** @param {{ labels?: import('../board-api.ts').Labels | undefined }} props */
export function LabelTags({ labels = {} }) {
  const entries = Object.entries(labels);
  if (entries.length === 0) return null;
  const tags = entries.map(
    ([name, value]) => html`<li class="tag"><span class="of">${printable(name)}</span> ${printable(value)}</li>`,
  );
  return html`<ul class="tags" aria-label="Labels">${tags}</ul>`;
}

/** Text that an outsider wrote. @param {{ text: string, className?: string }} props */
export function Outside({ className = '', text }) {
  return html`<p class=${`outside ${className}`} dir="auto">${withLocalTimes(text)}</p>`;
}

/** @type {Readonly<Record<BuildAction, { readonly text: string, readonly className: string }>>} */
const ACTIONS = {
  release: { text: 'Release', className: 'main' },
  redrive: { text: 'Redrive', className: '' },
  submit: { text: 'Submit', className: '' },
  'submit-again': { text: 'Submit again', className: '' },
  discard: { text: 'Discard', className: 'danger' },
};

/** Buttons for what can be done with a build. @param {{ row: BuildRow, leaveOut?: readonly BuildAction[] }} props */
export function BuildActions({ leaveOut = [], row }) {
  const actions = row.actions.filter((action) => !leaveOut.includes(action));
  if (actions.length === 0) return null;
  const buttons = actions.map(
    (action) =>
      html`<button type="button" key=${action} class=${ACTIONS[action].className} onClick=${() => ask(requestFor(action, row))}>
        ${isUncheckedSubmit(action, row) ? 'Submit without the check' : ACTIONS[action].text}<span class="unseen"> ${printable(row.name)}</span>
      </button>`,
  );
  return html`<div class="row">${buttons}</div>`;
}

/** A build that the check of its package stopped is stopped again, unless it is left out. @param {BuildAction} action @param {BuildRow} row */
function isUncheckedSubmit(action, { status }) {
  return action === 'submit' && status === 'dead-lettered';
}

/** @param {BuildAction} action @param {BuildRow} row @returns {import('../board-api.ts').ActionRequest} */
function requestFor(action, row) {
  const build = row.id;
  switch (action) {
    case 'release':
      return { action, build };
    case 'redrive':
    case 'discard':
      return { action, builds: [build] };
    case 'submit':
      return { action, build, ...(isUncheckedSubmit(action, row) && { check: false }) };
    case 'submit-again':
      return { action: 'submit', build, again: true };
  }
}

/** The stages between the submission and the approval, in their order. */
const STAGES = ['submitted', 'uploaded', 'downloading', 'extracting', 'saving', 'distributing'];

/** The stages of a build at Streampixel, as a strip. @param {{ row: BuildRow }} props */
export function Stages({ row }) {
  const { timeline } = row;
  const steps = STAGES.map((stage) => timeline.find(({ step }) => step === stage));
  const furthest = steps.findLastIndex((step) => step !== undefined);
  const isOver = timeline.some(({ step }) => step === 'approved' || step === 'rejected');
  const trouble = row.stuckAt !== undefined ? 'stuck' : row.lateAt !== undefined ? 'late' : '';
  const segments = STAGES.map((stage, index) => {
    const step = steps[index];
    const isNow = index === furthest && !isOver;
    const took = step?.tookSeconds === undefined ? '' : span(step.tookSeconds * 1000);
    const time = isNow && step !== undefined ? html`<${For} at=${step.at} />` : took;
    const place = isNow ? 'now' : index <= furthest ? 'done' : 'next';
    return html`<li key=${stage} class=${place} aria-current=${isNow ? 'step' : undefined}>
      <span class="stage">${stage}</span><span>${time}<span class="unseen">${place === 'next' ? ' not yet' : ''}</span></span>
    </li>`;
  });
  return html`<div class="strip"><ol class=${`stages ${trouble}`} aria-label="Stages at Streampixel">${segments}</ol></div>`;
}

/** Where a build at Streampixel is, in words; what is unusual comes first. @param {{ row: BuildRow }} props */
export function StageText({ row }) {
  const { expectedAt, lastNewsAt = row.submittedAt, lateAt, releaseSlot, stuckAt, submittedAt } = row;
  return html`<p class="small quiet">
    ${stuckAt !== undefined && html`<span class="status bad"><${Icon} name="warning" /> stuck</span> no webhook${lastNewsAt !== undefined && html` for <${For} at=${lastNewsAt} />`}; `}
    ${stuckAt === undefined && lateAt !== undefined && html`<span class="status attention"><${Icon} name="warning" /> late</span> `}
    ${row.stage ?? 'submitted'}${submittedAt !== undefined && html`, at Streampixel for <${For} at=${submittedAt} />`}
    ${expectedAt !== undefined && stuckAt === undefined && html`; approval expected at <${Clock} at=${expectedAt} /> (<${In} at=${expectedAt} due="any moment" />)`}
    ${releaseSlot !== undefined && html`; its release is sent at <${Clock} at=${releaseSlot} /> (<${In} at=${releaseSlot} />)`}
  </p>`;
}
