/** Keeps a node's cluster networks, and its names and ports, as the assignments and the tasks' states want them. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { NetworkAssignment, ServiceEndpoint } from '#model/assignment';
import type { Engine } from '#engine/engine';
import { retryDelayMs } from '#task/attempt';
import type { NetworkDecision } from '#task/networks';
import type { NetworkState } from '#task/prepare';
import type { LocalNetwork, NodeNetwork } from './node-network.ts';

export interface NetworkLoopModules {
  engine: Engine;
  network: NodeNetwork;
  clock: Clock;
  logger: Logger;
}

export interface NetworkLoopCalls {
  /** The endpoints as they are now; tasks that leave are not ready in them. */
  endpoints(): readonly ServiceEndpoint[];
  /** A network became ready, failed or went: tasks and networks are to be decided again. */
  changed(): void;
}

/** A network that could not be removed is left alone for so long. */
const removalRetryMs = 2000;

export class NetworkLoop {
  readonly states = new Map<string, NetworkState>();
  /** Networks that the engine has. */
  readonly present = new Set<string>();
  readonly #busy = new Set<string>();
  #missed: ReadonlySet<string> = new Set();
  #wanted = 0;
  #inForce = 0;
  readonly #works = new Set<Promise<void>>();
  #begun = false;
  #open = false;
  #publishing = false;
  #waiters: { sequence: number; resolve: () => void }[] = [];

  constructor(
    readonly modules: NetworkLoopModules,
    readonly calls: NetworkLoopCalls,
    readonly signal: AbortSignal,
  ) {
    // Nobody waits any longer for what will not be done.
    signal.addEventListener('abort', () => this.#waiters.splice(0).forEach((waiter) => waiter.resolve()), { once: true });
  }

  /** A look that began before a network was made does not show it: only what two looks miss is gone. */
  observed(networkIds: readonly string[]): void {
    const missing = [...this.present].filter((id) => !networkIds.includes(id) && !this.#busy.has(id));
    for (const id of missing) if (this.#missed.has(id)) this.#lost(id);
    this.#missed = new Set(missing.filter((id) => this.present.has(id)));
    for (const id of networkIds) if (!this.#busy.has(id)) this.present.add(id);
  }

  /** Starts what was decided; each network does one thing at a time. */
  carryOut(decision: NetworkDecision): void {
    for (const assignment of decision.create) this.#alone(assignment.Network.ID, () => this.#create(assignment));
    for (const id of decision.remove) this.#alone(id, () => this.#remove(id));
  }

  /** Opens publishing when what was decided first is done: names and ports of an earlier life hold until their networks are ready again. */
  async begin(): Promise<void> {
    if (this.#begun) return;
    this.#begun = true;
    await Promise.all(this.#works);
    this.#open = true;
    void this.publish();
  }

  /** Names and ports have to be looked at again. Resolves when what holds now is in force, or could not be brought in force. */
  publish(): Promise<void> {
    if (this.signal.aborted) return Promise.resolve();
    const sequence = ++this.#wanted;
    const settled = new Promise<void>((resolve) => this.#waiters.push({ sequence, resolve }));
    if (this.#open && !this.#publishing) void this.#publishLoop();
    return settled;
  }

  /** Somebody removed it by hand: it is made again when it is needed. */
  #lost(id: string): void {
    this.present.delete(id);
    this.states.delete(id);
  }

  #alone(id: string, work: () => Promise<void>): void {
    if (this.#busy.has(id)) return;
    this.#busy.add(id);
    const running: Promise<void> = work().finally(() => {
      this.#busy.delete(id);
      this.#works.delete(running);
      this.calls.changed();
    });
    this.#works.add(running);
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
    if (outcome.ok) return void this.present.delete(id);
    // A container that is just being removed, or somebody else's, sits in it: its subnet is given on already, so it is tried again soon.
    this.modules.logger.debug({ network: id, reason: outcome.message }, 'a network stays for now');
    await this.#pause(removalRetryMs);
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.modules.clock.after(delayMs, () => {
        this.signal.removeEventListener('abort', ended);
        resolve();
      });
      const ended = (): void => {
        cancel();
        resolve();
      };
      this.signal.addEventListener('abort', ended, { once: true });
    });
  }

  #failed(local: LocalNetwork, message: string, permanent: boolean): void {
    const retryAt = this.modules.clock.now() + retryDelayMs;
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
  }
}
