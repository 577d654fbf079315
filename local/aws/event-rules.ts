/** Which events a rule of EventBridge takes: for each field a list of allowed values, or a pattern for the fields in it. */
export interface EventPattern {
  readonly [field: string]: EventPattern | readonly unknown[];
}

/**
 * Checks a pattern of the template: the local stack compares with exact values only.
 *
 * @throws Error that names the field with another condition, such as a prefix
 */
export function readEventPattern(pattern: unknown, path = ''): EventPattern {
  if (!isObject(pattern)) throw new Error(`an event pattern must be an object${path}`);
  for (const [field, expected] of Object.entries(pattern)) {
    const here = `${path === '' ? ' at ' : `${path}.`}${field}`;
    if (!Array.isArray(expected)) readEventPattern(expected, here);
    else if (expected.some(isObject))
      throw new Error(`the local stack can't match by ${JSON.stringify(expected)}${here}`);
  }
  return pattern as EventPattern;
}

export function matches(pattern: EventPattern, value: unknown): boolean {
  return Object.entries(pattern).every(([field, expected]) => {
    const actual = isObject(value) ? value[field] : undefined;
    return Array.isArray(expected) ? expected.includes(actual) : matches(expected as EventPattern, actual);
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
