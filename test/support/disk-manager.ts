/** A whole manager on a real disk: the log, the loop over it, and the nodes' sessions. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import type { Cluster } from '#control/cluster';
import type { OpenSession } from '#model/object/assignment';
import { openDisk } from '#replica/disk-storage';
import type { ReplicaOptions } from '#replica/options';
import { ReplicatedState } from '#replica/state';
import { replicaSeat } from './replica-seat.ts';

export interface ManagerDependencies {
  clock: Clock;
  random: Random;
  logger: Logger;
  onFatal: (error: unknown) => void;
}

export interface RunningManager {
  cluster: Cluster;
  openSession: OpenSession;
  leads: () => boolean;
  stop: () => Promise<void>;
}

export async function startManager({ folder, ...options }: ReplicaOptions & { folder: string }, dependencies: ManagerDependencies): Promise<RunningManager> {
  const { clock } = dependencies;
  const openStorage = openDisk({ folder, clock, node: options.nodeId, reserveBytes: 0 });
  const { log, seat } = replicaSeat(options, { ...dependencies, state: new ReplicatedState(), openStorage });
  await seat.start();
  return {
    cluster: seat,
    openSession: seat.openSession,
    leads: () => log.leads(),
    stop: () => seat.stop(),
  };
}
