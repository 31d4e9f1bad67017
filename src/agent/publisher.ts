/** Brings names, bridges and ports in force: one round at a time, each with all that is wanted when it begins. */
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import { Repetition } from '#base/pace/repetition';
import type { ServiceEndpoint } from '#model/object/assignment';
import type { Network } from '#model/object/network';
import type { BridgedNetwork, Entry, LocalNetwork, NodeNetwork, Peer, Traffic } from '#network/contract';
import { retryDelayMs } from '#task/attempt';
import { LastKnown } from './last-known.ts';

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
  /** See `Traffic.entry`. */
  entry(): Entry | undefined;
}

/**
 * News of other nodes' tasks comes in bursts, and each round is some processes beside the containers that start just then: of what nobody waits for,
 * so much time lies between two rounds, and so many times what the last one took: a host that is busy is not kept so by these.
 */
const restMs = { least: 200, most: 1000, rounds: 3 };
/** How long ports and ways that cannot be brought in force are waited for. */
const givenUpMs = 10_000;
/** What fails in one way is told of again so often. */
const tellEveryMs = 30_000;

interface Waiter {
  sequence: number;
  /** A round that could not bring it in force is not enough. */
  untilWell: boolean;
  resolve: () => void;
}

export class Publisher {
  readonly #modules: PublisherModules;
  readonly #wanted: Wanted;
  readonly #signal: AbortSignal;
  #sequence = 0;
  /** The last sequence whose round is over. */
  #over = 0;
  /** The last one whose ports and ways are in force. */
  #well = 0;
  /** The last one with more news than who is ready. */
  #ways = 0;
  #open = false;
  /** What the names facet says is of this life: before, the bridges' rules of the last one hold. */
  #named = false;
  #publishing = false;
  #waiters: Waiter[] = [];
  /** Monotonic: since when no round went well. */
  #failure: { text: string; since: number } | undefined;
  /** A repetition is planned. */
  #repeats = false;
  readonly #told = new Repetition(tellEveryMs);
  readonly #lastKnown: LastKnown;
  /** Monotonic: when the next round may begin that nobody waits for. */
  #restedAt = -Infinity;
  /** Between two rounds, until somebody waits for the next one. */
  #resting = new AbortController();

