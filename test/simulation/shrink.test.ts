import { expect, test } from 'vitest';
import { Faults } from '#test/support/faults';
import { shrinkFault } from '#test/support/planted';
import { shrink } from '#test/support/shrink';
import { faultsOf } from './replay.ts';
import { Violation, type Tier } from './tier.ts';
import { loadFaults, loadTier, tierNames } from './tiers.ts';

/** A tier of forty faults, which breaks its promise when two of them meet. */
const made: Tier = {
  name: 'made',
  guided: [],
  minimums: {},
  replays: 100,
  run: (_, faults = new Faults()) => {
    const met = Array.from({ length: 40 }, (__, at) => faults.strikes(`f-${at}`, () => `fault ${at}`));
    if (met[3] && met[31]) throw new Violation('pair', 'both met');
    if (met[3]) throw new Violation('other', 'another promise');
    return { trace: met.join(), counts: {} };
  },
};

test('the faults that a failure needs are found among many, and another failure does not count', async () => {
  const found = await shrink(made, 1);
  expect(found?.least.faults.names).toEqual(['f-3', 'f-31']);
  expect(found?.least.broken?.message).toBe('pair: both met');
});

test('the number of replays is bounded, and what was found by then is given', async () => {
  const found = await shrink({ ...made, replays: 5 }, 1);
  expect(found?.replays).toBe(5);
  expect(found?.least.broken?.check).toBe('pair');
  expect(found?.least.faults.names.length).toBeGreaterThan(2);
});

test('a seed that keeps its promises leaves nothing to shrink', async () => {
  expect(await shrink({ ...made, run: () => ({ trace: '', counts: {} }) }, 1)).toBeUndefined();
});

test.each(tierNames())(
  'a seed of the tier %s told all its own faults does the same as without being told',
  async (name) => {
    const tier = await loadTier(name);
    const all = new Faults();
    const { trace } = await tier.run(9, all);
    expect(all.names.length).toBeGreaterThan(3);
    expect((await tier.run(9, new Faults(all.names))).trace).toBe(trace);
    expect((await tier.run(9, new Faults([]))).trace).not.toBe(trace);
  },
  60_000,
);

/** One of each tier that a seed finds soon, by something that goes wrong. */
const planted = [
  ['core', 'does not compare logs when voting'],
  ['disk', 'the rest of a short write is forgotten'],
  ['driver', 'serves before the first entry of its term is applied'],
] as const;

test.each(planted)(
  'a failing seed of the tier %s is shrunk to few of its faults, and the command that is printed fails again the same way: %s',
  async (tier, name) => {
    const fault = (await loadFaults(tier)).find((one) => one.name === name);
    if (!fault) throw new Error(`no fault ${name} is planted in ${tier}`);
    const found = await shrinkFault(fault, 100);
    if (!found) throw new Error(`${name} is not found`);
    expect(found.left.length).toBeLessThan(found.all.length);
    expect(faultsOf(found.command.split(' --faults ')[1] ?? '')).toEqual(found.left);
    expect(found.again[0]).toContain(found.message);
    expect(found.again[1]).toBe('the same twice');
    expect(found.again.join('\n')).not.toContain('never met');
  },
  150_000,
);
