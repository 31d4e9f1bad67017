/** Use cases of containers that are no task's and are on the cluster's networks: each has one task that stands for it. */
import { timeText } from '#base/clock';
import { Refusal } from '#base/refusal';
import { withoutPrefix } from '#model/address';
import { addressNumber, parseSubnet } from '#model/ipv4';
import type { AttachmentChange } from '#model/object/assignment';
import { isEncrypted, type Network } from '#model/object/network';
import { canEncrypt, lackOf, type Node } from '#model/object/node';
import { attachmentTo, taskNetwork, type NetworkAttachment, type Task } from '#model/object/task';
import { create, newMeta, remove, update, type Action } from '#store/action';
import type { View } from '#store/view';
import type { UseCase } from './cluster.ts';
import { findObject } from './find.ts';

type Change<T extends AttachmentChange['type']> = Extract<AttachmentChange, { type: T }>;

/** Containers that one node may bring. */
const attachmentsPerNode = 4096;

/**
 * An address of the network that nobody has, this one if one is named; or why there is none, and where one is about to become free
 * what is to be written for that.
 */
export type AddressIn = (
  view: View,
  network: Network,
  now: number,
  asked?: string,
) => { addresses: readonly string[] } | { problem: string; soon?: readonly Action[] | undefined };

/** Carries out what a node says of its containers, and of no other's; the result is the id of the container's task, or '' where it is to be said again in a moment. */
export function changeAttachment(nodeId: string, change: AttachmentChange, addressIn: AddressIn): UseCase<string> {
  switch (change.type) {
    case 'attach':
      return attach(nodeId, change, addressIn);
    case 'tell':
      return tell(nodeId, change);
    case 'park':
      return park(nodeId, change);
    case 'wake':
      return wake(nodeId, change, addressIn);
    case 'detach':
      return detach(nodeId, change);
  }
}

/**
 * A container's task with one network more, and its address there; where there is none nothing changes.
 * One that does not run may ask again for a network that it is on: it has the new aliases there, and another address if it asks for one.
 */
function attach(nodeId: string, change: Change<'attach'>, addressIn: AddressIn): UseCase<string> {
  return (view, { now, newId }) => {
    const network = findObject(view, 'network', change.network);
    if (!network.Spec.Attachable) throw new Refusal('permissionDenied', `network ${network.Spec.Name} not manually attachable`);
    checkEncryption(view.get('node', nodeId), network);
    checkAddress(network, change.address);
    const known = attachmentOf(view, nodeId, change.containerId);
    const held = known?.NetworksAttachments?.find(({ Network: { ID } }) => ID === network.ID);
    if (held && known?.Shoal.Attachment?.Running) {
      throw new Refusal('alreadyExists', `${change.name} is already attached to network ${network.Spec.Name}`, { plain: true });
    }
    if (!known && countOf(view, nodeId) >= attachmentsPerNode) {
      throw new Refusal('failedPrecondition', `node ${nodeId} has ${attachmentsPerNode} containers on the cluster's networks: no more can be attached`);
    }
    const kept = keptAddresses(held, change.address);
    const given = kept ? { addresses: kept } : addressIn(view, network, now, change.address);
    if ('problem' in given) return awaited(given);
    const task = known ? (kept ? known : withoutMarks(known, network.ID)) : newTask(newId(), nodeId, change, now);
    const aliases = change.aliases.length > 0 && { Aliases: change.aliases };
    const next: Task = {
      ...task,
      Spec: { ...task.Spec, Networks: withOne(task.Spec.Networks, ({ Target }) => Target === network.ID, { Target: network.ID, ...aliases }) },
      NetworksAttachments: withOne(task.NetworksAttachments, (each) => each === held, {
        Network: taskNetwork(network),
        Addresses: given.addresses,
        ...aliases,
      }),
    };
    return { actions: [known ? update('task', next) : create('task', next)], result: next.ID };
  };
}

/** Those that a container has there already; undefined where it is to be given one. */
function keptAddresses(held: NetworkAttachment | undefined, asked: string | undefined): readonly string[] | undefined {
  const [address = ''] = held?.Addresses ?? [];
  return address === '' || (asked !== undefined && asked !== withoutPrefix(address)) ? undefined : held?.Addresses;
}

/** The list with `item` in the place of the one that it stands for, or at the end. */
function withOne<T>(list: readonly T[] = [], isSame: (each: T) => boolean, item: T): T[] {
  return list.some(isSame) ? list.map((each) => (isSame(each) ? item : each)) : [...list, item];
}

/** None is free: one is about to be, or it is refused. */
function awaited({ problem, soon }: { problem: string; soon?: readonly Action[] | undefined }): { actions: readonly Action[]; result: string } {
  if (!soon) throw new Refusal('failedPrecondition', problem, { plain: true });
  return { actions: soon, result: '' };
}

/** As no task is placed there. */
function checkEncryption(node: Node | undefined, network: Network): void {
  if (!node || !isEncrypted(network) || canEncrypt(node)) return;
  throw new Refusal('failedPrecondition', `network ${network.Spec.Name} is encrypted, and this node cannot encrypt (${lackOf(node)})`, { plain: true });
}

