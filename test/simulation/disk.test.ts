import { expect, test } from 'vitest';
import { tier } from './tiers/disk.ts';

/** More of them by `npm run simulate -- --tier disk --seeds N`. */
const seeds = 100;

test.each(tier.guided)('$name', async (script) => {
  await script.run();
});

test('a log on a disk that tears, forgets, fills up and is switched off keeps what was acknowledged', async () => {
  const totals = new Map<string, number>();
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      for (const [name, times] of Object.entries((await tier.run(seed)).counts)) totals.set(name, (totals.get(name) ?? 0) + times);
    } catch (error) {
      throw new Error(`npm run simulate -- --tier disk --seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  // A campaign that tears and restores nothing proves nothing.
  for (const [name, least] of Object.entries(tier.minimums)) expect(totals.get(name), name).toBeGreaterThan((least * seeds) / 100);
}, 300_000);

test('a seed does the same twice', async () => {
  for (const seed of [1, 2, 3]) expect(await tier.run(seed)).toEqual(await tier.run(seed));
});
