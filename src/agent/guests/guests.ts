/** Containers on this node that are no task's: brought to attachable networks, watched while they are there, and let go. */
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import { Repeater } from '#base/pace/repeater';
import { Refusal } from '#base/refusal';
import { withoutPrefix } from '#model/address';
import type { AttachmentChange, DispatcherSession } from '#model/object/assignment';
import { isGuestKey, type GuestPlace, type GuestRequest } from '#model/guest';
import { elsewhereServer } from '#model/options/name-servers';
import { attachmentTo, type NetworkAttachment, type Task } from '#model/object/task';
import type { Guest, GuestEngine } from '#engine/guests';
import type { NodeNetwork, TaskAttachment } from '#network/contract';
import type { NetworkState } from '#task/prepare';
import { Parking } from './parking.ts';

export interface GuestModules {
  guests: GuestEngine;
  network: NodeNetwork;
  clock: Clock;
  logger: Logger;
  /** By id; those of guests among them. */
  tasks: ReadonlyMap<string, Task>;
  networks: ReadonlyMap<string, NetworkState>;
  session(): DispatcherSession | undefined;
}

const readyLimitMs = 30_000;
const pollMs = 20;
const retryMs = 1000;
const fullLookMs = 30_000;

export class Guests {
  readonly #modules: GuestModules;
  readonly #signal: AbortSignal;
  /** Container → what the node's network was told of it last. */
  readonly #told = new Map<string, { taskId: string; pid: number; facts: string }>();
  /** Containers, or keys of those that are being made, that are brought to networks now, and to how many; made at once, to all of theirs. */
  readonly #making = new Map<string, number>();
  /** Keys of containers that are there, and that the managers' word of it has not reached yet. */
  readonly #made = new Set<string>();
  readonly #looks: Repeater;
  readonly #parking: Parking;

