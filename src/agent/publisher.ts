/** Brings names, bridges and ports in force: one round at a time, each with all that is wanted when it begins. */
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import type { ServiceEndpoint } from '#model/object/assignment';
import type { Network } from '#model/object/network';
import type { BridgedNetwork, LocalNetwork, NodeNetwork, Peer } from '#network/contract';
import { retryDelayMs } from '#task/attempt';

export interface PublisherModules {
  network: NodeNetwork;
  clock: Clock;
  logger: Logger;
}

export interface Wanted {
  services(): readonly ServiceEndpoint[];
  /** The other nodes on them. */
  peers(): readonly Peer[];
  /** UDP port between nodes; undefined: the usual one. */
  port(): number | undefined;
  /** Networks that the engine has. */
  networks(): readonly LocalNetwork[];
  /** Told after each round. */
  served(): void;
  /** Those of them that containers are attached to. */
  ready(): readonly LocalNetwork[];
}

/** News of other nodes' tasks comes in bursts, and each round is some processes beside the containers that start just then: of what nobody waits for, so much time lies between two rounds. */
const restMs = 200;

export class Publisher {
  readonly #modules: PublisherModules;
  readonly #wanted: Wanted;
  readonly #signal: AbortSignal;
  #sequence = 0;
  #inForce = 0;
  #open = false;
  /** What the names facet says is of this life: before, the bridges' rules of the last one hold. */
  #named = false;
  #publishing = false;
  #waiters: { sequence: number; resolve: () => void }[] = [];
  /** Monotonic. */
  #endedAt = -Infinity;
  /** Between two rounds, until somebody waits for the next one. */
  #resting = new AbortController();

  constructor(modules: PublisherModules, wanted: Wanted, signal: AbortSignal) {
    this.#modules = modules;
    this.#wanted = wanted;
    this.#signal = signal;
    // Nobody waits any longer for what will not be done.
    const end = (): void => {
      this.#waiters.splice(0).forEach((waiter) => waiter.resolve());
      this.#resting.abort();
    };
    signal.addEventListener('abort', end, { once: true });
  }

  open(): void {
    this.#open = true;
    void this.publish();
  }

  /** Resolves when what is wanted now is in force, or could not be brought in force; before `open`, after it. */
  publish(): Promise<void> {
    if (this.#signal.aborted) return Promise.resolve();
    const sequence = ++this.#sequence;
    const settled = new Promise<void>((resolve) => this.#waiters.push({ sequence, resolve }));
    this.#resting.abort();
    this.#begin();
    return settled;
  }

  /** The same for what nobody waits for: it may lie for a moment, until there is more of it. */
  publishSoon(): void {
    if (this.#signal.aborted) return;
    this.#sequence++;
    this.#begin();
  }

  #begin(): void {
    if (this.#open && !this.#publishing) void this.#rounds();
  }

  /** See NetworkLoop. A network that cannot do it keeps no task from ending. */
  async withdraw(taskId: string): Promise<void> {
    try {
      await this.#modules.network.detaching(taskId);
    } catch (error) {
      this.#failed(error);
    }
    // Ports of an earlier life still lead there.
    if (!this.#open) await this.publish();
  }

  /** Names are answered on each network, and its containers are led to them: they may start. */
  async serveNetworks(): Promise<void> {
    const services = this.#wanted.services();
    await this.#reachPeers(services);
    await this.#answerNames(services);
  }

  /** Whether containers of the network are answered; the ingress network has no names. */
  named({ ID, Spec }: Network): boolean {
    return Spec.Ingress === true || this.#modules.network.names.servers().some(({ networkId }) => networkId === ID);
  }

  /** Where the name servers are now, for the bridges; nothing before anything was applied. */
  async applyBridges(): Promise<void> {
    if (!this.#named) return;
    const { bridges, names } = this.#modules.network;
    const ports = new Map(names.servers().map(({ networkId, port }) => [networkId, port]));
    const bridged = this.#wanted.networks().map((local): BridgedNetwork => {
      const nameServerPort = ports.get(local.network.ID);
      return { ...local, ...(nameServerPort !== undefined && { nameServerPort }) };
    });
    await bridges.apply(bridged);
  }

  /** One round at a time; what is wanted meanwhile goes into the next. */
  async #rounds(): Promise<void> {
    this.#publishing = true;
    while (this.#inForce < this.#sequence && !this.#signal.aborted) {
      if (this.#waiters.length === 0) await this.#rest();
      if (this.#signal.aborted) break;
      const sequence = this.#sequence;
      await this.#round();
      this.#inForce = sequence;
      this.#endedAt = this.#modules.clock.monotonicNow();
      for (const waiter of this.#waiters) if (waiter.sequence <= sequence) waiter.resolve();
      this.#waiters = this.#waiters.filter((waiter) => waiter.sequence > sequence);
    }
    this.#publishing = false;
  }

  /** Resolves when enough time has passed since the last round, or somebody waits. */
  async #rest(): Promise<void> {
    const { clock } = this.#modules;
    const leftMs = this.#endedAt + restMs - clock.monotonicNow();
    if (leftMs <= 0) return;
    this.#resting = new AbortController();
    await pause(clock, leftMs, this.#resting.signal);
  }

  /** Names that cannot be answered keep no port from being published, and neither waits for the other. */
  async #round(): Promise<void> {
    const { ports } = this.#modules.network;
    const services = this.#wanted.services();
    const reached = this.#reachPeers(services);
    // Nobody is led to a task before the way to its node is there.
    const published = reached.catch(() => undefined).then(() => ports.apply({ services, networks: this.#wanted.ready(), peers: this.#wanted.peers() }));
    const parts = await Promise.allSettled([reached, this.#answerNames(services), published]);
    for (const part of parts) if (part.status === 'rejected') this.#failed(part.reason);
    this.#wanted.served();
  }

  async #reachPeers(services: readonly ServiceEndpoint[]): Promise<void> {
    const port = this.#wanted.port();
    const overlay = { services, networks: this.#wanted.networks(), peers: this.#wanted.peers(), ...(port !== undefined && { port }) };
    await this.#modules.network.overlay.apply(overlay);
  }

  async #answerNames(services: readonly ServiceEndpoint[]): Promise<void> {
    await this.#modules.network.names.apply({ services, networks: this.#wanted.networks() });
    this.#named = true;
    await this.applyBridges();
  }

  #failed(error: unknown): void {
    if (this.#signal.aborted) return;
    this.#modules.logger.error(
      { err: error },
      'names, published ports or the way to other nodes are not up to date: clients may be led to tasks that have gone; it is tried again in 1 s',
    );
    this.#modules.clock.after(retryDelayMs, () => !this.#signal.aborted && void this.publish());
  }
}
