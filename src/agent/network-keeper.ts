/** Keeps a node's cluster networks, and its names and ports, as the assignments and the tasks' states want them. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { NetworkAssignment, ServiceEndpoint } from '#model/assignment';
import type { Engine } from '#engine/engine';
import { retryDelayMs } from '#task/attempt';
import type { NetworkDecision } from '#task/networks';
import type { NetworkState } from '#task/prepare';
import type { LocalNetwork, NodeNetwork } from './node-network.ts';

export interface KeeperModules {
  engine: Engine;
  network: NodeNetwork;
  clock: Clock;
  logger: Logger;
}

export interface KeeperCalls {
  /** The endpoints as they are now; tasks that leave are not ready in them. */
  endpoints(): readonly ServiceEndpoint[];
  /** A network became ready, failed or went: tasks and networks are to be decided again. */
  changed(): void;
}

export class NetworkKeeper {
  readonly states = new Map<string, NetworkState>();
  /** Networks that the engine has. */
  readonly present = new Set<string>();
  readonly #busy = new Set<string>();
  #wanted = 0;
  #inForce = 0;
  #publishing = false;
  #waiters: { sequence: number; resolve: () => void }[] = [];

  constructor(
    readonly modules: KeeperModules,
    readonly calls: KeeperCalls,
    readonly signal: AbortSignal,
  ) {}

  observed(networkIds: readonly string[]): void {
    for (const id of this.present) if (!networkIds.includes(id) && !this.#busy.has(id)) this.#lost(id);
    for (const id of networkIds) if (!this.#busy.has(id)) this.present.add(id);
  }

  /** Starts what was decided; each network does one thing at a time. */
  carryOut(decision: NetworkDecision): void {
    for (const assignment of decision.create) void this.#alone(assignment.Network.ID, () => this.#create(assignment));
    for (const id of decision.remove) void this.#alone(id, () => this.#remove(id));
  }

  /** Names and ports have to be looked at again. Resolves when what holds now is in force, or could not be brought in force. */
  publish(): Promise<void> {
    const sequence = ++this.#wanted;
    const settled = new Promise<void>((resolve) => this.#waiters.push({ sequence, resolve }));
    if (!this.#publishing) void this.#publishLoop();
    return settled;
  }

  /** Somebody removed it by hand: it is made again when it is needed. */
  #lost(id: string): void {
    this.present.delete(id);
    this.states.delete(id);
  }

  async #alone(id: string, work: () => Promise<void>): Promise<void> {
    if (this.#busy.has(id)) return;
    this.#busy.add(id);
    try {
      await work();
    } finally {
      this.#busy.delete(id);
      this.calls.changed();
    }
  }

  async #create({ Network: network, Gateway: gateway }: NetworkAssignment): Promise<void> {
    const outcome = await this.modules.engine.carryOut({ type: 'createNetwork', network, gateway }, this.signal);
    if (!outcome.ok) return this.#failed({ network, gateway }, outcome.message, outcome.permanent);
    this.present.add(network.ID);
    try {
      await this.modules.network.networkCreated(network, gateway);
    } catch (error) {
      return this.#failed({ network, gateway }, (error as Error).message, false);
    }
    this.states.set(network.ID, { network, gateway, ready: true });
    void this.publish();
  }

  async #remove(id: string): Promise<void> {
    this.states.delete(id);
    void this.publish();
    try {
      await this.modules.network.networkRemoved(id);
    } catch (error) {
      this.modules.logger.warn({ network: id, err: error }, 'a network was not taken down whole');
    }
    const outcome = await this.modules.engine.carryOut({ type: 'removeNetwork', networkId: id }, this.signal);
    if (!outcome.ok) this.modules.logger.debug({ network: id, reason: outcome.message }, 'a network stays for now');
    // Somebody else's container may sit in it: the next look at all networks finds it again, which is soon enough.
    this.present.delete(id);
  }

  #failed(local: LocalNetwork, message: string, permanent: boolean): void {
    const retryAt = this.modules.clock.now() + retryDelayMs * (permanent ? 5 : 1);
    this.states.set(local.network.ID, { ...local, ready: false, failure: { message, permanent, retryAt } });
    this.modules.logger.warn({ network: local.network.Spec.Name, reason: message }, 'a network is not ready');
  }

  /** One update at a time; what is wanted meanwhile goes into the next. */
  async #publishLoop(): Promise<void> {
    this.#publishing = true;
    while (this.#inForce < this.#wanted && !this.signal.aborted) {
      const sequence = this.#wanted;
      const ready = [...this.states.values()].filter((state) => state.ready);
      try {
        await this.modules.network.update(
          this.calls.endpoints(),
          ready.map(({ network, gateway }) => ({ network, gateway })),
        );
      } catch (error) {
        this.modules.logger.error({ err: error }, 'names and published ports could not be brought up to date');
        this.modules.clock.after(retryDelayMs, () => !this.signal.aborted && void this.publish());
      }
      this.#inForce = sequence;
      for (const waiter of this.#waiters) if (waiter.sequence <= sequence) waiter.resolve();
      this.#waiters = this.#waiters.filter((waiter) => waiter.sequence > sequence);
    }
    this.#publishing = false;
    if (this.signal.aborted) for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }
}
