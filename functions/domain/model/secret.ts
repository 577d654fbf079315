import type { ZipDelivery } from './file-url.ts';

const inspect = Symbol.for('nodejs.util.inspect.custom');

/** A value that no log, JSON, template literal or inspection prints. Only `reveal()` returns it. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [inspect](): string {
    return '[secret]';
  }
}

/** A presigned URL is a credential: its query is all that is needed to download the build. It prints without the query. */
export class PresignedUrl {
  readonly #url: string;
  /** When the signature expires, in ms since the epoch. A URL of S3 expires sooner if the signing credentials do. */
  readonly expiresAt: number;
  readonly delivery: ZipDelivery;
  constructor(url: string, expiresAt: number, delivery: ZipDelivery = 's3') {
    this.#url = url;
    this.expiresAt = expiresAt;
    this.delivery = delivery;
  }
  reveal(): string {
    return this.#url;
  }
  toString(): string {
    return `${this.#url.split('?', 1)[0]}?[presigned]`;
  }
  toJSON(): string {
    return this.toString();
  }
  [inspect](): string {
    return this.toString();
  }
}
