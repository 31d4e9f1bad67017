/** The parts that the API is given, behind a wall: a synchronous throw of theirs becomes a rejection, a throw of ours in their callbacks stays ours. */
import type { Clock } from '#base/clock';
import { shareTurns } from '#base/pace/turn';
import type { Cluster } from '#control/cluster';
import type { Custody, Dependencies, LocalSwarm, NodesLine, TaskLogs } from './dependencies.ts';
import type { Guard } from './guard.ts';

const listenerFails = { follows: 'this listener misses what it was told; the others and the daemon go on' };
const timerFails = { follows: 'what was due is left out; the daemon goes on' };

export function contained(parts: Dependencies, guard: Guard): Dependencies {
  return {
    ...parts,
    cluster: containedCluster(parts.cluster, guard),
    swarm: containedSwarm(parts.swarm),
    logs: containedLogs(parts.logs),
    ...(parts.nodes && { nodes: containedNodes(parts.nodes) }),
    ...(parts.authority && { authority: { change: async (cluster, wanted) => parts.authority?.change(cluster, wanted) } }),
    ...(parts.custody && { custody: containedCustody(parts.custody) }),
    reconciler: {
      sync: async (name, renews) => parts.reconciler.sync(name, renews),
      waiting: (stack) => parts.reconciler.waiting(stack),
      planCommit: async (name, ref) => parts.reconciler.planCommit(name, ref),
      commits: async (name, range) => parts.reconciler.commits(name, range),
      git: async (name, asked, response) => parts.reconciler.git(name, asked, response),
      adoption: async (stack, adopter) => parts.reconciler.adoption(stack, adopter),
      plan: async (spec, options) => parts.reconciler.plan(spec, options),
    },
    reconcileEvents: { watch: (listener) => parts.reconcileEvents.watch(guard.callback('a listener to the reconciler', listener, listenerFails)) },
    clock: containedClock(parts.clock, guard),
  };
}

function containedCluster(cluster: Cluster, guard: Guard): Cluster {
  return {
    read: async () => cluster.read(),
    submit: async (useCase, ...named) => cluster.submit(useCase, ...named),
    watch: (listener) => cluster.watch(guard.callback('a listener to the cluster', listener, listenerFails)),
  };
}

function containedNodes(nodes: NodesLine): NodesLine {
  return {
    open: async (nodeId, signal) => nodes.open(nodeId, signal),
    isTask: (containerId) => nodes.isTask(containerId),
    neighbours: (networkId) => nodes.neighbours(networkId),
    examine: async (look) => nodes.examine(look),
    heldServices: async (nodeIds) => nodes.heldServices(nodeIds),
  };
}

function containedSwarm(swarm: LocalSwarm): LocalSwarm {
  return {
    status: () => swarm.status(),
    init: async (request) => swarm.init(request),
    join: async (request, replaces) => swarm.join(request, replaces),
    leave: async (force) => swarm.leave(force),
  };
}

function containedCustody(custody: Custody): Custody {
  return {
    unlock: async (key) => custody.unlock(key),
    async *backup(passphrase) {
      yield* custody.backup(passphrase);
    },
    restore: async (request, file) => custody.restore(request, file),
  };
}

/** Opened when the first line is asked for: that is inside the reader's try. */
function containedLogs(logs: TaskLogs): TaskLogs {
  return {
    async *open(task, options, signal) {
      yield* logs.open(task, options, signal);
    },
  };
}

function containedClock(clock: Clock, guard: Guard): Clock {
  const own: Clock = {
    now: () => clock.now(),
    monotonicNow: () => clock.monotonicNow(),
    after: (delayMs, run) => clock.after(delayMs, guard.callback('a timer', run, timerFails)),
    soon: (run) => clock.soon(guard.callback('a timer', run, timerFails)),
  };
  shareTurns(own, clock);
  return own;
}
