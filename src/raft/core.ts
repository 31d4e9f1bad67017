/** The state of one member, and the moves between roles that every other file here builds on. */
import { assert } from '#base/assert';
import { integerBetween, type Random } from '#base/random';
import type { Configuration, Entry, HardState, Message, SnapshotMeta } from './message.ts';
import { Amnesia } from './amnesia.ts';
import { Log } from './log.ts';
import { Progress, type Window } from './progress.ts';
import { ReadRounds } from './read-rounds.ts';

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

export interface Limits {
  /** Ticks without a leader before an election; the real wait is drawn from [n, 2n−1]. At least five heartbeats. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Bytes of entries in one append; one entry always fits. */
  readonly maxAppendBytes: number;
  /** Appends and their bytes that may be under way to one member. */
  readonly window: Window;
  /** Bytes of proposals not yet committed, above which more are refused. */
  readonly maxUncommittedBytes: number;
  readonly maxApplyBytes: number;
  /** Reads that may wait for a quorum. */
  readonly maxReads: number;
}

/** First values: with 50 ms a tick a lost leader is replaced within a second. */
export const defaultLimits: Limits = {
  electionTicks: 10,
  heartbeatTicks: 2,
  maxAppendBytes: 256 * 1024,
  window: { messages: 256, bytes: 16 * 1024 * 1024 },
  maxUncommittedBytes: 128 * 1024 * 1024,
  maxApplyBytes: 1024 * 1024,
  maxReads: 10_000,
};

/**
 * What the disk gave back. A new group starts with a snapshot of index 0 that names its first members. A member that joins
 * one starts with a snapshot of index 0 that names `nobody`, and takes nothing but a snapshot from the leader.
 */
export interface Initial {
  readonly hardState: HardState;
  readonly snapshot: SnapshotMeta;
  readonly entries: readonly Entry[];
}

export interface Identity {
  readonly id: string;
  /** Unique for every start of this member, so that answers to an earlier life are told apart. */
  readonly incarnation: string;
  readonly limits: Limits;
  readonly random: Random;
}

type Unsent = Message extends infer One ? (One extends Message ? Omit<One, 'from' | 'term'> & { readonly term?: number } : never) : never;

export class Core {
  role: Role = 'follower';
  term: number;
  vote: string | undefined;
  leader: string | undefined;
  configuration: Configuration;
  /** The newest snapshot of this member, for members that are too far behind. */
  snapshot: SnapshotMeta;
  readonly log: Log;
  readonly reads: ReadRounds;

  readonly progress = new Map<string, Progress>();
  readonly votes = new Map<string, boolean>();
  electionElapsed = 0;
  heartbeatElapsed = 0;
  electionTimeout = 0;
  /** The log's end when this member became leader: what an earlier leader changed in there must be applied before the next change. */
  pendingConfigurationIndex = 0;
  uncommittedBytes = 0;
  transferee: string | undefined;
  transferElapsed = 0;

  /** Index of this leader's own change that is not yet durable at a majority of the configuration it makes. */
  openChange: number | undefined;
  /** Changes that are done, for those who wait for them. */
  changesDone: number[] = [];
  /** The disk must hold a commit index at least this high: a configuration in force is never forgotten. */
  commitOwed = 0;
  /** Highest commit index on this member's own disk. */
  durableCommit: number;
  /** There are entries to send: all of one turn go out together. */
  appendDue = false;
  /** A commit index that must not wait for the next append or heartbeat: of a change of membership, or the term's first. */
  urgentCommit = 0;
  /** Members that need a snapshot newer than there is. */
  snapshotWanted = new Set<string>();

  /** Leave at once. */
  outbox: Message[] = [];
  /** Leave when everything handed to the disk so far is durable. */
  held: Message[] = [];
  /** A snapshot taken over from the leader, for the disk's and the state machine's attention. */
  restored: SnapshotMeta | undefined;

  readonly id: string;
  readonly limits: Limits;
  readonly random: Random;

