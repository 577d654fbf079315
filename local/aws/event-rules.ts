/** What an event must look like for a rule of EventBridge to take it. */
export interface EventPattern {
  readonly [field: string]: EventPattern | readonly Matcher[];
}

type Matcher = string | number | boolean | null | { readonly prefix: string };

/**
 * A pattern as the template has it, as far as the local stack can go by it: exact values and prefixes.
 *
 * @throws Error that names the field and what is not known about it
 */
export function readEventPattern(pattern: unknown, path = ''): EventPattern {
  if (!isObject(pattern)) throw new Error(`An event pattern must be an object${path === '' ? '' : ` at ${path}`}.`);
  return Object.fromEntries(
    Object.entries(pattern).map(([field, expected]) => {
      const at = path === '' ? field : `${path}.${field}`;
      return [
        field,
        Array.isArray(expected) ? expected.map((each) => readMatcher(each, at)) : readEventPattern(expected, at),
      ];
    }),
  );
}

function readMatcher(matcher: unknown, path: string): Matcher {
  if (!isObject(matcher)) return matcher as Matcher;
  const { prefix } = matcher;
  if (typeof prefix === 'string' && Object.keys(matcher).length === 1) return { prefix };
  throw new Error(`The local stack can't match ${path} by ${JSON.stringify(matcher)}.`);
}

/** Whether the value has all that the pattern names. Of a list, one element is enough. */
export function matches(pattern: EventPattern, value: unknown): boolean {
  return Object.entries(pattern).every(([field, expected]) => {
    const actual = isObject(value) ? value[field] : undefined;
    if (!isMatchers(expected)) return matches(expected, actual);
    const candidates: readonly unknown[] = Array.isArray(actual) ? actual : [actual];
    return candidates.some((candidate) => expected.some((matcher) => fits(matcher, candidate)));
  });
}

function fits(matcher: Matcher, value: unknown): boolean {
  if (typeof matcher !== 'object' || matcher === null) return value === matcher;
  return typeof value === 'string' && value.startsWith(matcher.prefix);
}

function isMatchers(expected: EventPattern | readonly Matcher[]): expected is readonly Matcher[] {
  return Array.isArray(expected);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
