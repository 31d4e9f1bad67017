/** This node as one of the cluster's managers: the replica for as long as it is one, the leader's duties for as long as it leads. */
import { harmless } from '#base/listeners';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import { inTurns } from '#base/pace/steps';
import { Refusal } from '#base/refusal';
import type { Cluster, RequestName, UseCase } from '#control/cluster';
import type { OpenSession } from '#model/object/assignment';
import { swarmTexts } from '#model/swarm-texts';
import type { Member, ReplicatedLog, Standing } from '#replica/replicated-log';
import type { ReplicatedState } from '#replica/state';
import { RestingAddresses } from '#stages/allocator/resting';
import { heldServices, type HeldService } from '#stages/dispatcher/held-services';
import type { StoreEvent } from '#store/action';
import type { View } from '#store/view';
import { EntryGrowth } from './entries.ts';
import { LeaderDuties, type Duty } from './leader-duties.ts';
import type { Manager, ManagerOptions, ManagerParts } from './manager.ts';

export interface ManagerSeatParts extends Omit<ManagerParts, 'term' | 'growth' | 'resting'> {
  log: ReplicatedLog;
  state: ReplicatedState;
  random: Random;
  logger: Logger;
  /** What the leader does beside the pass and the sessions. */
  duties?: (manager: Manager) => readonly (() => Duty)[];
}

export class ManagerSeat implements Cluster {
  readonly #options: ManagerOptions;
  readonly #parts: ManagerSeatParts;
  #leading: LeaderDuties | undefined;
  /** One after the other: a term's duties begin when those of the term before have ended. */
  #changes: Promise<void> = Promise.resolve();
  #unlisten: () => void = () => {};
  #terms = 0;
  readonly #growth = new EntryGrowth();
  readonly #resting = new RestingAddresses();

  constructor(options: ManagerOptions, parts: ManagerSeatParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Resolves when the log serves and, if this node leads by then, its duties have begun. */
  async start(): Promise<void> {
    const { log, state, clock } = this.#parts;
    const unlisten = log.leadership({ began: (term) => this.#began(term), ended: () => this.#ended() });
    const unwatch = state.watch((events) => this.#resting.note(events, clock.monotonicNow()));
    this.#unlisten = () => {
      unlisten();
      unwatch();
    };
    await log.start();
    await this.#changes;
  }

  /** Ends the duties, lets the entry under way finish, closes the log. */
  async stop(): Promise<void> {
    this.#unlisten();
    const leading = this.#leading;
    this.#leading = undefined;
    leading?.end();
    if (leading) this.#after(() => leading.stop());
    await this.#changes;
    await this.#parts.log.stop();
  }

  leads(): boolean {
    return this.#leading !== undefined;
  }

  /** Who takes part, who is heard, and whether a majority is. Undefined before the start. */
  standing(): Standing | undefined {
    return this.#parts.log.standing();
  }

  /** What this manager holds, however old. */
  view(): View {
    return this.#parts.state.store;
  }

  /** Makes a node a manager; see `MemberChanges.add`. */
  async addManager(member: Member): Promise<void> {
    await this.#parts.log.members.add(member);
  }

  /** Takes a manager's seat; see `MemberChanges.remove`. */
  async removeManager(id: string): Promise<void> {
    await this.#parts.log.members.remove(id);
  }

  /** Refuses `failedPrecondition` where to take a manager's seat would cost the quorum, or is the last one. */
  checkRemoval(id: string): void {
    this.#parts.log.members.checkRemoval(id);
  }

  /** Resolves with whether another manager was found and this one leads no longer. */
  async transferLeadership(): Promise<boolean> {
    return await this.#parts.log.members.transfer();
  }

  async read(): Promise<View> {
    await this.#parts.log.readIndex();
    return this.#parts.state.store;
  }

  /** Of each of these nodes: service → what it is to hold of it. */
  async heldServices(nodeIds: ReadonlySet<string>): Promise<ReadonlyMap<string, ReadonlyMap<string, HeldService>>> {
    return await inTurns(heldServices(await this.read(), nodeIds), this.#parts.clock);
  }

  submit<R>(useCase: UseCase<R>, ...named: RequestName): Promise<R> {
    return this.#leading ? this.#leading.manager.submit(useCase, ...named) : Promise.reject(this.#notLeading());
  }

  watch(listener: (events: readonly StoreEvent[]) => void): () => void {
    return this.#parts.state.watch(harmless(listener, this.#parts.logger, 'the cluster'));
  }

  /** Where the leader is as a manager, HOST:PORT; undefined while that is not known here. */
  leaderAddress(): string | undefined {
    const { leader, members = [] } = this.standing() ?? {};
    return members.find(({ id }) => id === leader)?.address || undefined;
  }

  /** Opens a node's session where this manager leads; refuses `unavailable` elsewhere, with the leader's address as the fact `leader`. */
  readonly openSession: OpenSession = (...asked) => (this.#leading ? this.#leading.sessions.open(...asked) : Promise.reject(this.#notLeading()));

  #began(term: number): void {
    const { duties = () => [], logger, random, ...parts } = this.#parts;
    const leading = new LeaderDuties(term, this.#options, {
      ...parts,
      growth: this.#growth,
      resting: this.#resting,
      logger,
      random: random.split(`lead-${++this.#terms}`),
      further: duties,
    });
    this.#leading = leading;
    logger.info({ term }, 'this manager leads the cluster: it decides, serves the nodes and follows the repositories from now on');
    this.#after(async () => {
      try {
        await leading.start();
      } catch (error) {
        // Gone again before all had begun: what has begun ends with the term.
        if ((leading.hold && !leading.ending) || !(error instanceof Refusal)) throw error;
      }
    });
  }

  #ended(): void {
    const leading = this.#leading;
    if (!leading) return;
    this.#leading = undefined;
    leading.revoke();
    this.#parts.logger.warn({ term: leading.term }, 'this manager leads no longer: requests and nodes turn to the next leader');
    this.#after(() => leading.stop());
  }

  #notLeading(): Refusal {
    const leader = this.leaderAddress();
    return new Refusal('unavailable', swarmTexts.starting, leader === undefined ? {} : { leader });
  }

  #after(change: () => Promise<void>): void {
    this.#changes = this.#changes.then(change).catch((error: unknown) => this.#parts.onFatal(error));
  }
}
