import type { ServerResponse } from 'node:http';
import { pageToken } from '../../functions/adapters/page-token.ts';
import type { Ledger } from '../../functions/domain/ports.ts';
import { explained } from '../stack/aws-errors.ts';
import { findStackAgain, type Stack } from '../stack/stack.ts';
import { iso } from '../units.ts';
import { apiError } from './answers.ts';
import type { BoardEvents, Summary } from './board-api.ts';
import { createLedgerMirror } from './ledger-mirror.ts';
import { readSummary } from './summary.ts';

/** How often everything is read again while a page is open, in ms: where that takes long, pauses are as long. */
const POLL_MS = 2_000;
const ALIVE_MS = 10_000;
/** How often the stack's outputs are read again, in ms. */
const DEPLOYMENT_EVERY_MS = 30_000;
/** Builds that are named as changed; a page that misses one reads what it shows again. */
const MOST_CHANGED = 100;
/** A page that takes no more, in bytes: it is closed, and connects again when it lives. */
const MOST_UNSENT = 8 * 1024 * 1024;

export type Feed = ReturnType<typeof createFeed>;

/**
 * Reads the stack for all pages that are open, and sends each what has changed. While none is open, nothing is read.
 *
 * @param stack takes over what a deployment changes
 * @param onGone gets the client whose page has gone
 * @param onDeployed is called once the stack has changed
 */
export function createFeed(stack: Stack, readOnly: boolean, onGone: (client: string) => void, onDeployed: () => void) {
  let mirror = createLedgerMirror(stack);
  let deploymentReadAt = Date.now();
  const pages = new Map<ServerResponse, string>();
  /** As they were sent last. */
  let summary: string | undefined;
  let trouble = 'null';
  let readAt: number | undefined;
  let unexplainedBefore = 0;
  let polling: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const alive = setInterval(() => sendToAll('alive', aliveNow()), ALIVE_MS);
  alive.unref();

  const aliveNow = () => (readAt === undefined ? {} : { readAt: iso(readAt) });

  function sendToAll<Name extends keyof BoardEvents>(name: Name, data: BoardEvents[Name]): void {
    for (const page of pages.keys()) write(page, name, JSON.stringify(data));
  }

  /** As the ledger's own: builds that are known are not read again, so that a search among a thousand takes no longer than among ten. */
  const list: Ledger['list'] = async (state, options) => {
    const isKnown = pages.size > 0 && summary !== undefined && trouble === 'null' && options?.from === undefined;
    const { entries } = isKnown ? await mirror.list(state) : { entries: [] };
    const last = entries.at(-1);
    return last === undefined ? stack.ledger.list(state, options) : { entries, next: pageToken(last) };
  };

  /** Looks whether the stack was deployed with other settings. */
  async function readDeployment(): Promise<void> {
    // This profile may no longer be allowed to, or the stack is gone: then what is known has to do.
    const next = await findStackAgain(stack).catch(() => stack);
    if (outputsOf(next) === outputsOf(stack)) return;
    Object.assign(stack, next);
    mirror = createLedgerMirror(stack);
    onDeployed();
  }

  async function read(): Promise<void> {
    const now = Date.now();
    if (now - deploymentReadAt >= (stack.isLocal ? POLL_MS : DEPLOYMENT_EVERY_MS)) {
      deploymentReadAt = now;
      await readDeployment();
    }
    try {
      const changed = await mirror.refresh(now);
      const next: Summary = await readSummary(stack, mirror, now, readOnly, (unexplained) => {
        const isSettled = unexplained === unexplainedBefore;
        unexplainedBefore = unexplained;
        return isSettled;
      });
      readAt = now;
      const text = JSON.stringify(next);
      if (text !== summary) for (const page of pages.keys()) write(page, 'summary', text);
      summary = text;
      setTrouble(null);
      if (changed.length > 0) {
        sendToAll('changed', { builds: changed.slice(0, MOST_CHANGED), more: changed.length > MOST_CHANGED });
      }
    } catch (error) {
      setTrouble(apiError(explained(error), stack.commands).error);
    }
  }

  function setTrouble(next: BoardEvents['trouble']): void {
    const text = JSON.stringify(next);
    if (text !== trouble) for (const page of pages.keys()) write(page, 'trouble', text);
    trouble = text;
  }

  function poll(): void {
    if (polling !== undefined || pages.size === 0) return;
    clearTimeout(timer);
    const startedAt = Date.now();
    polling = read().finally(() => {
      polling = undefined;
      if (pages.size > 0) timer = setTimeout(poll, Math.max(POLL_MS, Date.now() - startedAt));
    });
  }

  return {
    /** Builds of the last weeks, as they were read last. */
    known: () => mirror.all(),
    list,
    /** Those of the pages that are open. */
    clients: (): ReadonlySet<string> => new Set(pages.values()),
    /** Adds a page that has just connected, and sends it what is known. */
    add(page: ServerResponse, client: string): void {
      const isFresh = pages.size > 0;
      pages.set(page, client);
      page.once('close', () => {
        pages.delete(page);
        if (pages.size === 0) clearTimeout(timer);
        onGone(client);
      });
      if (isFresh && summary !== undefined) write(page, 'summary', summary);
      else summary = undefined;
      if (trouble !== 'null') write(page, 'trouble', trouble);
      poll();
    },
    /** Reads now: something was done. */
    poke: poll,
    /** Sends to the pages of one client. @returns whether there is one */
    send<Name extends keyof BoardEvents>(client: string, name: Name, data: BoardEvents[Name]): boolean {
      const own = [...pages].filter(([, each]) => each === client);
      for (const [page] of own) write(page, name, JSON.stringify(data));
      return own.length > 0;
    },
    sendToAll,
    has: (client: string) => [...pages.values()].includes(client),
    get size(): number {
      return pages.size;
    },
    /** Says that the tool ends, and ends the connections. */
    async close(): Promise<void> {
      clearInterval(alive);
      sendToAll('end', {});
      for (const page of [...pages.keys()]) page.end();
      pages.clear();
      clearTimeout(timer);
      await polling;
    },
  };
}

/** All that a deployment may change; what is no data of the stack is left out. */
function outputsOf({ agents: _, clients: __, ledger: ___, ...stack }: Stack): string {
  return JSON.stringify(stack);
}

export function write(page: ServerResponse, name: keyof BoardEvents, json: string): void {
  if (page.writableLength > MOST_UNSENT) page.destroy();
  else page.write(`event: ${name}\ndata: ${json}\n\n`);
}
