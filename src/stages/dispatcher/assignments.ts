/** What a node is given: its whole set, and what changed between two sets. */
import { equal } from '#base/equal';
import type { AssignmentChange, AssignmentItems, AssignmentKind, NetworkAssignment } from '#model/assignment';
import type { Task } from '#model/task';
import { isPlaced } from '#model/task';
import { compareStates } from '#model/task-state';
import type { View } from '#store/view';
import { endpointsOf, type Endpoints } from './endpoints.ts';

export type AssignmentUpdate = AssignmentChange & { action: 'update' };

/** Items by `kind:id`; networks by network id, endpoints by service id. Dependencies come before the tasks that need them. */
export type AssignmentSet = ReadonlyMap<string, AssignmentUpdate>;

/**
 * All that `nodeId` is to know: its tasks from `assigned` on, ended ones too (the agent keeps their containers until
 * the task is removed), the secrets, configs and networks of those that have not ended, and the endpoints of services
 * that publish a port or share a network with one of them. Hand in `endpoints` where they are at hand already.
 */
export function assignmentItems(view: View, nodeId: string, endpoints: Endpoints = endpointsOf(view)): AssignmentSet {
  const items = new Map<string, AssignmentUpdate>();
  const tasks = [...view.tasksOfNode(nodeId)].filter((task) => compareStates(task.Status.State, 'assigned') >= 0);
  const gateways = view.get('node', nodeId)?.Shoal?.Gateways ?? {};
  const networks = new Set<string>();
  for (const task of tasks.filter(isPlaced)) {
    addFiles(items, view, task);
    for (const { Network } of task.NetworksAttachments ?? []) {
      const gateway = gateways[Network.ID];
      // Without a gateway nothing can be built of the network yet; engines' own networks never have one.
      if (gateway === undefined) continue;
      networks.add(Network.ID);
      const item: NetworkAssignment = { Network: view.get('network', Network.ID) ?? Network, Gateway: gateway };
      add(items, Network.ID, { action: 'update', kind: 'network', item });
    }
  }
  for (const { endpoint, key, change, networks: reached } of endpoints.values()) {
    if (endpoint.Ports.length > 0 || intersects(reached, networks)) items.set(key, change);
  }
  for (const task of tasks) add(items, task.ID, { action: 'update', kind: 'task', item: task });
  return items;
}

/**
 * The changes that make `after` of `before`, for a node that has `before`. Statuses that the agent reported itself
 * are not sent back: a task counts as changed when anything but its status and version did, or it is not accepted yet.
 */
export function assignmentDelta(before: AssignmentSet, after: AssignmentSet): AssignmentChange[] {
  const changes: AssignmentChange[] = [];
  for (const [key, update] of after) {
    const old = before.get(key);
    if (old !== update && (!old || isChanged(old, update))) changes.push(update);
  }
  // What goes, goes last and tasks first: a secret must outlive the task that uses it.
  const removed: [string, AssignmentUpdate][] = [];
  for (const entry of before) if (!after.has(entry[0])) removed.unshift(entry);
  for (const [key, { kind }] of removed) changes.push({ action: 'remove', kind, id: key.slice(kind.length + 1) });
  return changes;
}

function add(items: Map<string, AssignmentUpdate>, id: string, change: AssignmentUpdate): void {
  items.set(`${change.kind}:${id}`, change);
}

/** The secrets and configs that the task's container needs; one that is gone is left out, and the agent says so. */
function addFiles(items: Map<string, AssignmentUpdate>, view: View, task: Task): void {
  const { secrets, configs } = filesOf(task);
  for (const id of secrets) {
    const item = view.get('secret', id);
    if (item) add(items, id, { action: 'update', kind: 'secret', item });
  }
  for (const id of configs) {
    const item = view.get('config', id);
    if (item) add(items, id, { action: 'update', kind: 'config', item });
  }
}

/** Ids of the secrets and configs that the task's container uses. */
export function filesOf(task: Task): { secrets: string[]; configs: string[] } {
  const container = task.Spec.ContainerSpec;
  const secrets = (container?.Secrets ?? []).flatMap(({ SecretID }) => SecretID ?? []);
  const configs = (container?.Configs ?? []).flatMap(({ ConfigID }) => ConfigID ?? []);
  const credential = container?.Privileges?.CredentialSpec?.Config;
  return { secrets, configs: credential ? [...configs, credential] : configs };
}

function intersects(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const item of a) if (b.has(item)) return true;
  return false;
}

function isChanged(before: AssignmentUpdate, after: AssignmentUpdate): boolean {
  if (before.item === after.item) return false;
  if (after.kind === 'task') return isTaskChanged(before.item as Task, after.item);
  return !equal(comparable(after.kind, before.item), comparable(after.kind, after.item));
}

function isTaskChanged(before: Task, after: Task): boolean {
  if (compareStates(after.Status.State, 'assigned') <= 0 && !equal(before.Status, after.Status)) return true;
  const same = { Status: undefined, Version: undefined, UpdatedAt: undefined };
  return !equal({ ...before, ...same }, { ...after, ...same });
}

/** What of an item matters to an agent: not when it was written. */
function comparable(kind: AssignmentKind, item: AssignmentItems[AssignmentKind]): unknown {
  if (kind === 'endpoint') return item;
  const same = { Version: undefined, UpdatedAt: undefined };
  if (kind !== 'network') return { ...item, ...same };
  const { Network, Gateway } = item as NetworkAssignment;
  return { Gateway, Network: { ...Network, ...same } };
}
