/** Gives every node its own address, the gateway, in each network that its tasks use. */
import { equal } from '#base/equal';
import { nodeLocalNetworks, type Network } from '#model/network';
import { update, type Action } from '#store/action';
import type { StageContext, StageResult } from '#store/stage';
import type { View } from '#store/view';
import { addressSpaces, type AddressSpace } from './address-space.ts';
import { addressText, hostsOf, parseSubnet } from '#model/ipv4';
import { isPlaced } from '#model/task';

type Gateways = Record<string, string>;

/**
 * Runs after the scheduler. The first node on a network gets the network's gateway address, the others the highest
 * free ones; a node's address is freed when its last task on the network has ended.
 */
export function allocateGateways(view: View, { room }: StageContext): StageResult {
  const needed = neededNetworks(view);
  const kept = new Map<string, Gateways>();
  const holders = new Set<string>();
  const missing = new Map<string, Network>();
  for (const node of view.list('node')) {
    const networks = needed.get(node.ID);
    const gateways: Gateways = {};
    for (const [id, network] of networks ?? []) {
      const gateway = node.Shoal?.Gateways?.[id];
      if (gateway === undefined) missing.set(id, view.get('network', id) ?? network);
      else {
        gateways[id] = gateway;
        holders.add(`${id} ${gateway}`);
      }
    }
    kept.set(node.ID, gateways);
  }
  const spaces = missing.size > 0 ? addressSpaces(view, missing.values()) : new Map<string, AddressSpace>();
  for (const node of view.list('node')) {
    for (const [id, gateway] of Object.entries(node.Shoal?.Gateways ?? {})) {
      if (kept.get(node.ID)?.[id] === undefined) spaces.get(id)?.giveBack(gateway);
    }
  }
  const actions: Action[] = [];
  const rest = new Set<string>();
  for (const node of view.list('node')) {
    const gateways = kept.get(node.ID) ?? {};
    for (const id of [...(needed.get(node.ID)?.keys() ?? [])].sort()) {
      const network = missing.get(id);
      const gateway = gateways[id] ?? (network && choose(network, holders, spaces));
      if (gateway === undefined) continue;
      gateways[id] = gateway;
      holders.add(`${id} ${gateway}`);
    }
    if (equal(gateways, node.Shoal?.Gateways ?? {})) continue;
    const action = update('node', { ...node, Shoal: { ...node.Shoal, Gateways: gateways } });
    if (room.admit(action)) actions.push(action);
    else rest.add(node.ID);
  }
  return { actions, ...(rest.size > 0 && { rest: { loads: rest } }) };
}

/** The networks that each node's tasks are on: node id → network id → network. */
function neededNetworks(view: View): Map<string, Map<string, Network>> {
  const needed = new Map<string, Map<string, Network>>();
  for (const task of view.list('task')) {
    const attachments = task.NetworksAttachments;
    if (!attachments || !isPlaced(task)) continue;
    let networks = needed.get(task.NodeID);
    if (!networks) needed.set(task.NodeID, (networks = new Map()));
    for (const { Network } of attachments) {
      if (networks.has(Network.ID) || nodeLocalNetworks.includes(Network.Spec.Name)) continue;
      networks.set(Network.ID, Network);
    }
  }
  return needed;
}

function choose(network: Network, holders: ReadonlySet<string>, spaces: ReadonlyMap<string, AddressSpace>): string | undefined {
  const config = network.IPAMOptions?.Configs?.find(({ Subnet }) => parseSubnet(Subnet));
  const subnet = parseSubnet(config?.Subnet);
  if (!subnet) return undefined;
  const first = config?.Gateway || addressText(hostsOf(subnet).first);
  return holders.has(`${network.ID} ${first}`) ? spaces.get(network.ID)?.takeTop() : first;
}
