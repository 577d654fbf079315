import {
  drawTicket,
  type Entry,
  inProcessWait,
  type Line,
  NEW_LINE,
  type Pacer,
  type PacerSettings,
  passGate,
  pushLineBack,
  type Ticket,
} from '../domain/pacer.ts';
import type { TableCall } from './memory-ledger.ts';

/** The pacer in memory, for tests, virtual time and benchmarks. */
export class MemoryPacer implements Pacer {
  readonly #settings: PacerSettings;
  readonly #onCall: TableCall;
  readonly #lines = new Map<string, Line>();

  /** @param onCall see {@link TableCall} */
  constructor(settings: PacerSettings, onCall: TableCall = () => undefined) {
    this.#settings = settings;
    this.#onCall = onCall;
  }

  async reserve(name: string, now: number): Promise<Ticket> {
    await this.#onCall('UpdateItem');
    const known = this.#lines.get(name);
    if (known === undefined || known.nextSlot < now) await this.#onCall('UpdateItem');
    const { line, ticket } = drawTicket(this.line(name), now, this.#settings);
    this.#lines.set(name, line);
    return ticket;
  }

  async enter(name: string, ticket: Ticket, now: number): Promise<Entry> {
    const late = now - ticket.slot;
    const tried = late >= 0 && late <= inProcessWait(this.#settings) && late < this.#settings.intervalMs;
    if (tried) await this.#onCall('UpdateItem');
    const known = this.#lines.get(name);
    const inTurn = tried && known !== undefined && known.pushed === ticket.pushed && known.opensAt <= now;
    if (!inTurn) await this.#onCall('GetItem');
    if (!inTurn && passGate(this.line(name), ticket, now, this.#settings).entry.kind === 'entered')
      await this.#onCall('UpdateItem');
    const { line, entry } = passGate(this.line(name), ticket, now, this.#settings);
    this.#lines.set(name, line);
    return entry;
  }

  async pushBack(name: string, ticket: Ticket, until: number): Promise<void> {
    await this.#onCall('GetItem');
    await this.#onCall('UpdateItem');
    this.#lines.set(name, pushLineBack(this.line(name), ticket, until));
  }

  async keepShut(name: string, until: number): Promise<void> {
    await this.#onCall('UpdateItem');
    const line = this.line(name);
    this.#lines.set(name, { ...line, opensAt: Math.max(line.opensAt, until) });
  }

  /** The state of a line. */
  line(name: string): Line {
    return this.#lines.get(name) ?? NEW_LINE;
  }
}