/** Refuses an address that is none of the network's. */
function checkAddress({ IPAMOptions }: Network, address: string | undefined): void {
  if (address === undefined || !IPAMOptions?.Configs) return;
  const number = addressNumber(address) ?? Number.NaN;
  const holds = IPAMOptions.Configs.some(({ Subnet }) => {
    const subnet = parseSubnet(Subnet);
    return subnet && subnet.first <= number && number <= subnet.last;
  });
  if (!holds) throw new Refusal('invalidArgument', `invalid address ${address}: It does not belong to any of this network's subnets`, { plain: true });
}

/** What became of the container: its name, and whether it runs. */
function tell(nodeId: string, { taskId, containerId, name, running }: Change<'tell'>): UseCase<string> {
  return (view) => {
    const task = ownAttachment(view, nodeId, taskId);
    const { Running: _before, GivesUp, ...attachment } = task.Shoal.Attachment ?? {};
    // One that runs needs its addresses.
    const state = running ? { Running: true as const } : GivesUp && { GivesUp };
    const Attachment = { ...attachment, ContainerID: containerId, Name: name, ...state };
    return { actions: [update('task', { ...task, Shoal: { ...task.Shoal, ServiceName: name, Attachment } })], result: task.ID };
  };
}

/** Its address there is free. */
function park(nodeId: string, { taskId, networkId }: Change<'park'>): UseCase<string> {
  return (view) => {
    const task = ownAttachment(view, nodeId, taskId);
    const NetworksAttachments = (task.NetworksAttachments ?? []).map((each) => (each.Network.ID === networkId ? { ...each, Addresses: [] } : each));
    return { actions: [update('task', { ...withoutMarks(task, networkId), NetworksAttachments })], result: taskId };
  };
}

/** An address on each network where it has none; all or none. */
function wake(nodeId: string, { taskId }: Change<'wake'>, addressIn: AddressIn): UseCase<string> {
  return (view, { now }) => {
    const task = ownAttachment(view, nodeId, taskId);
    const NetworksAttachments: NetworkAttachment[] = [];
    for (const attachment of task.NetworksAttachments ?? []) {
      const network = attachment.Addresses.length === 0 && view.get('network', attachment.Network.ID);
      const given = network ? addressIn(view, network, now) : { addresses: attachment.Addresses };
      if ('problem' in given) return awaited(given);
      NetworksAttachments.push({ ...attachment, Addresses: given.addresses });
    }
    return { actions: [update('task', { ...withoutMarks(task), NetworksAttachments })], result: taskId };
  };
}

/** Nobody asks for the container's address there, or for any where no network is named. */
function withoutMarks(task: Task, networkId?: string): Task {
  const { Attachment } = task.Shoal;
  if (!Attachment?.GivesUp) return task;
  const { GivesUp, ...rest } = Attachment;
  const others = networkId === undefined ? [] : GivesUp.filter((id) => id !== networkId);
  return { ...task, Shoal: { ...task.Shoal, Attachment: { ...rest, ...(others.length > 0 && { GivesUp: others }) } } };
}

/** The container has left the network, or is gone: what it held there is free. */
function detach(nodeId: string, { taskId, networkId }: Change<'detach'>): UseCase<string> {
  return (view) => {
    const task = view.get('task', taskId);
    // Said twice, it is done.
    if (!task) return { actions: [], result: taskId };
    const own = ownAttachment(view, nodeId, taskId);
    const network = networkId === undefined ? undefined : (attachmentTo(own, networkId)?.Network.ID ?? networkId);
    return { actions: [withoutNetwork(own, network)], result: taskId };
  };
}

/** The task off the network, or off all; without any it goes. */
export function withoutNetwork(task: Task, networkId: string | undefined): Action {
  const Networks = (task.Spec.Networks ?? []).filter(({ Target }) => networkId !== undefined && Target !== networkId);
  if (Networks.length === 0) return remove('task', task.ID);
  const NetworksAttachments = (task.NetworksAttachments ?? []).filter(({ Network }) => Network.ID !== networkId);
  return update('task', { ...withoutMarks(task, networkId), Spec: { ...task.Spec, Networks }, NetworksAttachments });
}

function ownAttachment(view: View, nodeId: string, taskId: string): Task {
  const task = view.get('task', taskId);
  if (!task?.Shoal.Attachment || task.NodeID !== nodeId) throw new Refusal('notFound', `attachment ${taskId} not found`);
  return task;
}

function attachmentOf(view: View, nodeId: string, containerId: string): Task | undefined {
  for (const task of view.tasksOfService('')) if (task.NodeID === nodeId && task.Shoal.Attachment?.ContainerID === containerId) return task;
  return undefined;
}

function countOf(view: View, nodeId: string): number {
  let count = 0;
  for (const task of view.tasksOfService('')) if (task.NodeID === nodeId) count++;
  return count;
}

function newTask(ID: string, NodeID: string, { containerId, name }: Change<'attach'>, now: number): Task {
  return {
    ...newMeta(ID),
    Spec: { Runtime: 'attachment' },
    ServiceID: '',
    NodeID,
    Status: { Timestamp: timeText(now), State: 'running', Message: 'attached' },
    DesiredState: 'running',
    Shoal: { ServiceName: name, ServiceLabels: {}, SpecVersion: 0, Attachment: { ContainerID: containerId, Name: name } },
  };
}
