/** By what objects are found beside their ids: each index names the keys of an object. */
import { networkNumber, nodeLocalNetworks } from '#model/object/network';
import type { Node } from '#model/object/node';
import type { Network } from '#model/object/network';
import { nameOf, type Kind, type ObjectOf } from '#model/object/object';
import { isIngress, publishedKey } from '#model/port/port';
import { addressedNetworksOf, virtualNetworksOf, type Service } from '#model/object/service';
import type { TaskSpec } from '#model/object/service-spec';
import { isPlaced, type Task } from '#model/object/task';
import { isFailure } from '#model/object/task-state';
import { equal } from '#base/equal';

type Keys<T> = (object: T) => readonly string[];

/** Of thirty thousand random ids some twenty begin with the same two characters. */
export const prefixLength = 2;

const ofTask = {
  service: (task) => [task.ServiceID],
  node: (task) => [task.NodeID],
  /** `new` and `pending` only: what the allocator and the scheduler have before them. */
  waiting: ({ Status: { State } }) => (State === 'new' || State === 'pending' ? [State] : []),
  /** Services by id, of which it failed on a node. */
  failed: ({ ServiceID, NodeID, Status: { State } }) => (NodeID !== '' && isFailure(State) ? [ServiceID] : []),
  /** Secrets and configs by id, of tasks that are on a node and have not ended. */
  file: (task) => (isPlaced(task) ? filesOf(task.Spec) : []),
  /** First characters of its id. */
  prefix: ({ ID }) => [ID.slice(0, prefixLength)],
  /** Networks by id, ended tasks too. */
  network: (task) => (task.NetworksAttachments ?? []).map(({ Network: { ID } }) => ID),
} satisfies Record<string, Keys<Task>>;

const ofService = {
  name: (service) => [nameKey('service', service.Spec.Name)],
  file: ({ Spec }) => filesOf(Spec.TaskTemplate),
  network: ({ Spec }) => (Spec.TaskTemplate.Networks ?? []).flatMap(({ Target }) => Target ?? []),
  /** Published numbers in ingress mode that it holds, as `publishedKey`. */
  port: ({ Endpoint }) => (Endpoint?.Ports ?? []).filter((port) => isIngress(port) && port.PublishedPort).map((port) => publishedKey(port)),
  /** Published numbers in host mode that its spec names. */
  hostPort: ({ Spec }) => (Spec.EndpointSpec?.Ports ?? []).filter((port) => !isIngress(port) && port.PublishedPort).map((port) => publishedKey(port)),
  /** `yes`: its endpoint is not, or not yet, what its spec asks for. */
  unallocated: (service) => (hasItsEndpoint(service) ? [] : ['yes']),
  /** `yes`: it has not, or not yet, the virtual addresses that its spec asks for. */
  unaddressed: (service) => (equal(virtualNetworksOf(service).toSorted(), addressedNetworksOf(service).toSorted()) ? [] : ['yes']),
  /** Volumes by name, of the cluster's nodes. */
  volume: ({ Spec }) => (Spec.TaskTemplate.ContainerSpec?.Mounts ?? []).flatMap(({ Type, Source }) => (Type === 'volume' && Source ? [Source] : [])),
  /** `yes`: one task a node. */
  global: ({ Spec: { Mode } }) => (Mode?.Global || Mode?.GlobalJob ? ['yes'] : []),
} satisfies Record<string, Keys<Service>>;

const ofNode = {
  name: (node) => [nameKey('node', nameOf('node', node))],
  /** Networks by id on which it has its gateway. */
  network: (node) => Object.keys(node.Shoal?.Gateways ?? {}),
} satisfies Record<string, Keys<Node>>;

const ofNetwork = {
  name: (network) => [nameKey('network', network.Spec.Name)],
  /** `yes`: it has no subnet yet, or no number for its packets between hosts. */
  unallocated: (network) => ((network.IPAMOptions && networkNumber(network) !== undefined) || nodeLocalNetworks.includes(network.Spec.Name) ? [] : ['yes']),
  /** `yes`: the cluster's one. */
  ingress: ({ Spec }) => (Spec.Ingress ? ['yes'] : []),
} satisfies Record<string, Keys<Network>>;

function named<K extends Exclude<Kind, 'task'>>(kind: K): { name: Keys<ObjectOf[K]> } {
  return { name: (object) => [nameKey(kind, nameOf(kind, object))] };
}

export const indexes = {
  cluster: named('cluster'),
  node: ofNode,
  service: ofService,
  task: ofTask,
  network: ofNetwork,
  secret: named('secret'),
  config: named('config'),
  stack: named('stack'),
  repository: named('repository'),
  revision: { ...named('revision'), stack: ({ Spec }: ObjectOf['revision']) => [Spec.Stack] },
  pack: { ...named('pack'), repository: ({ Spec }: ObjectOf['pack']) => [Spec.Repository] },
  deed: { ...named('deed'), of: ({ Spec }: ObjectOf['deed']) => [Spec.Of] },
} satisfies { [K in Kind]: Record<string, Keys<ObjectOf[K]>> };

export type IndexOf<K extends Kind> = keyof (typeof indexes)[K] & string;

/** Under which keys the index holds the object. */
export function keysOf<K extends Kind>(kind: K, index: IndexOf<K>, object: ObjectOf[K]): readonly string[] {
  return (indexes[kind] as unknown as Record<string, Keys<ObjectOf[K]>>)[index]?.(object) ?? [];
}

/** Key under which an object of that name is found: in any case of letters, but for stacks, which Docker knows by a label alone and so exactly as written. */
export function nameKey(kind: Kind, name: string): string {
  return kind === 'stack' ? name : name.toLowerCase();
}

/** The allocator has done its part for the service's present spec. */
function hasItsEndpoint({ Spec, Endpoint }: Service): boolean {
  return Endpoint !== undefined && equal(Endpoint.Spec, Spec.EndpointSpec ?? {});
}

/** Ids of the secrets and configs that a container of the spec uses. */
function filesOf({ ContainerSpec: container }: TaskSpec): string[] {
  if (!container) return [];
  const ids = (container.Secrets ?? []).flatMap(({ SecretID }) => SecretID ?? []);
  for (const { ConfigID } of container.Configs ?? []) if (ConfigID) ids.push(ConfigID);
  const credential = container.Privileges?.CredentialSpec?.Config;
  return credential ? [...ids, credential] : ids;
}
