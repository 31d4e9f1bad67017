import { expect, test } from 'vitest';
import { tier } from './tiers/driver.ts';

/** More of them by `npm run simulate -- --tier driver --seeds N`. */
const seeds = 40;

test.each(tier.guided)('the driver keeps its promises: $name', (script) => script.run());

test('managers keep their promises under all faults, recover from them, and enough happens meanwhile', async () => {
  const totals: Record<string, number> = {};
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      for (const [name, times] of Object.entries((await tier.run(seed)).counts)) totals[name] = (totals[name] ?? 0) + times;
    } catch (error) {
      throw new Error(`npm run simulate -- --tier driver --seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  // A campaign in which nothing happens proves nothing.
  for (const [name, least] of Object.entries(tier.minimums)) expect([name, (totals[name] ?? 0) >= (least * seeds) / 100]).toEqual([name, true]);
}, 240_000);

test('a seed does the same again', async () => {
  const first = await tier.run(7);
  expect((await tier.run(7)).trace).toBe(first.trace);
  expect((await tier.run(8)).trace).not.toBe(first.trace);
});
