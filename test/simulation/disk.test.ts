import { expect, test } from 'vitest';
import { tier } from './tiers/disk.ts';

/** More seeds by SHOAL_SEEDS, one by SHOAL_SEED=17. */
const seeds = process.env['SHOAL_SEED']
  ? [Number(process.env['SHOAL_SEED'])]
  : Array.from({ length: Number(process.env['SHOAL_SEEDS'] ?? 100) }, (_, at) => at + 1);

test.each(tier.guided)('$name', async (script) => {
  await script.run();
});

test('a log on a disk that tears, forgets, fills up and is switched off keeps what was acknowledged', async () => {
  const totals = new Map<string, number>();
  for (const seed of seeds) {
    try {
      for (const [name, times] of Object.entries((await tier.run(seed)).counts)) totals.set(name, (totals.get(name) ?? 0) + times);
    } catch (error) {
      throw new Error(`SHOAL_SEED=${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  // A campaign that tears and restores nothing proves nothing.
  if (seeds.length >= 100)
    for (const [name, least] of Object.entries(tier.minimums)) expect(totals.get(name), name).toBeGreaterThan((least * seeds.length) / 100);
}, 300_000);

test('a seed does the same twice', async () => {
  for (const seed of [1, 2, 3]) expect(await tier.run(seed)).toEqual(await tier.run(seed));
});