  constructor({ id, incarnation, limits, random }: Identity, initial: Initial) {
    this.id = id;
    this.limits = limits;
    this.random = random;
    this.term = initial.hardState.term;
    this.vote = initial.hardState.vote;
    this.snapshot = initial.snapshot;
    this.configuration = initial.snapshot.configuration;
    this.log = new Log(initial.snapshot, initial.entries, initial.hardState.commit);
    if (this.log.lastTerm > this.term)
      throw new Amnesia(`the log reaches term ${this.log.lastTerm}, and only term ${this.term} is remembered`, {
        promised: this.log.lastTerm,
        held: this.term,
      });
    this.durableCommit = this.log.committed;
    this.reads = new ReadRounds({ id, incarnation, limit: limits.maxReads, timeoutTicks: limits.electionTicks });
    this.reset(this.term);
  }

  get isVoter(): boolean {
    return this.configuration.voters.includes(this.id);
  }

  /** This member has nothing yet: it takes part only once it was given a snapshot. */
  get isJoiner(): boolean {
    return this.configuration.voters.length === 0;
  }

  /** Everybody else who takes part. */
  get peers(): string[] {
    return [...this.configuration.voters, ...this.configuration.learners].filter((id) => id !== this.id);
  }

  /** The commit position that vote traffic carries. */
  get commitHint(): { commit: number; commitTerm: number } {
    return { commit: this.log.committed, commitTerm: this.log.termAt(this.log.committed) ?? 0 };
  }

  /** The leader has committed an entry of its own term, so its commit index is the group's. */
  get committedInTerm(): boolean {
    return this.log.termAt(this.log.committed) === this.term;
  }

  /**
   * Requests may leave at once: the leader's disk writes beside the network. Every answer promises something that must
   * survive a crash (a vote, entries held), so it waits for the disk.
   */
  send(message: Unsent): void {
    const full = { term: this.term, ...message, from: this.id } as Message;
    const promises = full.type === 'appendReply' || full.type === 'voteReply' || full.type === 'preVoteReply';
    if (promises) this.held.push(full);
    else this.outbox.push(full);
  }

  reset(term: number): void {
    assert(term >= this.term, `term ${term} is below ${this.term}`);
    if (term !== this.term) this.vote = undefined;
    this.term = term;
    this.leader = undefined;
    this.votes.clear();
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.electionTimeout = integerBetween(this.random, this.limits.electionTicks, 2 * this.limits.electionTicks - 1);
    this.transferee = undefined;
    this.progress.clear();
    this.pendingConfigurationIndex = 0;
    this.openChange = undefined;
    this.uncommittedBytes = 0;
    this.appendDue = false;
    this.urgentCommit = 0;
    this.snapshotWanted.clear();
    this.reads.reset();
  }

  becomeFollower(term: number, leader: string | undefined): void {
    this.reset(term);
    this.role = 'follower';
    this.leader = leader;
  }

  /** Term and vote stay: asking for pre-votes must change nothing that others could see. */
  becomePreCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not ask for votes');
    this.role = 'preCandidate';
    this.leader = undefined;
    this.votes.clear();
  }

  becomeCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not ask for votes');
    this.reset(this.term + 1);
    this.role = 'candidate';
    this.vote = this.id;
  }

  becomeLeader(): void {
    assert(this.role === 'candidate', `a ${this.role} cannot become leader`);
    this.reset(this.term);
    this.role = 'leader';
    this.leader = this.id;
    for (const id of [this.id, ...this.peers]) this.progress.set(id, new Progress(this.log.lastIndex + 1, this.limits.window));
    // There may be a configuration entry among those not yet applied: no second one may follow it.
    this.pendingConfigurationIndex = this.log.lastIndex;
  }

  /** Takes over a commit index heard in vote traffic when our entry there is the same. */
  noteCommitHint(hint: { readonly commit: number; readonly commitTerm: number }): void {
    if (this.role === 'leader' || hint.commit <= this.log.committed) return;
    if (this.log.termAt(hint.commit) === hint.commitTerm) this.log.commitTo(hint.commit);
  }
}
