/** A manager as production makes it, on whatever disk, wire and clock: the replica, and the seat over it. */
import { ManagerSeat, type ManagerSeatParts } from '#manager/manager-seat';
import { stages as productionStages } from '#manager/stages';
import type { ReplicaOptions, ReplicaParts } from '#replica/options';
import { Replica } from '#replica/replica';
import type { EntryLimits } from '#store/room';
import type { Stage } from '#store/stage';

export interface ReplicaSeatParts extends Omit<ReplicaParts, 'stateMachine' | 'onFatal'>, Pick<ManagerSeatParts, 'state' | 'duties' | 'onFatal'> {
  /** Those of production by default. */
  stages?: readonly Stage[];
  limits?: EntryLimits;
}

export function replicaSeat(options: ReplicaOptions, parts: ReplicaSeatParts): { log: Replica; seat: ManagerSeat } {
  const { state, duties, limits, stages = productionStages, onFatal, clock, random, logger } = parts;
  const log = new Replica(options, { ...parts, stateMachine: state });
  const seat = new ManagerSeat({ ...(limits && { limits }) }, { log, state, stages, clock, random, logger, onFatal, ...(duties && { duties }) });
  return { log, seat };
}
