/** Keeps a node's cluster networks, and its names and ports, as the assignments and the tasks' states want them. */
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import { Repetition } from '#base/pace/repetition';
import type { NetworkAssignment, ServiceEndpoint } from '#model/object/assignment';
import type { Engine } from '#engine/engine';
import type { Entry, LocalNetwork, NodeNetwork, Peer } from '#network/contract';
import { retryDelayMs } from '#task/attempt';
import type { NetworkDecision } from '#task/networks';
import type { NetworkState } from '#task/prepare';
import { NetworkAudits } from './network-audits.ts';
import { Publisher } from './publisher.ts';

export interface NetworkLoopModules {
  engine: Engine;
  network: NodeNetwork;
  clock: Clock;
  logger: Logger;
}

export interface NetworkLoopCalls {
  /** The services as the managers see them. */
  endpoints(): readonly ServiceEndpoint[];
  /** The other nodes on this one's networks. */
  peers(): readonly Peer[];
  /** UDP port between nodes; undefined: the usual one. */
  port(): number | undefined;
  /** The networks that this node's tasks use. */
  assigned(): ReadonlyMap<string, NetworkAssignment>;
  /** Resolves when every other node that lives knows this one's addresses, or cannot be waited for. */
  knownElsewhere(): Promise<void>;
  /** Ports were taken, given up or looked at: it may be known who else has one. */
  served(): void;
  /** A network became ready, failed or went: tasks and networks are to be decided again. */
  changed(): void;
}

/** A network that could not be removed is left alone for so long. */
const removalRetryMs = 2000;
/** A network that so many removals have failed for is in somebody else's hands. */
const removalsUntilTold = 15;
/** A network that fails in one way is told of again so often. */
const tellEveryMs = 30_000;

export class NetworkLoop {
  readonly states = new Map<string, NetworkState>();
  /** Networks that the engine has. */
  readonly present = new Set<string>();
  /** Networks in which the other nodes know this one's address. */
  readonly #entered = new Set<string>();
  readonly #publisher: Publisher;
  readonly #audits: NetworkAudits;
  readonly #busy = new Set<string>();
  #missed: ReadonlySet<string> = new Set();
  readonly #works = new Set<Promise<void>>();
  /** Networks that are on their way out: how often their removal was tried. */
  readonly #leaving = new Map<string, number>();
  #begun = false;
  readonly #failures = new Repetition(tellEveryMs);

  constructor(
    readonly modules: NetworkLoopModules,
    readonly calls: NetworkLoopCalls,
    readonly signal: AbortSignal,
  ) {
    const wanted = {
      services: () => calls.endpoints(),
      peers: () => calls.peers(),
      port: () => calls.port(),
      networks: () => this.#locals(),
      ready: () => this.#ready(),
      entry: () => this.#entry(),
      served: () => calls.served(),
    };
    this.#publisher = new Publisher(modules, wanted, signal);
    this.#audits = new NetworkAudits(modules, { namesMoved: () => this.#publisher.applyBridges(), looked: () => calls.served() }, signal);
  }

