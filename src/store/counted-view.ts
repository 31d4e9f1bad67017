/** What the store and an overlay answer alike: tasks by service and node, and what is counted over them. */
import type { Kind, ObjectOf } from '#model/object/object';
import type { Task } from '#model/object/task';
import type { TaskState } from '#model/object/task-state';
import type { AddressUse } from './index/address-use.ts';
import type { IndexOf } from './index/indexes.ts';
import type { NodeLoad } from './index/node-load.ts';
import type { Usage } from './index/usage.ts';

export abstract class CountedView {
  protected abstract usage: Usage;

  abstract find<K extends Kind>(kind: K, index: IndexOf<K>, key: string): Iterable<ObjectOf[K]>;

  tasksOfService(serviceId: string): Iterable<Task> {
    return this.find('task', 'service', serviceId);
  }

  tasksOfNode(nodeId: string): Iterable<Task> {
    return this.find('task', 'node', nodeId);
  }

  taskStates(): ReadonlyMap<TaskState, number> {
    return this.usage.taskStates();
  }

  loadOf(nodeId: string): NodeLoad {
    return this.usage.loadOf(nodeId);
  }

  activeTasks(serviceId: string): ReadonlyMap<string, number> {
    return this.usage.activeTasks(serviceId);
  }

  addressesOf(networkId: string): AddressUse {
    return this.usage.addressesOf(networkId);
  }
}
