import { expect, test } from 'vitest';
import { tier } from './tiers/core.ts';

/** More of them by `npm run simulate -- --tier core --seeds N`. */
const seeds = 300;

test.each(tier.guided)('the core keeps its promises: $name', (script) => script.run());

test('groups keep their promises under all faults, recover from them, and enough happens meanwhile', async () => {
  const totals: Record<string, number> = {};
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      for (const [name, times] of Object.entries((await tier.run(seed)).counts)) totals[name] = (totals[name] ?? 0) + times;
    } catch (error) {
      throw new Error(`npm run simulate -- --tier core --seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  // A campaign in which nothing happens proves nothing.
  for (const [name, least] of Object.entries(tier.minimums)) expect([name, (totals[name] ?? 0) >= (least * seeds) / 100]).toEqual([name, true]);
}, 180_000);

test('a seed does the same again', async () => {
  for (const seed of [3, 77, 1234]) {
    const first = await tier.run(seed);
    expect((await tier.run(seed)).trace).toBe(first.trace);
    expect((await tier.run(seed + 1)).trace).not.toBe(first.trace);
  }
});
