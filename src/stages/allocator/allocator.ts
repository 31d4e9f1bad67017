/** The allocator: networks get subnets, services ports and virtual addresses, and new tasks addresses; then the tasks are pending. */
import { Pace, type Steps } from '#base/pace/steps';
import { nodeLocalNetworks, type Network } from '#model/object/network';
import type { PortConfig } from '#model/object/service-spec';
import { isActive, taskNetwork, type NetworkAttachment, type Task, type TaskNetwork } from '#model/object/task';
import { newMeta, update, type Action } from '#store/action';
import type { Resting, StageContext, StageResult } from '#store/stage';
import type { View } from '#store/view';
import { AddressSpaces } from './address-space.ts';
import { askBack, type TaskUpdate } from './asked-back.ts';
import { parseSubnet } from '#model/ipv4';
import { isIngress } from '#model/port/port';
import { withWait, withState } from '#model/task-status';
import { allocatePorts, type EndpointResult } from './ports.ts';
import { allocateNetworks, type NetworkAllocation } from './subnets.ts';
import { allocateVirtualIps } from './virtual-ips.ts';

/** Tasks that get their addresses in one step. */
const tasksAStep = 10;

/** What the tasks' turn needs to know. */
interface Allocation extends NetworkAllocation {
  view: View;
  /** What this run made of services that had no endpoint, or why they still have none. */
  endpoints: ReadonlyMap<string, EndpointResult>;
  ingress: Network | undefined;
  spaces: AddressSpaces;
  /** What tasks say of networks, made once for all of them. */
  shown: Map<Network, TaskNetwork>;
  now: number;
  /** What is asked of containers that do not run, by network: one on each in one run, however many tasks wait. */
  asked: Map<string, readonly TaskUpdate[] | undefined>;
}

/** What a task is to be attached to. */
interface Wish {
  network: Network;
  aliases: readonly string[];
}

/**
 * Allocates everything that waits for it. What waits is tried again when a service, a network or a task that waits changed,
 * or addresses became free: nothing else could help it.
 */
export function* allocate(view: View, context: StageContext): Steps<StageResult> {
  const { scope, room } = context;
  if (scope !== 'all' && scope.specs.size === 0 && !scope.networks && !scope.waiting) return { actions: [] };
  const networks = allocateNetworks(view);
  const ports = allocatePorts(view);
  const spaces = new AddressSpaces(view, context.resting);
  const addressed = allocateVirtualIps(view, { ...networks, endpoints: ports.endpoints, spaces });
  // One service is written once: with its ports and its addresses.
  const written = new Set(addressed.map(({ object }) => object.ID));
  const actions = [...networks.actions, ...ports.actions.filter((action) => action.type === 'remove' || !written.has(action.object.ID)), ...addressed];
  for (const action of actions) room.count(action);
  const [ingress] = view.find('network', 'ingress', 'yes');
  const allocation: Allocation = {
    ...networks,
    view,
    endpoints: ports.endpoints,
    ingress: ingress && (networks.networks.get(ingress.ID) ?? ingress),
    spaces,
    shown: new Map(),
    now: context.now,
    asked: new Map(),
  };
  const pace = new Pace(tasksAStep);
  for (const task of view.find('task', 'waiting', 'new')) {
    if (pace.isDue) yield;
    if (!isActive(task)) continue;
    if (room.left === 0 && !room.holds('task', task.ID)) return { actions, rest: { waiting: true } };
    for (const action of allocateTask(task, allocation, context.now)) {
      room.count(action);
      actions.push(action);
    }
  }
  const asked = new Set<string>();
  for (const action of [...allocation.asked.values()].flatMap((asking) => asking ?? [])) {
    // One that is asked on two networks is asked on the second when it has answered on the first.
    if (asked.has(action.object.ID) || !room.admit(action)) continue;
    asked.add(action.object.ID);
    actions.push(action);
  }
  return { actions };
}

/** Moves the task to pending with its addresses and ports, or says on it why that cannot be. */
function allocateTask(task: Task, allocation: Allocation, now: number): Action[] {
  const ports = portsOf(task, allocation);
  if (typeof ports === 'string') return refuse(task, ports, now);
  const attachments = attach(task, ports, allocation);
  if (typeof attachments === 'string') return refuse(task, attachments, now);
  const allocated: Task = {
    ...withState(task, 'pending', 'pending task scheduling', now),
    ...(attachments.length > 0 && { NetworksAttachments: attachments }),
    Shoal: { ...task.Shoal, ...(ports.length > 0 && { Ports: ports }) },
  };
  return [update('task', allocated)];
}

/** Says on the task why it stays new; written only when the reason is another one than before. */
function refuse(task: Task, Err: string, now: number): Action[] {
  const waiting = withWait(task, Err, now);
  return waiting ? [update('task', waiting)] : [];
}

