import { expect, test } from 'vitest';
import { Raft } from '#raft/raft';
import { RaftSimulation } from '#test/support/raft-simulation';

/** More seeds by SHOAL_SEEDS=20000, one by SHOAL_SEED=17. */
const seeds = process.env['SHOAL_SEED']
  ? [Number(process.env['SHOAL_SEED'])]
  : Array.from({ length: Number(process.env['SHOAL_SEEDS'] ?? 300) }, (_, at) => at + 1);

test.each([1, 3, 5])(
  'a group of %i keeps its promises under faults and recovers from them',
  (size) => {
    let applied = 0;
    let reads = 0;
    for (const seed of seeds) {
      const simulation = new RaftSimulation(seed, size, Raft);
      try {
        simulation.run(300);
      } catch (error) {
        throw new Error(`SHOAL_SEED=${seed} size ${size}: ${(error as Error).message}`, { cause: error });
      }
      applied += simulation.checks.history.size;
      reads += simulation.checks.reads;
    }
    // A run that commits and reads nothing proves nothing.
    expect(applied / seeds.length).toBeGreaterThan(20);
    expect(reads / seeds.length).toBeGreaterThan(2);
  },
  600_000,
);
