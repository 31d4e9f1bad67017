/** Assignment items: how each is made from the store, what of it matters to a node, and the order in which they are sent. */
import { equal } from '#base/equal';
import {
  managersItemId,
  type AssignmentChange,
  type AssignmentKind,
  type AssignmentUpdate,
  type Backend,
  type EndpointPort,
  type PeerEncryption,
} from '#model/object/assignment';
import { withoutPrefix } from '#model/address';
import { wishedMacAddress } from '#model/mac-address';
import { isEncrypted, nodeLocalNetworks, type Network } from '#model/object/network';
import type { Node } from '#model/object/node';
import { certifiedRole, managersByAddress } from '#model/manager-address';
import { clientsLevel } from '#model/feature-level';
import { isIngress } from '#model/port/port';
import { portOptions } from '#model/port/port-options';
import type { Service } from '#model/object/service';
import { isPlaced, type Task, type TaskMemory } from '#model/object/task';
import { compareStates } from '#model/object/task-state';
import { wantedTrust } from '#model/trust/trust';
import { clusterOf, type View } from '#store/view';

/** Kind and id. */
export type ItemKey = `${AssignmentKind}:${string}`;

/** What goes before what: a task needs all the others. Removals go the other way round. */
const rank: Readonly<Record<AssignmentKind, number>> = { managers: 0, secret: 1, config: 2, network: 3, node: 4, peer: 5, service: 6, backend: 7, task: 8 };

export function itemKey(kind: AssignmentKind, id: string): ItemKey {
  return `${kind}:${id}`;
}

export function keyParts(key: ItemKey): { kind: AssignmentKind; id: string } {
  const at = key.indexOf(':');
  return { kind: key.slice(0, at) as AssignmentKind, id: key.slice(at + 1) };
}

const ranks = Object.keys(rank).length;

/** Updates first, what others need before them; what goes, goes last and tasks first: a secret must outlive the task that uses it. */
export function inOrder(changes: Iterable<AssignmentChange>): AssignmentChange[] {
  const buckets: (AssignmentChange[] | undefined)[] = Array.from({ length: 2 * ranks });
  for (const change of changes) (buckets[placeOf(change)] ??= []).push(change);
  const filled = buckets.filter((bucket) => bucket !== undefined);
  return filled.length === 1 && filled[0] ? filled[0] : ([] as AssignmentChange[]).concat(...filled);
}

function placeOf(change: AssignmentChange): number {
  return change.action === 'update' ? rank[change.kind] : 2 * ranks - 1 - rank[change.kind];
}

/** `few` in their places among `many`, which is not gone through: both are in order, and no key is in both. */
export function joinedInOrder<C extends AssignmentChange>(many: readonly C[], few: readonly C[]): readonly C[] {
  if (few.length === 0) return many;
  const parts: (readonly C[])[] = [];
  let from = 0;
  for (let next = 0; next < few.length;) {
    const place = placeOf(few[next] as C);
    const start = next;
    while (next < few.length && placeOf(few[next] as C) === place) next++;
    const until = endOf(many, place);
    parts.push(many.slice(from, until), few.slice(start, next));
    from = until;
  }
  parts.push(many.slice(from));
  // Quicker than `flat`, which takes them one by one.
  return ([] as C[]).concat(...parts);
}

