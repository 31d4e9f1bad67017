/** Containers that do not run give their addresses up to others, and get new ones when they are to start. */
import { type Clock, pause } from '#base/clock';
import { Refusal } from '#base/refusal';
import { withoutPrefix } from '#model/address';
import type { Task } from '#model/object/task';
import type { Guest, GuestEngine } from '#engine/guests';
import type { AttachmentChange } from '#model/object/assignment';
import type { NetworkState } from '#task/prepare';

/** How long whoever needs an address waits for one that is asked back. */
const addressLimitMs = 30_000;
const askAgainMs = 100;
const pollMs = 20;

export interface ParkingModules {
  guests: GuestEngine;
  clock: Clock;
  tasks: ReadonlyMap<string, Task>;
  networks: ReadonlyMap<string, NetworkState>;
  tell(change: AttachmentChange): Promise<string>;
}

export class Parking {
  /** The one that is moved now. */
  #moving: Promise<void> = Promise.resolve();

  constructor(
    readonly modules: ParkingModules,
    readonly signal: AbortSignal,
  ) {}

  /** Says it until an address is free where one was asked back; the task's id. */
  async ask(change: AttachmentChange): Promise<string> {
    const { clock } = this.modules;
    for (const end = clock.monotonicNow() + addressLimitMs; clock.monotonicNow() < end && !this.signal.aborted; await pause(clock, askAgainMs, this.signal)) {
      const taskId = await this.modules.tell(change);
      if (taskId !== '') return taskId;
    }
    throw new Refusal('unavailable', 'no address is free on the network: containers that do not run were asked for theirs, and their nodes did not answer', {
      plain: true,
    });
  }

  /** What others need of an ended container is theirs: its engine can start it with that no more. */
  async park(task: Task, guest: Guest): Promise<void> {
    if (!guest.ended || !task.Shoal.Attachment?.GivesUp) return;
    const parked = this.#parkAll(task, guest, task.Shoal.Attachment.GivesUp);
    this.#moving = parked.catch(() => {});
    await parked;
  }

  async #parkAll({ ID: taskId }: Task, { containerId }: Guest, networkIds: readonly string[]): Promise<void> {
    for (const networkId of networkIds) {
      const gateway = this.#gateway(networkId);
      if (gateway === undefined) continue;
      await this.modules.guests.move(containerId, networkId, gateway);
      await this.#sayParked(taskId, networkId);
    }
  }

  /** Resolves when this node, too, knows it by no address there. */
  async #sayParked(taskId: string, networkId: string): Promise<void> {
    await this.modules.tell({ type: 'park', taskId, networkId });
    await this.#until(() => this.#address(taskId, networkId) === '');
  }

  /** It has an address of its own on each of its networks, and is about to be started with that. Call it while nobody parks it. */
  async wake(taskId: string): Promise<void> {
    const { guests, tasks } = this.modules;
    await this.#moving;
    const guest = await guests.look(tasks.get(taskId)?.Shoal.Attachment?.ContainerID ?? '');
    if (!guest?.ended) return;
    const wished = Object.entries(guest.addresses);
    for (const [networkId, address] of wished) {
      // What this node knows of it may be older than its parking: said again, it cannot be taken for an address that it still has.
      if (address === this.#gateway(networkId) && this.#address(taskId, networkId)) await this.#sayParked(taskId, networkId);
    }
    const needs = wished.some(([networkId]) => this.#address(taskId, networkId) === '');
    if (needs || tasks.get(taskId)?.Shoal.Attachment?.GivesUp) await this.ask({ type: 'wake', taskId });
    await this.#until(() => wished.every(([networkId]) => this.#address(taskId, networkId) !== ''));
    for (const [networkId, address] of wished) {
      const given = this.#address(taskId, networkId);
      if (given !== undefined && given !== address) await guests.move(guest.containerId, networkId, given);
    }
  }

  #gateway(networkId: string): string | undefined {
    return this.modules.networks.get(networkId)?.gateway || undefined;
  }

  /** Empty while it is parked; undefined where the task is not on the network. */
  #address(taskId: string, networkId: string): string | undefined {
    const attachment = this.modules.tasks.get(taskId)?.NetworksAttachments?.find(({ Network }) => Network.ID === networkId);
    return attachment && withoutPrefix(attachment.Addresses[0] ?? '');
  }

  async #until(isKnown: () => boolean): Promise<void> {
    const { clock } = this.modules;
    for (const end = clock.monotonicNow() + addressLimitMs; !isKnown(); await pause(clock, pollMs, this.signal)) {
      if (this.signal.aborted || clock.monotonicNow() >= end)
        throw new Refusal('unavailable', 'what the managers gave a container has not reached this node', { plain: true });
    }
  }
}
