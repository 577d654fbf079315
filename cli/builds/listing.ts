import { pageToken } from '../../functions/adapters/page-token.ts';
import type { BuildState, LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import type { Ledger } from '../../functions/domain/ports.ts';
import { usageError } from '../operator-error.ts';
import { ALL_STATES, type DropOfBuilds, isOwn } from './search.ts';

/** Where a page ended, for each state that it has builds of: the ledger's own token. */
type Position = Readonly<Partial<Record<BuildState, string>>>;

/** Where the first ones are not enough, few builds are wanted: so many are read at once. */
const READ_AT_ONCE = 200;

export interface PageRequest {
  readonly states: readonly BuildState[];
  readonly limit: number;
  /** `next` of the page before. */
  readonly from?: string;
  readonly isWanted: (entry: LedgerEntry) => Promise<boolean>;
}

export interface ListedPage {
  readonly entries: readonly LedgerEntry[];
  /** Absent on the last page. */
  readonly next?: string;
}

/**
 * A page of a drop's builds in some states, newest change first. A build that changes between two pages moves to the front: it may be on
 * none of the following ones.
 *
 * @throws OperatorError (usage) where `from` is no token of this function
 */
export async function readPage(
  drop: DropOfBuilds & { readonly ledger: Pick<Ledger, 'list'> },
  { from, isWanted, limit, states }: PageRequest,
): Promise<ListedPage> {
  const position: { -readonly [State in BuildState]?: string } = from === undefined ? {} : positionIn(from);
  const queues = await Promise.all(states.map((state) => openState(drop.ledger, state, limit, position[state])));
  const entries: LedgerEntry[] = [];
  for (;;) {
    const [first] = queues
      .flatMap((queue) => (queue.head === undefined ? [] : [{ queue, head: queue.head }]))
      .sort((a, b) => b.head.updatedAt - a.head.updatedAt);
    if (first === undefined) return { entries };
    const { head, queue } = first;
    if (isOwn(drop, head) && (await isWanted(head))) {
      if (entries.length === limit)
        return { entries, next: Buffer.from(JSON.stringify(position)).toString('base64url') };
      entries.push(head);
    }
    position[head.state] = pageToken(head);
    await queue.shift();
  }
}

/** The builds of one state, one after the other, newest change first. */
async function openState(ledger: Pick<Ledger, 'list'>, state: BuildState, limit: number, from: string | undefined) {
  let page = await ledger.list(state, { limit: limit + 1, ...present({ from }) });
  let index = 0;
  return {
    get head(): LedgerEntry | undefined {
      return page.entries[index];
    },
    async shift(): Promise<void> {
      index += 1;
      if (index < page.entries.length || page.next === undefined) return;
      page = await ledger.list(state, { limit: Math.max(limit + 1, READ_AT_ONCE), from: page.next });
      index = 0;
    },
  };
}

function positionIn(token: string): Position {
  try {
    const position: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    const isPosition = (value: unknown): value is Position =>
      typeof value === 'object' &&
      value !== null &&
      Object.entries(value).every(
        ([state, from]) => ALL_STATES.some((each) => each === state) && typeof from === 'string',
      );
    if (isPosition(position)) return position;
  } catch {
    // Not even JSON: the caller gets the same error.
  }
  throw usageError(
    'This is no token of a page.',
    'Pass the `next` of the page before to --from, unchanged, with the same filters.',
  );
}
