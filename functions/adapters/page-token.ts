import type { LedgerEntry } from '../domain/model/ledger-entry.ts';

/** Where a page of builds ended. */
export type PagePosition = Pick<LedgerEntry, 'id' | 'updatedAt'>;

/** Builds of a page where the caller sets no limit. */
export const DEFAULT_PAGE_SIZE = 50;

export function pageToken({ id, updatedAt }: PagePosition): string {
  return Buffer.from(JSON.stringify([updatedAt, id])).toString('base64url');
}

/** @throws Error where the token is not one of {@link pageToken} */
export function positionOf(token: string): PagePosition {
  try {
    const [updatedAt, id]: unknown[] = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (typeof updatedAt === 'number' && typeof id === 'string') return { id, updatedAt };
  } catch {
    // Not even JSON: the caller gets the same error.
  }
  throw new Error('This is no token of a page of builds: pass the `next` of the page before, unchanged.');
}