  /** Resolves when the node's network is up. Refuses when this host cannot do it. */
  async start(): Promise<void> {
    await this.modules.network.start(() => this.#audits.soon(), this.signal);
    this.#audits.start();
  }

  /** A look that began before a network was made does not show it: only what two looks miss is gone. True when one is missed for the first time. */
  observed(networkIds: readonly string[]): boolean {
    const missing = [...this.present].filter((id) => !networkIds.includes(id) && !this.#busy.has(id));
    for (const id of missing) if (this.#missed.has(id)) this.#lost(id);
    this.#missed = new Set(missing.filter((id) => this.present.has(id)));
    for (const id of networkIds) if (!this.#busy.has(id)) this.present.add(id);
    return this.#missed.size > 0;
  }

  /** Starts what was decided; each network does one thing at a time. */
  carryOut(decision: NetworkDecision): void {
    for (const assignment of decision.create) this.#alone(assignment.Network.ID, () => this.#create(assignment));
    for (const id of decision.remove) this.#alone(id, () => this.#remove(id));
  }

  /** Opens publishing when what was decided first is done: ports of an earlier life hold until their networks are ready again. */
  async begin(): Promise<void> {
    if (this.#begun) return;
    this.#begun = true;
    await Promise.all(this.#works);
    this.#publisher.open();
  }

  /** Names and ports have to be looked at again. Resolves when what holds now is in force, or could not be brought in force. */
  publish(): Promise<void> {
    return this.#publisher.publish();
  }

  /** The same, for what nobody waits for. */
  publishSoon(ways: boolean): void {
    this.#publisher.publishSoon(ways);
  }

  /** See `Publisher.upToDate`. */
  upToDate(): Promise<void> | undefined {
    return this.#publisher.upToDate();
  }

  /** See `Publisher.failure`. */
  get failure(): string | undefined {
    return this.#publisher.failure;
  }

  /** No new connection is led to the task, and no name to it, from when this resolves. */
  withdraw(taskId: string): Promise<void> {
    return this.#publisher.withdraw(taskId);
  }

  /** Networks that containers may sit in. */
  #locals(): LocalNetwork[] {
    const local = [...this.calls.assigned().values()].filter(({ Network: { ID } }) => this.present.has(ID) && !this.#leaving.has(ID));
    return local.map(({ Network: network, Gateway: gateway }) => ({ network, gateway }));
  }

  #ready(): LocalNetwork[] {
    return [...this.states.values()].filter((state) => state.ready).map(({ network, gateway }) => ({ network, gateway }));
  }

  #entry(): Entry | undefined {
    for (const [networkId, { Network }] of this.calls.assigned()) {
      if (Network.Spec.Ingress) return { networkId, open: this.states.get(networkId)?.ready === true && this.#entered.has(networkId) };
    }
    return undefined;
  }

  /** Somebody removed it by hand: it is made again when it is needed. */
  #lost(id: string): void {
    const name = this.states.get(id)?.network.Spec.Name;
    if (name !== undefined) this.modules.logger.warn({ network: name }, 'somebody removed this network from the engine; it is made again if a task needs it');
    this.present.delete(id);
    this.states.delete(id);
    this.#entered.delete(id);
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
    const { ID } = network;
    const before = this.states.get(ID);
    if (before && before.gateway !== gateway) await this.#withdrawNetwork(ID);
    const outcome = await this.modules.engine.carryOut({ type: 'createNetwork', network, gateway }, this.signal);
    if (!outcome.ok) return this.#failed({ network, gateway }, outcome.message, outcome.permanent);
    this.present.add(ID);
    this.#leaving.delete(ID);
    // Containers may be made for it already; a failure of the last time shows until this one has gone well.
    if (!this.states.get(ID)?.failure) this.#madeFor({ network, gateway });
    try {
      await this.#publisher.serveNetworks();
    } catch (error) {
      return this.#failed({ network, gateway }, (error as Error).message, false);
    }
    if (!this.#publisher.named(network)) return this.#failed({ network, gateway }, this.modules.network.names.problems().join('; '), false);
    const state = { network, gateway, ready: true };
    this.states.set(ID, state);
    if (!outcome.made) this.#entered.add(ID);
    else if (network.Spec.Ingress) void this.#enter(state);
    void this.publish();
  }

  #madeFor(local: LocalNetwork): void {
    this.states.set(local.network.ID, { ...local, made: true, ready: false });
    this.calls.changed();
  }

  /** The others may not have heard yet by which address clients are led to their tasks: they would answer elsewhere, and never here. */
  async #enter(state: NetworkState): Promise<void> {
    await this.calls.knownElsewhere();
    if (this.states.get(state.network.ID) !== state) return;
    this.#entered.add(state.network.ID);
    void this.publish();
  }

  /** Names, rules and tunnels of a network that goes. */
  async #withdrawNetwork(id: string): Promise<void> {
    const name = this.states.get(id)?.network.Spec.Name;
    this.states.delete(id);
    this.#entered.delete(id);
    this.#leaving.set(id, (this.#leaving.get(id) ?? 0) + 1);
    void this.publish();
    try {
      await this.#publisher.serveNetworks();
    } catch (error) {
      this.modules.logger.warn(
        { network: name ?? id, err: error },
        'names and rules of a network that goes could not be taken away; they go with the next change',
      );
    }
  }

  async #remove(id: string): Promise<void> {
    const name = this.states.get(id)?.network.Spec.Name;
    await this.#withdrawNetwork(id);
    const tries = this.#leaving.get(id) ?? 1;
    const outcome = await this.modules.engine.carryOut({ type: 'removeNetwork', networkId: id }, this.signal);
    if (outcome.ok) {
      this.present.delete(id);
      this.#leaving.delete(id);
      return;
    }
    // A container that is just being removed sits in it, or somebody else's: its subnet is given on already, so it is tried again soon.
    const facts = { network: name ?? id, reason: outcome.message };
    if (tries === removalsUntilTold)
      this.modules.logger.warn(
        facts,
        'a network that no task needs cannot be removed: disconnect what is not ours from it; until then a new network that gets its subnet waits',
      );
    else this.modules.logger.debug(facts, 'a network could not be removed yet; it is tried again in 2 s');
    await pause(this.modules.clock, removalRetryMs, this.signal);
  }

  #failed(local: LocalNetwork, message: string, permanent: boolean): void {
    const retryAt = this.modules.clock.now() + retryDelayMs;
    this.states.set(local.network.ID, { ...local, ready: false, failure: { message, permanent, retryAt } });
    const leftOut = this.#failures.tell(`${local.network.ID} ${message}`, this.modules.clock.monotonicNow());
    if (leftOut === undefined) return;
    const what = permanent
      ? 'a network cannot be made on this node; its tasks are rejected'
      : 'a network is not ready on this node; its tasks wait, and it is tried again in 1 s';
    this.modules.logger.warn({ network: local.network.Spec.Name, reason: message, ...(leftOut > 0 && { timesSinceTold: leftOut }) }, what);
  }
}
