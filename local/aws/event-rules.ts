/** Which events a rule of EventBridge takes: for each field a list of conditions, or a pattern for the fields in it. */
export interface EventPattern {
  readonly [field: string]: EventPattern | readonly unknown[];
}

/**
 * Checks a pattern of the template: the local stack knows exact values, the start of a text, and a text with one `*`.
 *
 * @throws Error that names the field with another condition
 */
export function readEventPattern(pattern: unknown, path = ''): EventPattern {
  if (!isObject(pattern)) throw new Error(`an event pattern must be an object${path}`);
  for (const [field, expected] of Object.entries(pattern)) {
    const here = `${path === '' ? ' at ' : `${path}.`}${field}`;
    if (!Array.isArray(expected)) readEventPattern(expected, here);
    else if (!expected.every(isKnown))
      throw new Error(`the local stack can't match by ${JSON.stringify(expected)}${here}`);
  }
  return pattern as EventPattern;
}

function isKnown(condition: unknown): boolean {
  if (!isObject(condition)) return true;
  const [[name, text] = [], ...others] = Object.entries(condition);
  if (typeof text !== 'string' || others.length > 0) return false;
  return name === 'prefix' || (name === 'wildcard' && text.split('*').length === 2);
}

export function matches(pattern: EventPattern, value: unknown): boolean {
  return Object.entries(pattern).every(([field, expected]) => {
    const actual = isObject(value) ? value[field] : undefined;
    if (!Array.isArray(expected)) return matches(expected as EventPattern, actual);
    return expected.some((condition) => holds(condition, actual));
  });
}

function holds(condition: unknown, value: unknown): boolean {
  if (!isObject(condition)) return condition === value;
  const [start = '', end = ''] = String(condition.wildcard ?? `${condition.prefix}*`).split('*');
  return (
    typeof value === 'string' &&
    value.length >= start.length + end.length &&
    value.startsWith(start) &&
    value.endsWith(end)
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
