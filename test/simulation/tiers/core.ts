/** The core tier: groups of members over a simulated network and disk. */
import { Raft } from '#raft/raft';
import { RaftSimulation } from '#test/support/raft-simulation';
import type { Tier } from '../tier.ts';

export const tier: Tier = {
  name: 'core',
  guided: [],
  run: (seed) => {
    const simulation = new RaftSimulation(seed, 1 + (seed % 5), Raft);
    simulation.run(300);
    return { trace: '', counts: { commits: simulation.checks.history.size, reads: simulation.checks.reads } };
  },
  minimums: { commits: 1000, reads: 200 },
};
