/** A whole manager on a real disk: the log, the loop over it, and the nodes' sessions. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import type { Cluster } from '#control/cluster';
import type { OpenSession } from '#model/object/assignment';
import { ManagerSeat } from '#manager/manager-seat';
import { openDisk } from '#replica/disk-storage';
import type { ReplicaOptions } from '#replica/options';
import { Replica } from '#replica/replica';
import { stages } from '#manager/stages';
import { ReplicatedState } from '#replica/state';

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
  const { clock, random, logger, onFatal } = dependencies;
  const state = new ReplicatedState();
  const log = new Replica(options, {
    clock,
    random: random.split('raft'),
    logger,
    stateMachine: state,
    openStorage: openDisk({ folder, clock, node: options.nodeId, reserveBytes: 0 }),
    onFatal,
  });
  const manager = new ManagerSeat({}, { log, state, stages, clock, random, logger, onFatal });
  await manager.start();
  return {
    cluster: manager,
    openSession: manager.openSession,
    leads: () => log.leads(),
    stop: () => manager.stop(),
  };
}
