/** Small valid cluster objects for tests of the stages, and a store that holds them. */
import { timeText } from '#base/clock';
import { newId } from '#base/ids';
import { seededRandom } from '#base/random';
import { finish, type Steps } from '#base/pace/steps';
import type { Cluster } from '#model/object/cluster';
import { networkNumberOption, type Network, type NetworkSpec } from '#model/object/network';
import type { Node } from '#model/object/node';
import type { Kind, ObjectOf } from '#model/object/object';
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import { create, newMeta, type Action } from '#store/action';
import { boundlessRoom } from '#test/support/boundless-room';
import type { Stage, StageContext, StageResult } from '#store/stage';
import { Store } from '#store/store';

export const startTime = Date.UTC(2026, 0, 1);

export function aCluster(pools: readonly string[] = ['10.0.0.0/8'], subnetSize = 24): Cluster {
  return {
    ...newMeta('cluster'),
    Spec: {
      Name: 'default',
      Orchestration: { TaskHistoryRetentionLimit: 5 },
      Raft: { SnapshotInterval: 10_000, KeepOldSnapshots: 0, LogEntriesForSlowFollowers: 500, ElectionTick: 10, HeartbeatTick: 1 },
      Dispatcher: { HeartbeatPeriod: 5e9 },
      CAConfig: { NodeCertExpiry: 7776e12 },
      TaskDefaults: {},
      EncryptionConfig: { AutoLockManagers: false },
    },
    DefaultAddrPool: pools,
    SubnetSize: subnetSize,
    DataPathPort: 4789,
  };
}

export function aNode(id: string, change: Partial<Node> = {}): Node {
  return {
    ...newMeta(id),
    Spec: { Role: 'worker', Availability: 'active' },
    Status: { State: 'ready', Addr: '192.0.2.1' },
    Description: {
      Hostname: id,
      Platform: { Architecture: 'x86_64', OS: 'linux' },
      Resources: { NanoCPUs: 4e9, MemoryBytes: 8e9 },
      Engine: { EngineVersion: '28.0.0' },
    },
    ...change,
  };
}

export function aService(id: string, spec: Partial<ServiceSpec> = {}, change: Partial<Service> = {}): Service {
  return { ...newMeta(id), Spec: { Name: id, TaskTemplate: {}, ...spec }, Shoal: { SpecVersion: 1 }, ...change };
}

export function aNetwork(id: string, spec: Partial<NetworkSpec> = {}, change: Partial<Network> = {}): Network {
  return { ...newMeta(id), Spec: { Name: id, Driver: 'overlay', ...spec }, ...change };
}

/** A network that has its subnet and its number already. */
export function aSubnet(id: string, subnet: string, gateway: string, change: Partial<NetworkSpec> = {}): Network {
  const DriverState = { Name: 'overlay', Options: { [networkNumberOption]: String(5000 + (Number.parseInt(id, 36) % 1000)) } };
  return aNetwork(id, change, { IPAMOptions: { Configs: [{ Subnet: subnet, Gateway: gateway }] }, DriverState });
}

export function aTask(id: string, state: Task['Status']['State'], change: Partial<Task> = {}): Task {
  return {
    ...newMeta(id),
    Spec: {},
    ServiceID: 'web',
    Slot: 1,
    NodeID: '',
    Status: { Timestamp: timeText(startTime), State: state, Message: '' },
    DesiredState: 'running',
    Shoal: { ServiceName: 'web', ServiceLabels: {}, SpecVersion: 1 },
    ...change,
  };
}

/** A store with these objects, in this order. */
export function storeOf(objects: { [K in Kind]?: readonly ObjectOf[K][] }): Store {
  const store = new Store();
  const actions = Object.entries(objects).flatMap(([kind, list]) => list.map((object) => create(kind as Kind, object)));
  store.apply(1, { actions, now: startTime });
  return store;
}

export function contextAt(now = startTime, seed = 1): StageContext {
  const random = seededRandom(seed);
  return { now, newId: () => newId(random), random, scope: 'all', room: boundlessRoom() };
}

/** What a stage decides, however it comes. */
export function resultOf(result: StageResult | Steps<StageResult>): StageResult {
  return 'next' in result ? finish(result) : result;
}

/** Runs the stage and applies what it decides. */
export function runStage(store: Store, stage: Stage, now = startTime): readonly Action[] {
  const { actions } = resultOf(stage(store, contextAt(now)));
  if (actions.length > 0) store.apply(store.index + 1, { actions, now });
  return actions;
}
