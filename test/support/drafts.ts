/** Situations for the orchestrator's rules: a service, its tasks and nodes in a store, and a draft over them. */
import { timeText } from '#base/clock';
import { finish } from '#base/pace/steps';
import { seededRandom } from '#base/random';
import type { Cluster } from '#model/object/cluster';
import type { Node } from '#model/object/node';
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import { isTerminal, type TaskState } from '#model/object/task-state';
import { Draft } from '#stages/orchestrator/draft';
import { surroundingsOf } from '#stages/orchestrator/orchestrator';
import { create, newMeta, type Action } from '#store/action';
import { boundlessRoom } from '#test/support/boundless-room';
import { Store } from '#store/store';

export const now = Date.UTC(2026, 0, 1);

/** State, desired state, and what else is not as usual. */
export interface TaskLine extends Omit<Partial<Task>, 'Shoal'> {
  id?: string;
  slot?: number;
  node?: string;
  state?: TaskState;
  desired?: TaskState;
  Shoal?: Partial<Task['Shoal']>;
}

export function node(id: string, spec: Partial<Node['Spec']> = {}, state: Node['Status']['State'] = 'ready'): Node {
  return { ...newMeta(id), Spec: { Role: 'worker', Availability: 'active', ...spec }, Status: { State: state, Addr: '' } };
}

export function service(spec: Partial<ServiceSpec> = {}, rest: Partial<Service> = {}): Service {
  const TaskTemplate = { ContainerSpec: { Image: 'v1' }, ...spec.TaskTemplate };
  return { ...newMeta('web'), Shoal: { SpecVersion: 1 }, ...rest, Spec: { Name: 'web', ...spec, TaskTemplate } };
}

export function task(line: TaskLine, of: Service = service()): Task {
  const { id, slot, node: nodeId, state = 'running', desired, Shoal, ...rest } = line;
  return {
    ...newMeta(id ?? `t${slot ?? 0}`),
    Spec: of.Spec.TaskTemplate,
    ServiceID: of.ID,
    ...(slot !== undefined && { Slot: slot }),
    NodeID: nodeId ?? 'n1',
    Status: { Timestamp: timeText(now), State: state, Message: '' },
    DesiredState: desired ?? (isTerminal(state) ? 'shutdown' : 'running'),
    ...rest,
    Shoal: { ServiceName: 'web', ServiceLabels: {}, SpecVersion: 1, ...Shoal },
  };
}

export function cluster(limit: number, defaults: Cluster['Spec']['TaskDefaults'] = {}): Cluster {
  return {
    ...newMeta('c'),
    Spec: {
      Name: 'default',
      Orchestration: { TaskHistoryRetentionLimit: limit },
      Raft: { SnapshotInterval: 0, KeepOldSnapshots: 0, LogEntriesForSlowFollowers: 0, ElectionTick: 0, HeartbeatTick: 0 },
      Dispatcher: { HeartbeatPeriod: 0 },
      CAConfig: { NodeCertExpiry: 0 },
      TaskDefaults: defaults,
      EncryptionConfig: { AutoLockManagers: false },
    },
    DefaultAddrPool: [],
    SubnetSize: 24,
    DataPathPort: 4789,
  };
}

/** A draft over a store with these objects; tasks were created one second after another. */
export function draft(of: Service, lines: readonly TaskLine[] = [], nodes: readonly Node[] = [node('n1')], others: readonly Action[] = []): Draft {
  const store = new Store();
  const actions = [...others, ...nodes.map((one) => create('node', one)), create('service', of)];
  store.apply(1, { actions, now });
  for (const [index, line] of lines.entries()) store.apply(index + 2, { actions: [create('task', task(line, of))], now: now - 1e6 + index * 1000 });
  let ids = 0;
  const context = { now, newId: () => `new${++ids}`, random: seededRandom(1), scope: 'all' as const, room: boundlessRoom() };
  const stored = store.get('service', of.ID);
  if (!stored) throw new Error('the service was not stored');
  return finish(Draft.of(stored, surroundingsOf(store, context)));
}

/** What the rules did, as `ID: change` texts. */
export function changes(of: Draft): string[] {
  return of.actions().map((action) => {
    if (action.type === 'remove') return `${action.id}: removed`;
    if (action.kind !== 'task') return `${action.kind}: ${action.type}d`;
    const { ID, DesiredState, Slot, NodeID } = action.object;
    return action.type === 'create' ? `${ID}: in ${Slot ?? (NodeID || 0)}, ${DesiredState}` : `${ID}: ${DesiredState}`;
  });
}
