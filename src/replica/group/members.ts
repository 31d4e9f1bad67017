/** Changes of who the managers are: one at a time, each done when a majority holds it for good. Learners become voters by themselves. */
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { Change } from '#raft/membership/changer';
import { majority } from '#raft/membership/quorum';
import type { Raft } from '#raft/raft';
import type { Ready } from '#raft/ready';
import type { Member, MemberChanges } from '../replicated-log.ts';
import { noLeaderRefusal, type Contacts } from './standing.ts';

export interface MembersParts {
  readonly nodeId: string;
  /** Under which the others reach this member; empty: as the group knows it. */
  readonly address: string;
  readonly raft: Raft;
  readonly contacts: Contacts;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a member that is handed the leadership may take. */
  readonly electionMs: number;
  /** Whether this member leads and serves. */
  readonly leads: () => boolean;
  /** Raft has something new to say. */
  readonly changed: () => void;
}

interface Job {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Changes that may wait. */
const limit = 100;

export class Members implements MemberChanges {
  readonly #parts: MembersParts;
  #address: string;
  readonly #jobs: Job[] = [];
  /** The one that is in the log and not yet done. */
  #open: (Partial<Job> & { readonly index: number }) | undefined;
  readonly #handingOver = new Set<() => void>();

  constructor(parts: MembersParts) {
    this.#parts = parts;
    this.#address = parts.address;
  }

  movedTo(address: string): void {
    this.#address = address;
    this.#parts.changed();
  }

  async add({ id, address }: Member): Promise<void> {
    this.#requireLeader();
    const { voters, learners, addresses = {} } = this.#configuration;
    if ((voters.includes(id) || learners.includes(id)) && addresses[id] === address) return;
    await this.#do({ type: voters.includes(id) ? 'addVoter' : 'addLearner', id, address });
  }

  checkRemoval(id: string): void {
    this.#requireLeader();
    const { voters } = this.#configuration;
    if (voters.includes(id)) this.#requireQuorumWithout(id, voters);
  }

  async remove(id: string): Promise<void> {
    this.checkRemoval(id);
    const { voters, learners } = this.#configuration;
    if (!voters.includes(id) && !learners.includes(id)) return;
    if (id !== this.#parts.nodeId) return await this.#do({ type: 'remove', id });
    // Whoever removed himself would leave the others to find out that nobody leads them.
    if (!(await this.transfer())) throw new Refusal('unavailable', 'no other manager could take over the leadership: try again');
    throw noLeaderRefusal(undefined);
  }

  /** Resolves with whether somebody else was asked and this member leads no longer. */
  async transfer(): Promise<boolean> {
    const { raft, clock, contacts, electionMs, nodeId, changed } = this.#parts;
    const match = (id: string): number => raft.progress(id)?.match ?? 0;
    const heirs = this.#configuration.voters.filter((id) => id !== nodeId && contacts.answers(id)).toSorted((a, b) => match(b) - match(a));
    const [heir] = heirs;
    if (heir === undefined || !raft.transferLeadership(heir)) return false;
    changed();
    await new Promise<void>((resolve) => {
      const cancel = clock.after(2 * electionMs, resolve);
      this.#handingOver.add(() => {
        cancel();
        resolve();
      });
    });
    return raft.status().role !== 'leader';
  }

  /** After every turn of raft. */
  turn({ changesDone }: Ready): void {
    const open = this.#open;
    if (open && changesDone.includes(open.index)) {
      this.#open = undefined;
      open.resolve?.();
    }
    if (this.#parts.raft.status().role === 'leader') {
      this.#next();
      return this.tick();
    }
    for (const done of this.#handingOver) done();
    this.#handingOver.clear();
    this.#giveUp();
  }

  /** Nothing is under way, and a tick would find nothing to do. */
  get atRest(): boolean {
    const { learners } = this.#configuration;
    return !this.#open && this.#jobs.length === 0 && learners.length === 0 && this.#newAddress === undefined;
  }

  /** With every turn and now and then: who has caught up gets a vote, and the group learns where this member is. */
  tick(): void {
    const { nodeId, logger, leads } = this.#parts;
    if (!leads() || this.#open || this.#jobs.length > 0) return;
    const { voters, learners } = this.#configuration;
    const address = this.#newAddress;
    if (address !== undefined && voters.includes(nodeId)) {
      this.#propose({ change: { type: 'addVoter', id: nodeId, address } });
      return;
    }
    for (const id of learners) {
      if (!this.#propose({ change: { type: 'addVoter', id } })) continue;
      logger.info({ manager: id, voters: voters.length + 1 }, 'a manager holds the whole log: it votes from now on');
      return;
    }
  }

  /** Nothing further is done. */
  stop(): void {
    this.#giveUp();
  }

  /** Of this member, where the group does not know it yet. */
  get #newAddress(): string | undefined {
    return this.#address === '' || this.#configuration.addresses?.[this.#parts.nodeId] === this.#address ? undefined : this.#address;
  }

  get #configuration(): ReturnType<Raft['status']>['configuration'] {
    return this.#parts.raft.status().configuration;
  }

  #do(change: Change): Promise<void> {
    if (this.#jobs.length >= limit) return Promise.reject(new Refusal('unavailable', 'too many changes of managers wait: try again'));
    return new Promise((resolve, reject) => {
      this.#jobs.push({ change, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    const [job] = this.#jobs;
    if (!job || this.#open) return;
    try {
      this.#checkStillFits(job.change);
      if (this.#propose(job)) this.#jobs.shift();
    } catch (error) {
      this.#jobs.shift();
      job.reject(error as Error);
    }
  }

  /** Those before it in the line may have changed who is there. */
  #checkStillFits({ type, id }: Change): void {
    const { voters } = this.#configuration;
    const votes = voters.includes(id);
    if (type === 'remove' && votes) this.#requireQuorumWithout(id, voters);
    if (type === 'addVoter' && !votes) throw new Refusal('failedPrecondition', `node ${id} is no manager any more`);
  }

  /** Returns false when it has to wait; throws when it cannot be. */
  #propose(job: Partial<Job> & { readonly change: Change }): boolean {
    const { raft, changed } = this.#parts;
    const proposed = raft.proposeChange(job.change);
    if (proposed === 'lastVoter') throw new Refusal('failedPrecondition', 'attempting to demote the last manager of the swarm');
    if (typeof proposed === 'string') return false;
    this.#open = { ...job, index: proposed.index };
    changed();
    return true;
  }

  #requireLeader(): void {
    if (!this.#parts.leads()) throw noLeaderRefusal(undefined);
  }

  #requireQuorumWithout(id: string, voters: readonly string[]): void {
    const rest = voters.filter((each) => each !== id);
    if (rest.length === 0) throw new Refusal('failedPrecondition', 'attempting to demote the last manager of the swarm');
    const answering = rest.filter((each) => each === this.#parts.nodeId || this.#parts.contacts.answers(each));
    if (answering.length >= majority(rest.length)) return;
    throw new Refusal('failedPrecondition', "can't remove member from the raft: this would result in a loss of quorum", {
      missing: rest.filter((each) => !answering.includes(each)),
    });
  }

  #giveUp(): void {
    const open = this.#open;
    this.#open = undefined;
    open?.reject?.(
      new Refusal('unavailable', 'this manager lost its leadership while the managers were changed: the change may still take effect', { outcome: 'unknown' }),
    );
    for (const { reject } of this.#jobs.splice(0)) reject(noLeaderRefusal(undefined));
  }
}