  constructor(modules: PublisherModules, wanted: Wanted, signal: AbortSignal) {
    this.#modules = modules;
    this.#wanted = wanted;
    this.#signal = signal;
    this.#lastKnown = new LastKnown(modules.clock, () => this.publishSoon(false));
    // Nobody waits any longer for what will not be done.
    const end = (): void => {
      this.#waiters.splice(0).forEach((waiter) => waiter.resolve());
      this.#resting.abort();
      this.#lastKnown.stop();
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
    this.#ways = ++this.#sequence;
    return this.#wait(this.#sequence, false);
  }

  /** The same for what nobody waits for: it may lie for a moment, until there is more of it. `ways`: it is more than who is ready. */
  publishSoon(ways: boolean): void {
    if (this.#signal.aborted) return;
    this.#sequence++;
    if (ways) this.#ways = this.#sequence;
    this.#begin();
  }

  /** Resolves when ports and ways are in force as they were last wanted, who is ready apart, however often that has to be tried; undefined: they are. */
  upToDate(): Promise<void> | undefined {
    return this.#signal.aborted || this.#ways <= this.#well || this.#isGivenUp() ? undefined : this.#wait(this.#ways, true);
  }

  /** What has not been brought in force for so long is waited for by nobody any more: all that goes on here, and stops elsewhere, would be as slow. */
  #isGivenUp(): boolean {
    return this.#failure !== undefined && this.#modules.clock.monotonicNow() - this.#failure.since >= givenUpMs;
  }

  #wait(sequence: number, untilWell: boolean): Promise<void> {
    const settled = new Promise<void>((resolve) => this.#waiters.push({ sequence, untilWell, resolve }));
    this.#resting.abort();
    this.#begin();
    return settled;
  }

  #begin(): void {
    if (this.#open && !this.#publishing) void this.#rounds();
  }

  /** See NetworkLoop. A network that cannot do it keeps no task from ending. */
  async withdraw(taskId: string): Promise<void> {
    // It is taken out of what was brought in force last, and who serves in its place may be among the news that lies since.
    if (this.#open && !this.#signal.aborted && this.#over < this.#sequence) await this.#wait(this.#sequence, false);
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
    // Neither waits for the other, and one that fails leaves the other no less done.
    const done = await Promise.allSettled([this.#reachPeers(services), this.#answerNames(this.#lastKnown.of(services))]);
    for (const each of done) if (each.status === 'rejected') throw each.reason;
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
    while (this.#over < this.#sequence && !this.#signal.aborted) {
      if (this.#waiters.length === 0) await this.#rest();
      if (this.#signal.aborted) break;
      const sequence = this.#sequence;
      const began = this.#modules.clock.monotonicNow();
      const well = await this.#round();
      this.#over = sequence;
      if (well) this.#well = sequence;
      if (well) this.#failure = undefined;
      const ended = this.#modules.clock.monotonicNow();
      this.#restedAt = ended + Math.min(restMs.most, Math.max(restMs.least, restMs.rounds * (ended - began)));
      const isDone = (waiter: Waiter): boolean => waiter.sequence <= sequence && (well || !waiter.untilWell || this.#isGivenUp());
      for (const waiter of this.#waiters) if (isDone(waiter)) waiter.resolve();
      this.#waiters = this.#waiters.filter((waiter) => !isDone(waiter));
    }
    this.#publishing = false;
  }

  /** Resolves when enough time has passed since the last round, or somebody waits. */
  async #rest(): Promise<void> {
    const { clock } = this.#modules;
    const leftMs = this.#restedAt - clock.monotonicNow();
    if (leftMs <= 0) return;
    this.#resting = new AbortController();
    await pause(clock, leftMs, this.#resting.signal);
  }

  /** Names that cannot be answered keep no port from being published, and neither waits for the other. Whether ports and ways are in force. */
  async #round(): Promise<boolean> {
    const { network } = this.#modules;
    const services = this.#wanted.services();
    const reached = this.#reachPeers(services);
    // Nobody is led to a task before the way to its node is there.
    const led = this.#lastKnown.of(services);
    const published = reached.catch(() => undefined).then(() => network.ports.apply(this.#traffic(led)));
    const [ways, names, ports] = await Promise.allSettled([reached, this.#answerNames(led), published]);
    for (const part of [ways, names, ports]) if (part.status === 'rejected') this.#failed(part.reason);
    this.#wanted.served();
    return [ways, ports].every(({ status }) => status === 'fulfilled');
  }

  #traffic(services: readonly ServiceEndpoint[]): Traffic {
    const entry = this.#wanted.entry();
    return { services, networks: this.#wanted.ready(), peers: this.#wanted.peers(), ...(entry && { entry }) };
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

  /** Why ports and ways could not be brought in force when that was tried last; undefined: they could. */
  get failure(): string | undefined {
    return this.#failure?.text;
  }

  #failed(error: unknown): void {
    if (this.#signal.aborted) return;
    const now = this.#modules.clock.monotonicNow();
    this.#failure = { text: (error as Error).message, since: this.#failure?.since ?? now };
    if (this.#told.tell(this.#failure.text, now) !== undefined)
      this.#modules.logger.error(
        { err: error },
        'names, published ports or the way to other nodes are not up to date: clients may be led to tasks that have gone; it is tried again in 1 s',
      );
    // Of several parts that fail in one round, and of a round that comes meanwhile, one repetition is for all.
    if (this.#repeats) return;
    this.#repeats = true;
    this.#modules.clock.after(retryDelayMs, () => {
      this.#repeats = false;
      if (!this.#signal.aborted) void this.publish();
    });
  }
}
