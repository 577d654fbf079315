import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { Expressions, Table, TableQuery } from '../../functions/adapters/dynamodb-table.ts';
import { LEDGER_TABLE } from '../../functions/adapters/ledger-table.ts';

type Item = Record<string, unknown>;
type Operand = (item: Item) => unknown;
type Condition = (item: Item) => boolean;

const { partitionKey: PK, byState, byUploadId } = LEDGER_TABLE;
const INDEXES = [
  { name: byState.indexName, partition: byState.partitionKey, sort: byState.sortKey },
  { name: byUploadId.indexName, partition: byUploadId.partitionKey, sort: PK },
];

/**
 * As much of a DynamoDB table as the adapters use: reads, queries, and writes with the conditions and update expressions that
 * they send. What it does not know it refuses, loudly, rather than let a condition pass. Its indexes are never behind.
 */
export class SimulatedTable implements Table {
  readonly #items = new Map<string, Item>();

  async get(key: string): Promise<Item | undefined> {
    const item = this.#items.get(key);
    return item && asStored(item);
  }

  async put(key: string, item: Item, expressions: Expressions): Promise<boolean> {
    if (!this.#writes(key, expressions)) return false;
    this.#items.set(key, asStored({ ...item, [PK]: key }));
    return true;
  }

  async update(key: string, change: string, expressions: Expressions): Promise<Item | undefined> {
    if (!this.#writes(key, expressions)) return undefined;
    const stored = this.#items.get(key) ?? {};
    const next = { ...stored, [PK]: key, ...new ExpressionParser(expressions).update(change)(stored) };
    this.#items.set(key, asStored(next));
    return asStored(next);
  }

  async delete(key: string, expressions: Expressions): Promise<void> {
    if (this.#writes(key, expressions)) this.#items.delete(key);
  }

  /** Whether the condition of a write holds. */
  #writes(key: string, expressions: Expressions): boolean {
    const { condition } = expressions;
    const stored = this.#items.get(key) ?? {};
    return condition === undefined || new ExpressionParser(expressions).condition(condition)(stored);
  }

  async query(input: TableQuery) {
    const index = INDEXES.find(({ name }) => name === input.IndexName);
    if (index === undefined) throw new Error('ValidationException: no such index');
    const direction = input.ScanIndexForward === false ? -1 : 1;
    const inOrder = (a: Item, b: Item) => direction * (order(a[index.sort], b[index.sort]) || order(a[PK], b[PK]));
    const { ExpressionAttributeNames: names = {}, ExpressionAttributeValues: values = {} } = input;
    const parser = new ExpressionParser({ names, values });
    const start = input.ExclusiveStartKey;
    const matching = [...this.#items.values()]
      .filter((item) => index.partition in item && index.sort in item)
      .filter(parser.condition(input.KeyConditionExpression ?? ''))
      .sort(inOrder)
      .filter((item) => start === undefined || inOrder(start, item) < 0);
    const page = matching.slice(0, input.Limit);
    const last = page.at(-1);
    const kept = input.FilterExpression === undefined ? page : page.filter(parser.condition(input.FilterExpression));
    const isWhole = last === undefined || page.length === matching.length;
    return {
      count: kept.length,
      items: input.Select === 'COUNT' ? [] : kept.map(asStored),
      lastKey: isWhole ? undefined : asStored(pick(last, [PK, index.partition, index.sort])),
    };
  }
}

/** A copy, as a table would give it back: undefined fields are left out, and what DynamoDB can't store is an error. */
function asStored(item: Item): Item {
  return unmarshall(marshall(item, { removeUndefinedValues: true }));
}

function pick(item: Item, names: readonly string[]): Item {
  return Object.fromEntries(names.map((name) => [name, item[name]]));
}

function order(a: unknown, b: unknown): number {
  if (a === b) return 0;
  return (a as number | string) < (b as number | string) ? -1 : 1;
}

/** Turns DynamoDB's expressions into functions of the stored item. */
class ExpressionParser {
  readonly #names: Readonly<Record<string, string>>;
  readonly #values: Item;
  #tokens: string[] = [];

  constructor({ names = {}, values = {} }: Expressions) {
    this.#names = names;
    this.#values = values;
  }

  condition(expression: string): Condition {
    return this.#whole(expression, () => this.#or());
  }

  update(expression: string): (item: Item) => Item {
    return this.#whole(expression, () => {
      this.#expect('SET');
      const assignments: [string, Operand][] = [];
      do {
        const name = this.#name();
        this.#expect('=');
        assignments.push([name, this.#sum()]);
      } while (this.#accept(','));
      return (item) => Object.fromEntries(assignments.map(([name, operand]) => [name, operand(item)]));
    });
  }

  #whole<Parsed>(expression: string, parse: () => Parsed): Parsed {
    this.#tokens = expression.match(/[#:]?\w+|<=|>=|<>|\S/g) ?? [];
    const parsed = parse();
    if (this.#tokens.length > 0) throw new Error(`ValidationException: did not expect ${this.#tokens[0]}`);
    return parsed;
  }

  #or(): Condition {
    const left = this.#and();
    if (!this.#accept('OR')) return left;
    const right = this.#or();
    return (item) => left(item) || right(item);
  }

  #and(): Condition {
    const left = this.#comparison();
    if (!this.#accept('AND')) return left;
    const right = this.#and();
    return (item) => left(item) && right(item);
  }

  #comparison(): Condition {
    if (this.#accept('(')) {
      const inner = this.#or();
      this.#expect(')');
      return inner;
    }
    if (this.#accept('attribute_not_exists')) {
      this.#expect('(');
      const name = this.#name();
      this.#expect(')');
      return (item) => item[name] === undefined;
    }
    const left = this.#sum();
    const compare = COMPARISONS[this.#next()];
    if (compare === undefined) throw new Error('ValidationException: no comparison');
    const right = this.#sum();
    return (item) => compare(left(item), right(item));
  }

  #sum(): Operand {
    const left = this.#operand();
    if (!this.#accept('+')) return left;
    const right = this.#operand();
    return (item) => (left(item) as number) + (right(item) as number);
  }

  #operand(): Operand {
    if (this.#accept('if_not_exists')) {
      this.#expect('(');
      const name = this.#name();
      this.#expect(',');
      const otherwise = this.#operand();
      this.#expect(')');
      return (item) => item[name] ?? otherwise(item);
    }
    if (this.#tokens[0]?.startsWith(':')) {
      const token = this.#next();
      if (!(token in this.#values)) throw new Error(`ValidationException: ${token} has no value`);
      return () => this.#values[token];
    }
    const name = this.#name();
    return (item) => item[name];
  }

  #name(): string {
    const token = this.#next();
    const name = token.startsWith('#') ? this.#names[token] : token;
    // Behind a `#` any name will do, as in DynamoDB.
    if (name === undefined || (name === token && !/^\w+$/.test(name)))
      throw new Error(`ValidationException: ${token} is no name`);
    return name;
  }

  #accept(token: string): boolean {
    if (this.#tokens[0] !== token) return false;
    this.#tokens.shift();
    return true;
  }

  #expect(token: string): void {
    if (!this.#accept(token)) throw new Error(`ValidationException: expected ${token}, not ${this.#tokens[0]}`);
  }

  #next(): string {
    return this.#tokens.shift() ?? '';
  }
}

/** A comparison with an attribute that is not there is false, except "not equal". */
const COMPARISONS: Readonly<Record<string, (left: unknown, right: unknown) => boolean>> = {
  '=': (left, right) => left !== undefined && left === right,
  '<>': (left, right) => left !== right,
  '<': (left, right) => left !== undefined && (left as number) < (right as number),
  '<=': (left, right) => left !== undefined && (left as number) <= (right as number),
  '>=': (left, right) => left !== undefined && (left as number) >= (right as number),
};
