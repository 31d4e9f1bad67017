/** Which other host answers names for a container when its own host's name server does not. */
import { compareTexts } from '#base/text/text';
import { isHostAddress } from '#model/ipv4';
import { isEncrypted } from '#model/object/network';
import type { Peer, Traffic } from './contract.ts';

/** Whom the second name server of a container's list is for it. */
export interface ServerElsewhere {
  /** Another host's in one of its networks; its own host's where no other is there. */
  address: string;
  /** Of a container that has no way out of its networks: questions begin on the way by this address, before they are led. */
  by?: string;
}

/** By the ids of a container's networks; undefined where none of them has names. */
export type ServersElsewhere = (networkIds: readonly string[]) => ServerElsewhere | undefined;

/**
 * Of the hosts that live the one that knows most of the container's networks, and among these the next one after this node by id: so every host answers for
 * about one other, and one that comes or goes moves the containers of one.
 */
export function serversElsewhere({ networks, peers = [] }: Traffic, nodeId: string): ServersElsewhere {
  const local = new Map(networks.map((each) => [each.network.ID, each]));
  const reached = peers.filter(({ networkId, address, gateway, down, encryption }) => {
    const here = local.get(networkId);
    return here && here.gateway !== gateway && !down && isHostAddress(address) && (!isEncrypted(here.network) || encryption);
  });
  const known = new Map<string, ServerElsewhere | undefined>();
  return (networkIds) => {
    const key = networkIds.join(' ');
    if (!known.has(key)) known.set(key, chosen(networkIds));
    return known.get(key);
  };

  function chosen(networkIds: readonly string[]): ServerElsewhere | undefined {
    const all = networkIds.flatMap((id) => local.get(id) ?? []);
    const named = all.filter(({ network }) => !network.Spec.Ingress);
    const [first] = named;
    if (!first) return undefined;
    const other = next(reached.filter(({ networkId }) => named.some(({ network }) => network.ID === networkId)));
    const way = named.find(({ network }) => network.ID === other?.networkId) ?? first;
    const closed = all.every(({ network }) => network.Spec.Internal);
    return { address: other?.gateway ?? first.gateway, ...(closed && { by: way.gateway }) };
  }

  function next(others: readonly Peer[]): Peer | undefined {
    const counts = new Map<string, number>();
    for (const peer of others) counts.set(peer.nodeId, (counts.get(peer.nodeId) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const best = others.filter((peer) => counts.get(peer.nodeId) === most);
    const inOrder = best.toSorted((a, b) => compareTexts(a.nodeId, b.nodeId) || compareTexts(a.networkId, b.networkId));
    return inOrder.find((peer) => compareTexts(peer.nodeId, nodeId) > 0) ?? inOrder[0];
  }
}
