import { expect, it } from 'vitest';
import { concurrently } from '../../cli/concurrently.ts';
import { listed } from '../../cli/units.ts';

it('works through hundreds of items, ten at a time, and gives the results in their order', async () => {
  let [underWay, most] = [0, 0];
  const items = Array.from({ length: 300 }, (_, index) => index);
  const results = await concurrently(items, async (item) => {
    underWay += 1;
    most = Math.max(most, underWay);
    // Those that start first end last.
    for (let wait = 300 - item; wait > 0; wait -= 50) await Promise.resolve();
    underWay -= 1;
    return item * 2;
  });
  expect(results).toEqual(items.map((item) => item * 2));
  expect(most).toBe(10);
});

it('ends with the first error, and starts nothing more', async () => {
  const started: number[] = [];
  const work = concurrently(
    Array.from({ length: 50 }, (_, index) => index),
    async (item) => {
      started.push(item);
      if (item === 3) throw new Error('refused');
    },
  );
  await expect(work).rejects.toThrow('refused');
  expect(started.length).toBeLessThan(50);
});

it('has nothing to do for nothing', async () => {
  expect(await concurrently([], () => Promise.reject(new Error('called')))).toEqual([]);
});

it.each([
  [['a'], 'a'],
  [Array.from('abcdefghij'), 'a, b, c, d, e, f, g, h, i, j'],
  [Array.from('abcdefghijkl'), 'a, b, c, d, e, f, g, h, i, j, and 2 more'],
])('lists %j as a person can read it', (choices, text) => {
  expect(listed(choices)).toBe(text);
});
