/** A whole manager: the log on the disk, the loop over it, and the nodes' sessions. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import type { Cluster } from '#control/cluster';
import type { OpenSession } from '#model/assignment';
import { Manager } from './manager.ts';
import { RaftLog, type RaftLogOptions } from './raft-log.ts';
import { Sessions } from './sessions.ts';
import { stages } from './stages.ts';
import { ReplicatedState } from './state.ts';

export interface ManagerDependencies {
  clock: Clock;
  /** Ids are made of it: it must be unguessable in production, seeded in tests. */
  random: Random;
  logger: Logger;
  /** Called once when going on would be guessing: the process must end and start again from the disk. */
  onFatal: (error: unknown) => void;
}

export interface RunningManager {
  cluster: Cluster;
  openSession: OpenSession;
  /** This node leads: its answers are the newest. */
  leads: () => boolean;
  /** Ends the sessions, refuses what waits, closes the files. */
  stop: () => Promise<void>;
}

/** Resolves when the manager serves. Refuses when the folder belongs to another node or cannot be read. */
export async function startManager(options: RaftLogOptions, dependencies: ManagerDependencies): Promise<RunningManager> {
  const { clock, random, logger } = dependencies;
  const onFatal = once(dependencies.onFatal);
  const state = new ReplicatedState();
  const log = new RaftLog(options, { clock, random: random.split('raft'), logger, stateMachine: state, onFatal });
  const manager = new Manager({}, { log, state, stages, clock, random, logger, onFatal });
  const sessions = new Sessions({ submit: (useCase) => manager.submit(useCase), state, clock, random, logger });
  await manager.start();
  await sessions.start();
  return {
    cluster: manager,
    openSession: sessions.open,
    leads: () => log.leads(),
    stop: async () => {
      sessions.stop();
      await manager.stop();
    },
  };
}

/** The log and the loop may both see the same fault. */
function once(report: (error: unknown) => void): (error: unknown) => void {
  let reported = false;
  return (error) => {
    if (reported) return;
    reported = true;
    report(error);
  };
}