/** Where what comes after `place` begins. */
function endOf(changes: readonly AssignmentChange[], place: number): number {
  let [low, high] = [0, changes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (placeOf(changes[middle] as AssignmentChange) <= place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Of the changes of a key the last one: what lists that follow one another come to. */
export class LastOfEach {
  readonly #last = new Map<AssignmentKind, Map<string, AssignmentChange>>();
  /** In order. */
  readonly changes: readonly AssignmentChange[];

  constructor(lists: readonly (readonly AssignmentChange[])[]) {
    for (const changes of lists) for (const change of changes) this.#ofKind(change.kind).set(idOf(change), change);
    const [only] = lists;
    this.changes = lists.length === 1 && only ? only : inOrder([...this.#last.values()].flatMap((ofKind) => [...ofKind.values()]));
  }

  /** One of them is about the same key. */
  hasKeyOf(change: AssignmentChange): boolean {
    return this.#last.get(change.kind)?.has(idOf(change)) ?? false;
  }

  #ofKind(kind: AssignmentKind): Map<string, AssignmentChange> {
    let ofKind = this.#last.get(kind);
    if (!ofKind) this.#last.set(kind, (ofKind = new Map()));
    return ofKind;
  }
}

function idOf(change: AssignmentChange): string {
  return change.action === 'remove' ? change.id : change.item.ID;
}

/** The item as the store has it; undefined when there is nothing to send under this key. */
export function itemOf(view: View, key: ItemKey): AssignmentUpdate | undefined {
  const { kind, id } = keyParts(key);
  if (kind === 'node') return nodeItem(view, id);
  if (kind === 'managers') return managersItem(view);
  if (kind === 'service') return serviceItem(view.get('service', id)) ?? attachedItem(view.get('task', id));
  if (kind === 'backend') return backendItem(view, view.get('task', id));
  if (kind === 'peer') return peerItem(view, id);
  const item = view.get(kind, id);
  return item && ({ action: 'update', kind, item } as AssignmentUpdate);
}

function nodeItem(view: View, id: string): AssignmentUpdate | undefined {
  const node = view.get('node', id);
  if (!node) return undefined;
  const { DataPathPort } = clusterOf(view) ?? {};
  const { Gateways = {}, Release: noted } = node.Shoal ?? {};
  const Release = noted && { URL: noted.URL, Digest: noted.Digest, Attempt: noted.Attempt };
  const item = { ID: id, Gateways, Role: certifiedRole(node), ...(DataPathPort && { DataPathPort }), ...(Release && { Release }) };
  return { action: 'update', kind: 'node', item };
}

function managersItem(view: View): AssignmentUpdate {
  const authority = clusterOf(view)?.Shoal?.Authority;
  const managers = managersByAddress(view.list('node'));
  return {
    action: 'update',
    kind: 'managers',
    item: {
      ID: managersItemId,
      Addresses: managers.map(([address]) => address),
      NodeIDs: managers.map(([, id]) => id),
      ...(authority && { Trust: wantedTrust(authority) }),
    },
  };
}

function peerItem(view: View, id: string): AssignmentUpdate | undefined {
  const [NetworkID = '', NodeID = ''] = id.split('/');
  const node = view.get('node', NodeID);
  const Gateway = node?.Shoal?.Gateways?.[NetworkID];
  if (!node || Gateway === undefined) return undefined;
  const ShowsClients = (node.Description?.Shoal?.FeatureLevel ?? 1) >= clientsLevel;
  const network = view.get('network', NetworkID);
  const Down = node.Status.State === 'down' && !network?.Spec.Ingress;
  const Encryption = encryptionOf(network, node);
  return {
    action: 'update',
    kind: 'peer',
    item: {
      ID: id,
      NodeID,
      NetworkID,
      Gateway,
      Address: node.Description?.Shoal?.DataPathAddr ?? node.Status.Addr ?? '',
      ...(ShowsClients && { ShowsClients }),
      ...(Down && { Down }),
      ...(Encryption && { Encryption }),
    },
  };
}

/** A node that is down has no tasks that anybody is led to; its host may have joined anew as another. */
function encryptionOf(network: Network | undefined, { Description, Status }: Node): PeerEncryption | undefined {
  const { Key, Next, Port } = Description?.Shoal?.Encryption ?? {};
  if (!network || !isEncrypted(network) || Status.State === 'down' || Key === undefined || Port === undefined) return undefined;
  return { Key, ...(Next !== undefined && { Next }), Port };
}

function serviceItem(service: Service | undefined): AssignmentUpdate | undefined {
  if (!service) return undefined;
  const all = service.Endpoint?.Ports ?? [];
  const options = portOptions(all, service.Spec.Labels);
  const Ports = all.filter(isIngress).map((port): EndpointPort => {
    const Options = options.get(port);
    return Options ? { ...port, Options } : port;
  });
  const VirtualIPs = (service.Endpoint?.VirtualIPs ?? []).map(({ NetworkID, Addr }) => ({ NetworkID, Address: withoutPrefix(Addr) }));
  const item = { ID: service.ID, Name: service.Spec.Name, Ports, ...(VirtualIPs.length > 0 && { VirtualIPs }) };
  return { action: 'update', kind: 'service', item };
}

/** A container that is no task's is found by its name, as a service of one task is. */
function attachedItem(task: Task | undefined): AssignmentUpdate | undefined {
  if (!task?.Shoal.Attachment) return undefined;
  return { action: 'update', kind: 'service', item: { ID: task.ID, Name: task.Shoal.Attachment.Name, Ports: [] } };
}

/** Under which others find the task: its service's, or its own where it has none. */
export function serviceIdOf(task: Task): string {
  return task.ServiceID || task.ID;
}

function backendItem(view: View, task: Task | undefined): AssignmentUpdate | undefined {
  if (!task || !isPlaced(task)) return undefined;
  const Networks = clusterAttachments(task).flatMap(({ Network, Addresses, Aliases = [] }) => {
    const Address = withoutPrefix(Addresses[0] ?? '');
    const MacAddress = wishedMacAddress(task, Network.ID);
    return Address ? [{ NetworkID: Network.ID, Address, ...(MacAddress && { MacAddress }), Aliases }] : [];
  });
  const runs = task.Shoal.Attachment ? task.Shoal.Attachment.Running === true : compareStates(task.DesiredState, 'running') <= 0;
  const Ready = task.Status.State === 'running' && runs;
  const item: Backend = {
    ID: task.ID,
    ServiceID: serviceIdOf(task),
    NodeID: task.NodeID,
    ...(task.Slot !== undefined && { Slot: task.Slot }),
    Ready,
    ...(!Ready && isLost(view, task) && { Lost: true }),
    Networks,
  };
  return { action: 'update', kind: 'backend', item };
}

/** What is removed, and a container that is no task's, is nobody's any more. */
function isLost(view: View, { DesiredState, NodeID, Shoal, Status }: Task): boolean {
  return !Shoal.Attachment && Status.State === 'running' && DesiredState === 'shutdown' && view.get('node', NodeID)?.Status.State === 'down';
}

/** The engine's own networks are not the cluster's to bring. */
export function clusterAttachments(task: Task): NonNullable<Task['NetworksAttachments']> {
  return (task.NetworksAttachments ?? []).filter(({ Network }) => !nodeLocalNetworks.includes(Network.Spec.Name));
}

/** Ids of the secrets and configs that the task's container uses. */
export function filesOf(task: Task): { secrets: string[]; configs: string[] } {
  const container = task.Spec.ContainerSpec;
  const secrets = (container?.Secrets ?? []).flatMap(({ SecretID }) => SecretID ?? []);
  const configs = (container?.Configs ?? []).flatMap(({ ConfigID }) => ConfigID ?? []);
  const credential = container?.Privileges?.CredentialSpec?.Config;
  return { secrets, configs: credential ? [...configs, credential] : configs };
}

/**
 * The item means something else to a node than before. When it was written does not matter, nor what the leader notes on a task
 * for its own rollouts and restarts; statuses that the agent reported itself are not sent back: one that is not accepted yet is.
 */
export function differs(before: AssignmentUpdate, after: AssignmentUpdate): boolean {
  if (before.item === after.item) return false;
  if (after.kind === 'task') return taskDiffers(before.item as Task, after.item);
  return !equal({ ...before.item, ...unwritten }, { ...after.item, ...unwritten });
}

const unwritten = { Version: undefined, UpdatedAt: undefined };

/** What of a task's memory is the leader's alone: its container is the same whatever stands there. */
const leadersNotes = {
  SpecVersion: 0,
  StartAfter: undefined,
  StartAfterTasks: undefined,
  StartDelay: undefined,
  Rollout: undefined,
  Restart: undefined,
  Restarts: undefined,
} as const satisfies Partial<Record<keyof TaskMemory, unknown>>;

function taskDiffers(before: Task, after: Task): boolean {
  if (compareStates(after.Status.State, 'assigned') <= 0 && !equal(before.Status, after.Status)) return true;
  return !equal(asNodesSee(before), asNodesSee(after));
}

function asNodesSee(task: Task): object {
  return { ...task, ...unwritten, Status: undefined, Shoal: { ...task.Shoal, ...leadersNotes } };
}
