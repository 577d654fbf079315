import { DEAD_LETTER_ATTRIBUTES } from '../../functions/domain/model/message-attributes.ts';
import type { BuildsQueue, DeadLetterStore, StoredDeadLetter } from '../../functions/domain/ports.ts';
import { ROUTE } from './world.ts';

export function aDeadLetter(
  id: string,
  attributes: Partial<Record<keyof typeof DEAD_LETTER_ATTRIBUTES, string>> = {},
): StoredDeadLetter {
  const project = `${ROUTE.userId}/${ROUTE.projectId}`;
  const all = { id: `dead-letter-${id}`, reason: 'InvalidApiKey', project, ...attributes };
  const named = Object.entries(all).map(([name, value]) => [DEAD_LETTER_ATTRIBUTES[name as keyof typeof all], value]);
  return {
    messageId: id,
    receiptHandle: `r-${id}`,
    body: `body ${id}`,
    sentAt: 0,
    attributes: Object.fromEntries(named),
  };
}

/** A dead-letter queue and a builds queue in memory. Hidden messages stay hidden until they are released. */
export class TwoQueues implements DeadLetterStore, BuildsQueue {
  readonly visible: StoredDeadLetter[];
  readonly hidden: StoredDeadLetter[] = [];
  readonly sent: StoredDeadLetter[] = [];
  /** Called before each call; throw to fail it. */
  onCall: (call: 'receive' | 'release' | 'delete' | 'send') => void = () => {};
  refuses: (deadLetter: StoredDeadLetter) => boolean = () => false;

  constructor(...deadLetters: StoredDeadLetter[]) {
    this.visible = deadLetters;
  }

  async receive(): Promise<readonly StoredDeadLetter[]> {
    this.onCall('receive');
    const received = this.visible.splice(0, 10);
    this.hidden.push(...received);
    return received;
  }

  async release(deadLetters: readonly StoredDeadLetter[]): Promise<void> {
    this.onCall('release');
    for (const deadLetter of deadLetters) this.visible.push(...this.#take(deadLetter));
  }

  async delete(deadLetters: readonly StoredDeadLetter[]): Promise<readonly StoredDeadLetter[]> {
    this.onCall('delete');
    return deadLetters.filter((deadLetter) => this.#take(deadLetter).length === 1);
  }

  async send(deadLetters: readonly StoredDeadLetter[]): Promise<readonly StoredDeadLetter[]> {
    this.onCall('send');
    const taken = deadLetters.filter((deadLetter) => !this.refuses(deadLetter));
    this.sent.push(...taken);
    return taken;
  }

  #take(deadLetter: StoredDeadLetter): StoredDeadLetter[] {
    const index = this.hidden.indexOf(deadLetter);
    return index < 0 ? [] : this.hidden.splice(index, 1);
  }
}
