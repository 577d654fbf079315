import { DEAD_LETTER_ATTRIBUTES } from '../../functions/domain/model/message-attributes.ts';
import type { BuildsQueue, DeadLetterStore, StoredLetter } from '../../functions/domain/redrive/redrive.ts';
import { ROUTE } from './world.ts';

export function aLetter(
  id: string,
  attributes: Partial<Record<keyof typeof DEAD_LETTER_ATTRIBUTES, string>> = {},
): StoredLetter {
  const project = `${ROUTE.userId}/${ROUTE.projectId}`;
  const all = { id: `letter-${id}`, reason: 'InvalidApiKey', project, ...attributes };
  const named = Object.entries(all).map(([name, value]) => [DEAD_LETTER_ATTRIBUTES[name as keyof typeof all], value]);
  return {
    messageId: id,
    receiptHandle: `r-${id}`,
    body: `body ${id}`,
    sentAt: 0,
    attributes: Object.fromEntries(named),
  };
}

/** A dead-letter queue and a builds queue in memory. Hidden letters stay hidden until they are released. */
export class TwoQueues implements DeadLetterStore, BuildsQueue {
  readonly visible: StoredLetter[];
  readonly hidden: StoredLetter[] = [];
  readonly sent: StoredLetter[] = [];
  /** Called before each call; throw to fail it. */
  onCall: (call: 'receive' | 'release' | 'delete' | 'send') => void = () => {};
  refuses: (letter: StoredLetter) => boolean = () => false;

  constructor(...letters: StoredLetter[]) {
    this.visible = letters;
  }

  async receive(): Promise<readonly StoredLetter[]> {
    this.onCall('receive');
    const letters = this.visible.splice(0, 10);
    this.hidden.push(...letters);
    return letters;
  }

  async release(letters: readonly StoredLetter[]): Promise<void> {
    this.onCall('release');
    for (const letter of letters) this.visible.push(...this.#take(letter));
  }

  async delete(letters: readonly StoredLetter[]): Promise<readonly StoredLetter[]> {
    this.onCall('delete');
    return letters.filter((letter) => this.#take(letter).length === 1);
  }

  async send(letters: readonly StoredLetter[]): Promise<readonly StoredLetter[]> {
    this.onCall('send');
    const taken = letters.filter((letter) => !this.refuses(letter));
    this.sent.push(...taken);
    return taken;
  }

  #take(letter: StoredLetter): StoredLetter[] {
    const index = this.hidden.indexOf(letter);
    return index < 0 ? [] : this.hidden.splice(index, 1);
  }
}
