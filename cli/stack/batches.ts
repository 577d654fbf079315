/** The most messages that SQS takes in one call. */
export const BATCH_SIZE = 10;

export function batchesOf<T>(items: readonly T[]): readonly T[][] {
  return Array.from({ length: Math.ceil(items.length / BATCH_SIZE) }, (_, index) =>
    items.slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE),
  );
}
