/** The leader's side of the nodes' sessions over a log in memory, on a virtual clock. */
import { seededRandom } from '#base/random';
import type { UseCase } from '#control/cluster';
import { initCluster } from '#control/clusters';
import { Manager } from '#manager/manager';
import { Sessions } from '#manager/sessions';
import type { Task } from '#model/object/task';
import type { TaskState } from '#model/object/task-state';
import { ReplicatedState } from '#replica/state';
import { newMeta, type Action } from '#store/action';
import { testDescription } from '#test/support/memory-cluster';
import { MemoryLog } from '#test/support/memory-log';
import { silentLogger } from '#test/support/silent-logger';
import { VirtualClock } from '#test/support/virtual-clock';

export const nodeId = 'node-one';

/** A manager that leads, and the sessions of its nodes. */
export async function setUpSessions() {
  const state = new ReplicatedState();
  const log = new MemoryLog(state);
  const clock = new VirtualClock();
  const random = seededRandom(3);
  const manager = new Manager({}, { log, term: 1, state, stages: [], clock, random, logger: silentLogger, onFatal: () => {} });
  const submit = <R>(useCase: UseCase<R>): Promise<R> => manager.submit(useCase);
  await log.start();
  manager.start();
  await submit(initCluster({ nodeId, address: '10.0.0.9', description: testDescription }));
  const sessions = new Sessions({ submit, state, clock, random, logger: silentLogger });
  await sessions.start();
  const write = (actions: readonly Action[]): Promise<void> => submit(() => ({ actions, result: undefined }));
  return { sessions, manager, store: state.store, clock, log, write };
}

/** One of the node's. */
export function ofNode(id: string, state: TaskState = 'assigned'): Task {
  return {
    ...newMeta(id),
    Spec: { ContainerSpec: { Image: 'app' } },
    ServiceID: 'service',
    NodeID: nodeId,
    Status: { Timestamp: '', State: state, Message: '' },
    DesiredState: 'running',
    Shoal: { ServiceName: 's', ServiceLabels: {}, SpecVersion: 0 },
  };
}

export const running = { Timestamp: '2026-01-01T00:00:00Z', State: 'running', Message: 'started' } as const;
