/** The disk tier: the real log and storage on a disk in memory that is switched off at any call, over many lives. */
import { DiskSimulation } from '#test/support/disk-simulation';
import { diskScripts } from '#test/support/disk-scripts';
import type { Tier } from '../tier.ts';

export const tier: Tier = {
  name: 'disk',
  guided: diskScripts,
  run: (seed, faults) => new DiskSimulation(seed, faults).run(),
  replays: 400,
  minimums: { lives: 500, kills: 200, powerLosses: 100, writes: 2000, snapshots: 100, installs: 20, full: 30, torn: 10 },
};