  constructor(modules: GuestModules, signal: AbortSignal) {
    this.#modules = modules;
    this.#signal = signal;
    const { guests, clock, tasks, networks } = modules;
    this.#parking = new Parking({ guests, clock, tasks, networks, tell: (change) => this.#tell(change) }, signal);
    this.#looks = new Repeater(
      () => this.#lookAtAll(),
      (error) => this.#failed(error),
      modules.clock,
    );
  }

  start(): void {
    this.#modules.guests.watch((containerId) => {
      if (containerId === undefined || this.#has(containerId)) this.look();
    }, this.#signal);
    this.#signal.addEventListener('abort', () => void this.#looks.stop(), { once: true });
  }

  /** Brings a container to a network: resolves when the network is there on this node and has an address for it. Refuses in Docker's words. */
  async attach(request: GuestRequest): Promise<GuestPlace> {
    const { clock } = this.#modules;
    const key = request.containerId;
    this.#making.set(key, isGuestKey(key) ? 1 : (this.#making.get(key) ?? 0) + 1);
    const isHeld = !isGuestKey(key) && this.#attachmentOf(this.taskOf(key) ?? '', request.network) !== undefined;
    try {
      const taskId = await this.#parking.ask({ type: 'attach', ...request });
      for (const end = clock.monotonicNow() + readyLimitMs; clock.monotonicNow() < end && !this.#signal.aborted; await pause(clock, pollMs, this.#signal)) {
        const place = this.#placeOf(taskId, request.network);
        // What this node knows of one that was there already may be older than what it was given now.
        if (place && place.address !== '' && (request.address ?? place.address) === place.address) return place;
      }
      if (!isHeld) await this.release(taskId, this.#attachmentOf(taskId, request.network)?.Network.ID ?? request.network);
      throw new Refusal('unavailable', `network ${request.network} is not ready on this node: ${this.#whyNot(taskId, request.network)}`, { plain: true });
    } catch (error) {
      this.#brought(key);
      throw error;
    }
  }

  /** The container is there, or was before: from now on it is looked after. */
  async settle(key: string, taskId: string, containerId: string, name: string): Promise<void> {
    const told = key === containerId ? undefined : ({ type: 'tell', taskId, containerId, name, running: false } as const);
    const again = (): void => void this.settle(key, taskId, containerId, name);
    try {
      if (told) await this.#tell(told);
      if (told) this.#made.add(key);
      this.#brought(key);
    } catch (error) {
      // Until the managers know what it is called, it is being made: its address is not free.
      const { clock, logger } = this.#modules;
      logger.info(
        { container: name, reason: (error as Error).message },
        'the managers do not know of a new container on the cluster’s networks yet; they are told again in a second',
      );
      if (!(error instanceof Refusal && error.code === 'notFound') && !this.#signal.aborted) clock.after(retryMs, again);
    }
    this.look();
  }

  /** It will not come, or has left; from all networks where none is named. */
  async release(taskId: string, networkId?: string, key?: string): Promise<void> {
    if (key !== undefined) this.#brought(key);
    await this.#tell({ type: 'detach', taskId, ...(networkId !== undefined && { networkId }) }).catch((error: unknown) => {
      this.#modules.logger.info(
        { task: taskId, reason: (error as Error).message },
        'a container’s address could not be given back yet: it is tried again with the next look',
      );
    });
    this.look();
  }

  /** Whether it came to the network is not known: the engine shows it. */
  drop(key: string): void {
    this.#brought(key);
    this.look();
  }

  /** Of the node's containers on the cluster's networks the one with this id; undefined where it is on none. */
  taskOf(containerId: string): string | undefined {
    return this.#all().find((task) => task.Shoal.Attachment?.ContainerID === containerId)?.ID;
  }

  /** Before a container starts: it has an address that nobody else has. Resolves with what is to be called when it was started, or was not. */
  async wake(containerId: string): Promise<() => void> {
    const taskId = this.taskOf(containerId);
    if (taskId === undefined) return () => {};
    this.#making.set(containerId, (this.#making.get(containerId) ?? 0) + 1);
    try {
      await this.#parking.wake(taskId);
    } catch (error) {
      this.drop(containerId);
      throw error;
    }
    return () => this.drop(containerId);
  }

  /** The engine's name of a cluster network. */
  networkName(networkId: string): string {
    return this.#modules.guests.networkName(networkId);
  }

  /** Something may have happened to one, or to what the managers say of them. */
  look(): void {
    this.#looks.ask();
  }

  /** The node leaves its cluster: containers run on without its networks. */
  async letGo(): Promise<void> {
    for (const { ID, Shoal, NetworksAttachments = [] } of this.#all()) {
      for (const { Network } of NetworksAttachments) {
        await this.#modules.guests.disconnect(Shoal.Attachment?.ContainerID ?? '', Network.ID).catch((error: unknown) => {
          this.#modules.logger.warn(
            { container: Shoal.Attachment?.Name, err: error },
            'a container could not be taken off a network of the cluster that this node leaves',
          );
        });
      }
      await this.#forget(Shoal.Attachment?.ContainerID ?? '', ID);
    }
  }

  /** It runs on without the networks: what its end of them was given is taken back, for names are answered there no more. */
  async #forget(containerId: string, taskId: string): Promise<void> {
    const told = this.#told.get(containerId);
    if (told?.taskId !== taskId) return;
    await this.#modules.network.attached({ taskId, pid: told.pid, networks: [] });
    this.#ended(containerId, taskId);
  }

  #ended(containerId: string, taskId: string): void {
    this.#told.delete(containerId);
    this.#modules.network.detached(taskId);
  }

  #all(): Task[] {
    return [...this.#modules.tasks.values()].filter(({ Shoal }) => Shoal.Attachment !== undefined);
  }

  #has(containerId: string): boolean {
    return this.taskOf(containerId) !== undefined;
  }

  #brought(key: string): void {
    const others = (this.#making.get(key) ?? 0) - 1;
    if (others > 0) this.#making.set(key, others);
    else this.#making.delete(key);
  }

  #isMaking(containerId: string): boolean {
    return this.#making.has(containerId) || this.#made.has(containerId);
  }

  async #tell(change: AttachmentChange): Promise<string> {
    const session = this.#modules.session();
    if (!session) throw new Refusal('unavailable', 'no manager can be reached: a container gets its address from them', { plain: true });
    return await session.changeAttachment(change);
  }

  #attachmentOf(taskId: string, ref: string): NetworkAttachment | undefined {
    const task = this.#modules.tasks.get(taskId);
    return task && attachmentTo(task, ref);
  }

  #placeOf(taskId: string, ref: string): GuestPlace | undefined {
    const attachment = this.#attachmentOf(taskId, ref);
    const state = attachment && this.#modules.networks.get(attachment.Network.ID);
    if (!attachment || !state?.ready) return undefined;
    const networkId = attachment.Network.ID;
    const address = withoutPrefix(attachment.Addresses[0] ?? '');
    return { taskId, networkId, network: this.#modules.guests.networkName(networkId), address, gateway: state.gateway };
  }

  #whyNot(taskId: string, ref: string): string {
    const attachment = this.#attachmentOf(taskId, ref);
    const failure = attachment && this.#modules.networks.get(attachment.Network.ID)?.failure?.message;
    return failure ?? 'the managers have not brought it yet';
  }

  async #lookAtAll(): Promise<void> {
    for (const key of this.#made) if (!this.#has(key)) this.#made.delete(key);
    for (const task of this.#all()) {
      await this.#lookAt(task).catch((error: unknown) => this.#failed(error, task));
    }
    for (const [containerId, { taskId }] of this.#told) if (!this.#modules.tasks.has(taskId)) await this.#forget(containerId, taskId);
    this.#looks.askIn(fullLookMs);
  }

  #failed(error: unknown, task?: Task): void {
    this.#modules.logger.debug(
      { container: task?.Shoal.Attachment?.Name, reason: (error as Error).message },
      'a container could not be looked at; it is tried again in a second',
    );
    this.#looks.askIn(retryMs);
  }

  async #lookAt(task: Task): Promise<void> {
    const {
      ID: taskId,
      Shoal: { Attachment },
      NetworksAttachments = [],
    } = task;
    if (!Attachment || this.#isMaking(Attachment.ContainerID)) return;
    const guest = await this.#modules.guests.look(Attachment.ContainerID);
    if (!guest) {
      this.#ended(Attachment.ContainerID, taskId);
      return void (await this.#tell({ type: 'detach', taskId }));
    }
    // Somebody may have begun to bring it to another network while it was looked at.
    if (this.#isMaking(Attachment.ContainerID)) return;
    await this.#parking.park(task, guest);
    const parked = guest.ended ? (Attachment.GivesUp ?? []) : [];
    for (const { Network } of NetworksAttachments) {
      // A daemon that ended while it parked one has left it off the network.
      if (!guest.networkIds.includes(Network.ID) && !parked.includes(Network.ID)) await this.#tell({ type: 'detach', taskId, networkId: Network.ID });
    }
    const running = guest.pid !== undefined;
    await this.#makeReady(taskId, guest);
    const { ContainerID, Name, Running = false } = Attachment;
    if (running !== Running || guest.name !== Name || guest.containerId !== ContainerID) {
      await this.#tell({ type: 'tell', taskId, containerId: guest.containerId, name: guest.name, running });
    }
  }

  /** Its own end of the networks, so that it finds services and answers like a task does. */
  async #makeReady(taskId: string, guest: Guest): Promise<void> {
    const { containerId, pid, networks } = guest;
    const asks = this.#asksOf(guest);
    const places = networks.map(({ networkId, address, macAddress }) => `${networkId} ${address} ${macAddress}`);
    const goesOn = this.#goesOn(guest);
    const facts = [pid, ...places, asks?.gateway, ...(asks?.servers ?? []), goesOn].join(' ');
    if (pid === undefined) return this.#ended(containerId, taskId);
    if (networks.length === 0) {
      // It may have left while no daemon was there to take back what an earlier one had given it.
      this.#told.set(containerId, { taskId, pid, facts: '' });
      return await this.#forget(containerId, taskId);
    }
    if (this.#told.get(containerId)?.facts === facts) return;
    await this.#modules.network.attached({ taskId, pid, networks, ...(asks && { asks }), ...(goesOn && { goesOn }) });
    this.#told.set(containerId, { taskId, pid, facts });
  }

  /** One that was made with a name server of ours asks it already. */
  #asksOf({ networks, nameServers }: Guest): TaskAttachment['asks'] {
    const gateways = networks.flatMap(({ networkId }) => this.#modules.networks.get(networkId)?.gateway ?? []).filter((gateway) => gateway !== '');
    const [gateway] = gateways;
    return gateway === undefined || nameServers.some((server) => this.#isOurs(server)) ? undefined : { servers: nameServers, gateway };
  }

  /** One that was made here with servers of its own has ours before them. */
  #goesOn({ nameServers }: Guest): boolean {
    const ours = nameServers.filter((server) => this.#isOurs(server)).length;
    return ours > 0 && ours < nameServers.length;
  }

  #isOurs(server: string): boolean {
    return server === elsewhereServer || [...this.#modules.networks.values()].some(({ gateway }) => gateway === server);
  }
}
