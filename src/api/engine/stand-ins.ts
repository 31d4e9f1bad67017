/** The engine's networks that stand for the cluster's on this node, shown as what they stand for. */
import { nodeIdLabel } from '#model/object/meta';
import { networkIdLabel, nodeLocalNetworks } from '#model/object/network';
import type { NetworkResource } from '../view/network.ts';
import type { EngineClient } from './engine-client.ts';

/** A container as the engine shows it, as far as its networks go; in lists and by itself. */
export interface ShownContainer {
  HostConfig?: { NetworkMode?: string };
  NetworkSettings?: { Networks?: Readonly<Record<string, { NetworkID?: string }>> };
}

/** The engine's networks of that kind by the engine's id; none where it does not answer. */
export async function standIns(engine: EngineClient): Promise<ReadonlyMap<string, NetworkResource>> {
  const filters = encodeURIComponent(JSON.stringify({ label: [networkIdLabel] }));
  const found = await engine.read<NetworkResource[]>(`/networks?filters=${filters}`);
  return new Map((Array.isArray(found) ? found : []).map((network) => [network.Id, network]));
}

/** The cluster's id of a network that an engine's one stands for. */
export function clusterIdOf({ Labels }: NetworkResource): string {
  return Labels?.[networkIdLabel] ?? '';
}

/** The cluster's name of it: the engine's has the id behind it where a stranger had the name. */
function clusterNameOf(network: NetworkResource): string {
  const suffix = `.${clusterIdOf(network)}`;
  return network.Name.endsWith(suffix) ? network.Name.slice(0, -suffix.length) : network.Name;
}

/** What a node that manages nothing can tell of a cluster's network. */
export function standInShown(network: NetworkResource): NetworkResource {
  const { [networkIdLabel]: Id = '', [nodeIdLabel]: _node, ...Labels } = network.Labels ?? {};
  const Name = clusterNameOf(network);
  return { ...network, Name, Id, Labels, Scope: 'swarm', Driver: 'overlay', Ingress: Name === 'ingress', Peers: [] };
}

/** True when a container is on a network that may be one of the cluster's. */
export function hasOwnNetworks(container: ShownContainer): boolean {
  return Object.keys(container.NetworkSettings?.Networks ?? {}).some((name) => !nodeLocalNetworks.includes(name));
}

/** The container on the cluster's networks, by the names and ids that the cluster has for them. */
export function shownContainer<C extends ShownContainer>(container: C, networks: ReadonlyMap<string, NetworkResource>): C {
  const { HostConfig, NetworkSettings } = container;
  const names = new Map([...networks.values()].map((network) => [network.Name, clusterNameOf(network)]));
  const shown = Object.entries(NetworkSettings?.Networks ?? {}).map(([name, endpoint]) => {
    const network = networks.get(endpoint.NetworkID ?? '');
    return network ? [clusterNameOf(network), { ...endpoint, NetworkID: clusterIdOf(network) }] : [name, endpoint];
  });
  const mode = names.get(HostConfig?.NetworkMode ?? '');
  return {
    ...container,
    ...(mode !== undefined && { HostConfig: { ...HostConfig, NetworkMode: mode } }),
    ...(NetworkSettings?.Networks && { NetworkSettings: { ...NetworkSettings, Networks: Object.fromEntries(shown) as object } }),
  };
}
