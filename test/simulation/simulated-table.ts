import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { LEDGER_TABLE } from '../../functions/adapters/ledger-table.ts';

export type TableCommand = DeleteItemCommand | GetItemCommand | PutItemCommand | QueryCommand | UpdateItemCommand;

type Item = Record<string, unknown>;
type MarshalledItem = Record<string, AttributeValue>;
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
export class SimulatedTable {
  readonly #items = new Map<string, Item>();

  /** @throws ConditionalCheckFailedException as DynamoDB does */
  execute(command: TableCommand): object {
    if (command instanceof GetItemCommand) return { Item: this.#get(command.input.Key) };
    if (command instanceof QueryCommand) return this.#query(command.input);
    return this.#write(command);
  }

  #get(key: MarshalledItem | undefined): MarshalledItem | undefined {
    const item = this.#items.get(keyOf(key));
    return item && marshall(item);
  }

  #write(command: DeleteItemCommand | PutItemCommand | UpdateItemCommand): object {
    const key = keyOf(command instanceof PutItemCommand ? command.input.Item : command.input.Key);
    const stored = this.#items.get(key) ?? {};
    const { ConditionExpression: condition } = command.input;
    const parser = new ExpressionParser(command.input);
    if (condition !== undefined && !parser.condition(condition)(stored)) {
      throw new ConditionalCheckFailedException({ message: 'The conditional request failed', $metadata: {} });
    }
    if (command instanceof DeleteItemCommand) {
      this.#items.delete(key);
      return {};
    }
    const next =
      command instanceof PutItemCommand
        ? unmarshall(command.input.Item ?? {})
        : { ...stored, [PK]: key, ...parser.update(command.input.UpdateExpression ?? '')(stored) };
    this.#items.set(key, next);
    return { Attributes: marshall(next) };
  }

  #query(input: QueryCommand['input']): object {
    const index = INDEXES.find(({ name }) => name === input.IndexName);
    if (index === undefined) throw new Error('ValidationException: no such index');
    const direction = input.ScanIndexForward === false ? -1 : 1;
    const inOrder = (a: Item, b: Item) => direction * (order(a[index.sort], b[index.sort]) || order(a[PK], b[PK]));
    const parser = new ExpressionParser(input);
    const start = input.ExclusiveStartKey && unmarshall(input.ExclusiveStartKey);
    const matching = [...this.#items.values()]
      .filter((item) => index.partition in item && index.sort in item)
      .filter(parser.condition(input.KeyConditionExpression ?? ''))
      .sort(inOrder)
      .filter((item) => start === undefined || inOrder(start, item) < 0);
    const page = matching.slice(0, input.Limit);
    const last = page.at(-1);
    const kept = input.FilterExpression === undefined ? page : page.filter(parser.condition(input.FilterExpression));
    return {
      Count: kept.length,
      ...(input.Select === 'COUNT' ? {} : { Items: kept.map((item) => marshall(item)) }),
      ...(last === undefined || page.length === matching.length
        ? {}
        : {
            LastEvaluatedKey: marshall({
              [PK]: last[PK],
              [index.partition]: last[index.partition],
              [index.sort]: last[index.sort],
            }),
          }),
    };
  }
}

function keyOf(key: MarshalledItem | undefined): string {
  const value = key?.[PK]?.S;
  if (value === undefined) throw new Error('ValidationException: no key');
  return value;
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

  constructor(input: Pick<QueryCommand['input'], 'ExpressionAttributeNames' | 'ExpressionAttributeValues'>) {
    this.#names = input.ExpressionAttributeNames ?? {};
    this.#values = unmarshall(input.ExpressionAttributeValues ?? {});
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
    if (name === undefined || !/^\w+$/.test(name)) throw new Error(`ValidationException: ${token} is no name`);
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