function portsOf(task: Task, allocation: Allocation): readonly PortConfig[] | string {
  const result = allocation.endpoints.get(task.ServiceID);
  if (!result) return allocation.view.get('service', task.ServiceID)?.Endpoint?.Ports ?? [];
  return 'problem' in result ? result.problem : (result.endpoint.Ports ?? []);
}

/** One address in each of the task's networks, all or none. */
function attach(task: Task, ports: readonly PortConfig[], allocation: Allocation): NetworkAttachment[] | string {
  const wishes = wishesOf(task, ports, allocation);
  if (typeof wishes === 'string') return wishes;
  const attachments: NetworkAttachment[] = [];
  for (const { network, aliases } of wishes) {
    const taken = takeAddress(network, allocation);
    if ('problem' in taken) {
      for (const [at, { Addresses }] of attachments.entries()) {
        const given = wishes[at];
        if (given) for (const address of Addresses) allocation.spaces.of(given.network).giveBack(address);
      }
      return taken.problem;
    }
    attachments.push({ Network: shownToTasks(network, allocation), Addresses: taken.addresses, ...(aliases.length > 0 && { Aliases: aliases }) });
  }
  return attachments;
}

function shownToTasks(network: Network, { shown }: Allocation): TaskNetwork {
  let known = shown.get(network);
  if (!known) shown.set(network, (known = taskNetwork(network)));
  return known;
}

/** Ingress first, then as in the spec; each network once. */
function wishesOf(task: Task, ports: readonly PortConfig[], allocation: Allocation): Wish[] | string {
  const wishes: Wish[] = [];
  if (ports.some(isIngress)) {
    if (!allocation.ingress) return 'service needs ingress network, but no ingress network is present';
    wishes.push({ network: allocation.ingress, aliases: [] });
  }
  for (const { Target = '', Aliases = [] } of task.Spec.Networks ?? []) {
    const network = allocation.networks.get(Target) ?? allocation.view.get('network', Target) ?? nodeLocal(Target);
    if (!network) return `network ${Target} not found`;
    if (!wishes.some((wish) => wish.network.ID === network.ID)) wishes.push({ network, aliases: Aliases });
  }
  return refuseMixture(wishes) ?? wishes;
}

/** The engine gives a container on the host's network, or on none, no other one. */
function refuseMixture(wishes: readonly Wish[]): string | undefined {
  const names = wishes.map(({ network }) => network.Spec.Name);
  const alone = names.find((name) => name === 'host' || name === 'none');
  if (alone === undefined || names.length === 1) return undefined;
  const others = names.filter((name) => name !== alone).join(', ');
  return `network ${alone} cannot be combined with others (${others}); ports of its tasks can be published in host mode only`;
}

/** The engine's own network of that name, which no store holds. */
function nodeLocal(name: string): Network | undefined {
  if (!nodeLocalNetworks.includes(name)) return undefined;
  return { ...newMeta(name), Spec: { Name: name, Driver: name === 'none' ? 'null' : name } };
}

/** For what stands for a container: an address that nobody has, this one if one is named, whether it rests or not; or why there is none. */
export function addressIn(view: View, network: Network, now: number, asked?: string, resting?: Resting): Given {
  const { networks, problems } = allocateNetworks(view);
  return takeAddress(networks.get(network.ID) ?? network, { view, now, problems, spaces: new AddressSpaces(view, resting), asked: new Map() }, asked);
}

/** `soon`: what is to be written, if anything, so that one becomes free. */
type Given = { addresses: readonly string[] } | { problem: string; soon?: readonly TaskUpdate[] | undefined };

function takeAddress(network: Network, allocation: Pick<Allocation, 'view' | 'now' | 'problems' | 'spaces' | 'asked'>, asked?: string): Given {
  if (nodeLocalNetworks.includes(network.Spec.Name)) return { addresses: [] };
  const problem = allocation.problems.get(network.ID);
  if (problem) return { problem };
  const space = allocation.spaces.of(network);
  const address = asked === undefined ? space.take() : space.takeExactly(asked);
  if (address) return { addresses: [address] };
  const soon = askedBack(network, allocation, asked);
  if (asked !== undefined) return { problem: `network ${network.Spec.Name}: address ${asked} is already in use`, soon };
  if (soon) return { problem: `network ${network.Spec.Name}: the last of its addresses are those of containers that do not run: one is asked back`, soon };
  const subnets = (network.IPAMOptions?.Configs ?? []).flatMap(({ Subnet, Range }) => (parseSubnet(Subnet) ? [Range ?? Subnet] : []));
  return { problem: `network ${network.Spec.Name}: all ${space.size} usable addresses of ${subnets.join(', ')} are in use${allocation.spaces.idle(network)}` };
}

function askedBack(
  network: Network,
  { view, now, asked: known }: Pick<Allocation, 'view' | 'now' | 'asked'>,
  asked?: string,
): readonly TaskUpdate[] | undefined {
  if (!known.has(network.ID)) known.set(network.ID, askBack(view, network, now, asked));
  return known.get(network.ID);
}
