/** Gives every node its own address, the gateway, in each network that its tasks use, and in the one that leads published ports to tasks elsewhere. */
import { equal } from '#base/equal';
import { Pace, type Steps } from '#base/pace/steps';
import type { Node } from '#model/object/node';
import { chosenGateway, type Network, nodeLocalNetworks } from '#model/object/network';
import { update, type Action } from '#store/action';
import type { StageContext, StageResult } from '#store/stage';
import type { View } from '#store/view';
import { AddressSpaces } from './address-space.ts';

type Gateways = Record<string, string>;

/** Looked at in one step. */
const nodesAStep = 50;
/** Nodes that one entry brings to a network: each of them hears of all others there, and they of it. */
const nodesAnEntry = 30;

/** A node whose gateways are not those of the networks that its tasks are on. */
interface Change {
  node: Node;
  kept: Gateways;
  /** Ids of networks, sorted. */
  missing: readonly string[];
}

/**
 * Runs after the scheduler. The first node on a network gets the network's gateway address, the others the highest
 * free ones; where somebody chose the gateway, every node answers it beside its own, so it is nobody's.
 * A node's address is freed when its last task on the network has ended. While something is published every node is on
 * the ingress network, for it answers whether it has a task or not; a node without others needs none for that.
 */
export function* allocateGateways(view: View, { room, scope }: StageContext): Steps<StageResult> {
  // A node may wait for an address that became free on another one.
  const all = scope === 'all' || scope.networks;
  const entry = entryNetwork(view);
  const nodes = new Set(all ? view.list('node') : [...scope.loads].sort().flatMap((id) => view.get('node', id) ?? []));
  const pace = new Pace(nodesAStep);
  if (!all) yield* addThoseAtEntry(nodes, view, entry, pace);
  const changes: Change[] = [];
  for (const node of nodes) {
    if (pace.isDue) yield;
    const change = changeOf(view, node, entry);
    if (change) changes.push(change);
  }
  if (changes.length === 0) return { actions: [] };
  // Who leaves a network goes first: others may have its address.
  changes.sort((a, b) => Number(leaves(b)) - Number(leaves(a)) || (view.serialOf('node', a.node.ID) ?? 0) - (view.serialOf('node', b.node.ID) ?? 0));
  const book = new GatewayBook(view);
  const actions: Action[] = [];
  const rest = new Set<string>();
  for (const { node, kept, missing } of changes) {
    if (pace.isDue) yield;
    const gateways = { ...kept };
    for (const id of missing) {
      const gateway = book.give(id);
      if (gateway !== undefined) gateways[id] = gateway;
      // There may be one when those have left that leave later.
      else if (rest.size > 0) rest.add(node.ID);
    }
    if (equal(gateways, node.Shoal?.Gateways ?? {})) continue;
    const action = update('node', { ...node, Shoal: { ...node.Shoal, Gateways: gateways } });
    if (actions.length < nodesAnEntry && room.admit(action)) {
      actions.push(action);
      book.takeBack(node, kept);
    } else rest.add(node.ID);
  }
  return { actions, ...(rest.size > 0 && { rest: { loads: rest } }) };
}

/** The network by which published ports reach tasks, and whether all nodes are to be on it. */
interface Entry {
  networkId: string | undefined;
  everywhere: boolean;
}

function entryNetwork(view: View): Entry {
  const [ingress] = view.find('network', 'ingress', 'yes');
  return { networkId: ingress?.ID, everywhere: view.count('node') > 1 && publishes(view) };
}

function publishes(view: View): boolean {
  for (const key of view.keys('service', 'port')) for (const _service of view.find('service', 'port', key)) return true;
  return false;
}

/** Nodes that have to come to the entry network, or to leave it: a look at each, with no more than its gateways. */
function* addThoseAtEntry(nodes: Set<Node>, view: View, { networkId, everywhere }: Entry, pace: Pace): Steps<void> {
  if (networkId === undefined) return;
  for (const node of view.list('node')) {
    if (pace.isDue) yield;
    const wanted = everywhere || view.loadOf(node.ID).networks.has(networkId);
    if ((node.Shoal?.Gateways?.[networkId] !== undefined) !== wanted) nodes.add(node);
  }
}

function changeOf(view: View, node: Node, { networkId, everywhere }: Entry): Change | undefined {
  const needed = new Set(view.loadOf(node.ID).networks.keys());
  if (everywhere && networkId !== undefined) needed.add(networkId);
  const present = node.Shoal?.Gateways ?? {};
  const missing = [...needed].filter((id) => present[id] === undefined && !nodeLocalNetworks.includes(id)).sort();
  const kept = Object.fromEntries(Object.entries(present).filter(([id]) => needed.has(id)));
  if (missing.length === 0 && Object.keys(kept).length === Object.keys(present).length) return undefined;
  return { node, kept, missing };
}

function leaves({ node, kept }: Change): boolean {
  return Object.keys(node.Shoal?.Gateways ?? {}).some((id) => kept[id] === undefined);
}

/** Who has which gateway, with what this run takes back and gives. */
class GatewayBook {
  readonly #view: View;
  readonly #spaces: AddressSpaces;
  readonly #held = new Map<string, Set<string>>();

  constructor(view: View) {
    this.#view = view;
    this.#spaces = new AddressSpaces(view);
  }

  /** What the node has and does not keep is free: it is written in this entry. */
  takeBack(node: Node, kept: Gateways): void {
    for (const [id, gateway] of Object.entries(node.Shoal?.Gateways ?? {})) {
      if (kept[id] !== undefined) continue;
      this.#holders(id).delete(gateway);
      const network = this.#view.get('network', id);
      if (network) this.#spaces.of(network).giveBack(gateway);
    }
  }

  give(networkId: string): string | undefined {
    const network = this.#view.get('network', networkId);
    const held = this.#holders(networkId);
    const gateway = network && choose(network, held, this.#spaces);
    if (gateway !== undefined) held.add(gateway);
    return gateway;
  }

  #holders(networkId: string): Set<string> {
    const known = this.#held.get(networkId);
    if (known) return known;
    const held = new Set<string>();
    this.#held.set(networkId, held);
    for (const node of this.#view.find('node', 'network', networkId)) {
      const gateway = node.Shoal?.Gateways?.[networkId];
      if (gateway !== undefined) held.add(gateway);
    }
    return held;
  }
}

function choose(network: Network, holders: ReadonlySet<string>, spaces: AddressSpaces): string | undefined {
  const space = spaces.of(network);
  const first = space.gateway;
  if (first === undefined) return undefined;
  return chosenGateway(network) !== undefined || holders.has(first) ? space.takeTop() : first;
}
