/** Addresses of containers that somebody made and that do not run: asked back, one after the other, where a network has no other left. */
import { timeOf } from '#base/clock';
import { withoutPrefix } from '#model/address';
import { parkingLevel } from '#model/feature-level';
import { isGuestKey } from '#model/guest';
import type { Network } from '#model/object/network';
import type { Task } from '#model/object/task';
import { update, type Action } from '#store/action';
import { clusterLevel } from '#store/feature-level';
import type { View } from '#store/view';

export type TaskUpdate = Extract<Action, { type: 'update'; kind: 'task' }>;

/** So long one who was asked is waited for, before another one is asked too. */
const patienceMs = 5000;

/**
 * What is to be written so that an address of the network becomes free, this one if one is named: nothing, where somebody has been asked
 * already. Undefined where nobody can be: all are in use, or their nodes do not answer.
 */
export function askBack(view: View, network: Network, now: number, asked?: string): readonly TaskUpdate[] | undefined {
  if (clusterLevel(view) < parkingLevel) return undefined;
  const idle: Task[] = [];
  for (const task of view.find('task', 'network', network.ID)) {
    if (!canGiveUp(view, task, network.ID, asked)) continue;
    if (!task.Shoal.Attachment?.GivesUp?.includes(network.ID)) idle.push(task);
    else if (now - timeOf(task.UpdatedAt) < patienceMs) return [];
  }
  // Whoever has not run for longest was written longest ago.
  const [first] = idle.toSorted((a, b) => timeOf(a.UpdatedAt) - timeOf(b.UpdatedAt));
  return first && [asking(first, network.ID)];
}

function canGiveUp(view: View, { NodeID, NetworksAttachments = [], Shoal: { Attachment } }: Task, networkId: string, asked?: string): boolean {
  if (!Attachment || Attachment.Running || isGuestKey(Attachment.ContainerID) || view.get('node', NodeID)?.Status.State !== 'ready') return false;
  const addresses = NetworksAttachments.find(({ Network }) => Network.ID === networkId)?.Addresses ?? [];
  return asked === undefined ? addresses.length > 0 : addresses.some((address) => withoutPrefix(address) === asked);
}

function asking(task: Task, networkId: string): TaskUpdate {
  const { Attachment } = task.Shoal;
  const GivesUp = [...(Attachment?.GivesUp ?? []), networkId];
  return update('task', { ...task, Shoal: { ...task.Shoal, ...(Attachment && { Attachment: { ...Attachment, GivesUp } }) } }) as TaskUpdate;
}
