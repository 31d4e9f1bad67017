/** A short look at every target with a seed of its own each day, so that all machines of one day see the same; `npm run fuzz` looks longer. */
import { expect, test } from 'vitest';
import { fuzz } from './runner.ts';
import { targets } from './targets.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Date.now() / 86_400_000));

test.each(targets.map((target) => [target.name, target] as const))('%s', async (_name, target) => {
  const { inputs, found } = await fuzz(target, { seed, seconds: 3 });
  expect(found).toBeUndefined();
  expect(inputs).toBeGreaterThan(0);
});

test('a wrong answer is found, made small, and told with its seed', async () => {
  const { target } = await import('./target.ts');
  const { default: fc } = await import('fast-check');
  const planted = target<number[]>({
    name: 'planted',
    inputs: fc.array(fc.integer()),
    start: async () => ({ judge: (numbers) => (numbers.includes(7) || numbers.length > 5 ? 'seven' : undefined), stop: async () => undefined }),
  });
  const { found } = await fuzz(planted, { seed: 1, seconds: 5 });
  expect(found).toMatch(/^planted: Error: seven/);
  expect(found).toContain('again: npm run fuzz -- --target planted --seed 1');
  expect(found).toMatch(/smallest input \(after \d+ steps\): \[0,0,0,0,0,0\]/);
});

test('an answer that does not come is found', async () => {
  const { target } = await import('./target.ts');
  const { default: fc } = await import('fast-check');
  const hanging = target<boolean>({
    name: 'hanging',
    inputs: fc.boolean(),
    start: async () => ({ judge: () => new Promise<undefined>(() => undefined), stop: async () => undefined }),
  });
  expect((await fuzz(hanging, { seed: 1, seconds: 30, most: 1, hangMs: 100 })).found).toContain('no answer within 100 ms');
});
