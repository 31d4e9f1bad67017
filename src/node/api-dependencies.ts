/** What the API is given of this daemon. */
import type { Dependencies, ReconcileEvent, TaskLogLine, TaskLogOptions } from '#api/dependencies';
import type { Listeners } from '#base/listeners';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { Registries } from '#engine/registries';
import { deployPlanner } from '#gitops/plan';
import { foresee } from '#manager/foresight/foresee';
import type { Task } from '#model/object/task';
import type { ClusterDoor } from './cluster-door.ts';
import type { ClusterLife } from './cluster-life.ts';
import { leaderWay } from './leader-way.ts';
import type { ManagerPart } from './member/manager-part.ts';
import type { Membership } from './member/membership.ts';
import { remoteLogs } from './member/remote-logs.ts';
import type { DaemonOptions } from './options.ts';
import type { KeptEvents } from './state/kept-events.ts';
import { systemClock } from './system.ts';

export interface DaemonInside {
  door: ClusterDoor;
  life: ClusterLife;
  events: Listeners<ReconcileEvent>;
  kept: KeptEvents;
}

export function apiDependencies(options: DaemonOptions, logger: Logger, { door, life, events, kept }: DaemonInside): Dependencies {
  const member = (): Membership | undefined => life.member;
  const inside = (): Membership => life.inside();
  const managing = (): ManagerPart => life.managing();
  const logsOf = (task: Task, logOptions: TaskLogOptions, signal: AbortSignal): AsyncIterable<TaskLogLine> => {
    const { identity, agent } = inside();
    if (task.NodeID === identity.nodeId) return agent.logs(task.ID, logOptions, signal);
    return remoteLogs(task, logOptions, signal, (nodeId) => managing().openNode(nodeId, signal));
  };
  const watchEvents = (listener: (event: ReconcileEvent) => void): (() => void) => {
    for (const event of member()?.manager?.reconciled ?? []) listener(event);
    return events.add(listener);
  };
  return {
    cluster: door,
    leader: leaderWay(managing, () => member()?.problem),
    swarm: life,
    custody: life.custody,
    authority: { change: async (cluster, wanted) => managing().authority.change(cluster, wanted) },
    engineSocket: options.engine,
    registries: new Registries(options.engine),
    nodes: {
      open: async (nodeId, signal) => await managing().openNode(nodeId, signal),
      isTask: (containerId) => member()?.agent.runs(containerId) === true,
      neighbours: (networkId) => member()?.neighbours(networkId) ?? [],
      examine: async (look) => await inside().work.examine(look),
      heldServices: async (nodeIds) => await managing().seat.heldServices(nodeIds),
    },
    guests: guestsOf(member, inside),
    logs: { open: (task, logOptions, signal) => logsOf(task, logOptions, signal) },
    reconciler: {
      sync: async (name, renews) => managing().gitops.sync(name, renews),
      waiting: (name) => member()?.manager?.waiting(name),
      planCommit: async (name, ref) => managing().gitops.planCommit(name, ref),
      commits: async (name, range) => managing().gitops.commits(name, range),
      git: async (name, asked, response) => managing().gitops.git(name, asked, response),
      adoption: async (name, adopter) => managing().gitops.adoption(name, adopter),
      plan: deployPlanner(door, systemClock, foresee),
    },
    eventLog: kept,
    reconcileEvents: { watch: (listener) => watchEvents(listener) },
    metrics: {
      raftIndex: () => member()?.manager?.state.store.index ?? 0,
      leads: () => member()?.manager?.seat.leads() ?? false,
      log: () => member()?.manager?.logFigures(),
      readOnly: () => member()?.manager?.log.full !== undefined,
      network: async () => (await member()?.networkFigures()) ?? [],
      services: async () => (await member()?.serviceCounts()) ?? {},
    },
    logger: logger.child({ part: 'api' }),
    clock: systemClock,
  };
}

/** A node in safe mode, or in no cluster, refuses to bring any, and has none. */
function guestsOf(member: () => Membership | undefined, inside: () => Membership): NonNullable<Dependencies['guests']> {
  const line = () => {
    const { guests } = inside().agent;
    if (!guests) throw new Refusal('unavailable', 'this node brings no containers to networks of the cluster');
    return guests;
  };
  return {
    attach: async (request) => line().attach(request),
    settle: async (key, taskId, containerId, name) => line().settle(key, taskId, containerId, name),
    release: async (taskId, networkId, key) => line().release(taskId, networkId, key),
    drop: (key) => member()?.agent.guests?.drop(key),
    taskOf: (containerId) => member()?.agent.guests?.taskOf(containerId),
    wake: async (containerId) => (await member()?.agent.guests?.wake(containerId)) ?? (() => {}),
    networkName: (networkId) => line().networkName(networkId),
  };
}
