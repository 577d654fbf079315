import { expect, it } from 'vitest';
import { systemClock } from '../../functions/adapters/system-clock.ts';

it('the machine’s clock sleeps: what is due earlier happens meanwhile', async () => {
  let isDue = false;
  setTimeout(() => {
    isDue = true;
  }, 1);
  await systemClock.sleep(50);
  expect(isDue).toBe(true);
});
