/** One member of a Raft group as a pure machine: messages and ticks go in, `ready()` says what to send, write and apply. */
import { assert, unreachable } from '#base/assert';
import { encode } from '#base/codec';
import type { Random } from '#base/random';
import { changed, type Change } from './changer.ts';
import { Core, type Initial, type Limits, type Role } from './core.ts';
import { campaign, handleVoteReply, handleVoteRequest, inLease, tickElection } from './election.ts';
import { handleAppend, handleHeartbeat, handleSnapshot, heardLeader } from './follower.ts';
import { applyConfiguration } from './membership.ts';
import type { Configuration, Entry, HardState, Message, ReadState, SnapshotMeta } from './message.ts';
import {
  advanceCommit,
  appendOwn,
  broadcastAppend,
  broadcastHeartbeat,
  handleAppendReply,
  handleHeartbeatReply,
  leaderRead,
  sendAppend,
  tickLeader,
} from './replication.ts';

/** One job for the disk. Jobs are done in order; `replies` leave, and `appended` is called, when this one is durable. */
export interface Write {
  readonly hardState: HardState | undefined;
  /** Replace everything at and behind the first one's index. */
  readonly entries: readonly Entry[];
  /** A snapshot taken over from the leader: it voids all entries before this job's own. */
  readonly installed: SnapshotMeta | undefined;
  readonly replies: readonly Message[];
  /** The log's end as of this job; it counts only if the term is still the same then. */
  readonly attest: { readonly term: number; readonly index: number; readonly lastTerm: number };
}

export interface Ready {
  /** May leave at once. */
  readonly messages: readonly Message[];
  readonly write: Write | undefined;
  /** The state machine is to be replaced by this snapshot before `apply`. */
  readonly restore: SnapshotMeta | undefined;
  /** Committed entries, in order; report them by `applied`. */
  readonly apply: readonly Entry[];
  readonly reads: readonly ReadState[];
  /** Reads that will get no answer: ask again under a new id. */
  readonly failedReads: readonly string[];
}

export type Proposed = { readonly index: number; readonly term: number } | 'notLeader' | 'transferring' | 'full' | 'changePending';

export interface Status {
  readonly id: string;
  readonly role: Role;
  readonly term: number;
  readonly vote: string | undefined;
  readonly leader: string | undefined;
  readonly committed: number;
  readonly applied: number;
  readonly lastIndex: number;
  readonly firstIndex: number;
  readonly configuration: Configuration;
}

export class Raft {
  readonly #core: Core;
  #written: HardState;

  constructor(options: { readonly id: string; readonly limits: Limits; readonly random: Random }, initial: Initial) {
    this.#core = new Core(options.id, options.limits, options.random, initial);
    this.#written = initial.hardState;
  }

  status(): Status {
    const { id, role, term, vote, leader, log, configuration } = this.#core;
    const { committed, applied, lastIndex, firstIndex } = log;
    return { id, role, term, vote, leader, committed, applied, lastIndex, firstIndex, configuration };
  }

  /** What the leader knows of `id`, for status displays and tests. */
  progress(id: string): { readonly state: string; readonly match: number; readonly next: number } | undefined {
    const found = this.#core.progress.get(id);
    return found && { state: found.state, match: found.match, next: found.next };
  }

  /** Term of the entry at `index`, undefined when it is not held. */
  termAt(index: number): number | undefined {
    return this.#core.log.termAt(index);
  }

  /** Time passes by one tick. */
  tick(): void {
    if (this.#core.role === 'leader') tickLeader(this.#core);
    else tickElection(this.#core);
  }

  /** Asks for leadership now; a lone voter does so at start. */
  campaign(): void {
    campaign(this.#core, false);
  }

  /** Takes a message of another member. */
  step(message: Message): void {
    const core = this.#core;
    if (message.term > core.term && !this.#enterTerm(message)) return;
    if (message.term < core.term && !this.#answerOldTerm(message)) return;
    this.#dispatch(message);
  }

  /** A higher term: follow it, except where that would let anybody disturb a live leader. Returns false to drop the message. */
  #enterTerm(message: Message): boolean {
    const core = this.#core;
    const asks = message.type === 'vote' || message.type === 'preVote';
    if (asks && !message.transfer && inLease(core)) return false;
    if (message.type === 'preVote' || (message.type === 'preVoteReply' && message.granted)) return true;
    const leads = message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot';
    core.becomeFollower(message.term, leads ? message.from : undefined);
    return true;
  }

  /** A lower term: silence would leave a member with an old leader or a shorter log stuck for ever. Returns true to go on. */
  #answerOldTerm(message: Message): boolean {
    const core = this.#core;
    if (message.type === 'preVote') {
      core.send({ type: 'preVoteReply', to: message.from, granted: false, ...core.commitHint });
    } else if (message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot') {
      core.send({ type: 'appendReply', to: message.from, index: 0, rejected: false, hintIndex: 0, hintTerm: 0 });
    }
    return false;
  }

  #dispatch(message: Message): void {
    const core = this.#core;
    switch (message.type) {
      case 'preVote':
      case 'vote':
        return handleVoteRequest(core, message);
      case 'preVoteReply':
      case 'voteReply':
        return handleVoteReply(core, message);
      case 'append':
      case 'heartbeat':
      case 'snapshot':
        assert(core.role !== 'leader', `${core.id} and ${message.from} both lead term ${core.term}`);
        heardLeader(core, message.from);
        if (message.type === 'append') return handleAppend(core, message);
        return message.type === 'heartbeat' ? handleHeartbeat(core, message) : handleSnapshot(core, message);
      case 'appendReply':
        return core.role === 'leader' ? handleAppendReply(core, message) : undefined;
      case 'heartbeatReply':
        return core.role === 'leader' ? handleHeartbeatReply(core, message) : undefined;
      case 'timeoutNow':
        return campaign(core, true);
      case 'readIndex':
        return core.role === 'leader' && !core.reads.full ? leaderRead(core, message.from, message.requestId) : undefined;
      case 'readIndexReply':
        return core.reads.answered(message.requestId, message.index);
      default:
        return unreachable(message);
    }
  }

  /** Adds an entry to the log if this member leads. The entry may still be lost: only `apply` with the same term says it is in. */
  propose(bytes: Uint8Array): Proposed {
    const core = this.#core;
    if (core.role !== 'leader') return 'notLeader';
    if (core.transferee !== undefined) return 'transferring';
    // One proposal always gets through, however large.
    if (core.uncommittedBytes > 0 && core.uncommittedBytes + bytes.length > core.limits.maxUncommittedBytes) return 'full';
    const index = appendOwn(core, 'normal', bytes);
    for (const to of core.peers) sendAppend(core, to, false);
    return { index, term: core.term };
  }

  /** Proposes a change of membership; one at a time, and only by a leader that has committed in its term. */
  proposeChange(change: Change): Proposed {
    const core = this.#core;
    if (core.role !== 'leader') return 'notLeader';
    if (core.transferee !== undefined) return 'transferring';
    if (core.log.applied < core.pendingConfigurationIndex || !core.committedInTerm) return 'changePending';
    // Throws the refusal now rather than when the entry is applied.
    changed(core.configuration, change);
    core.pendingConfigurationIndex = appendOwn(core, 'configuration', encode(change));
    broadcastAppend(core);
    return { index: core.pendingConfigurationIndex, term: core.term };
  }

  /** Hands leadership to `target`; given up after one election timeout. Returns false when it cannot be asked. */
  transferLeadership(target: string): boolean {
    const core = this.#core;
    const progress = core.progress.get(target);
    if (core.role !== 'leader' || target === core.id || !progress || !core.configuration.voters.includes(target)) return false;
    if (core.transferee === target) return true;
    core.transferee = target;
    core.electionElapsed = 0;
    if (progress.match === core.log.lastIndex) core.send({ type: 'timeoutNow', to: target });
    else sendAppend(core, target, true);
    return true;
  }

  /** Asks for a linearizable read; the answer comes in `reads` or `failedReads`. `requestId` is never used twice. */
  readIndex(requestId: string): void {
    const core = this.#core;
    if (core.leader === undefined || core.reads.full) {
      core.reads.failed.push(requestId);
    } else if (core.role === 'leader') {
      leaderRead(core, core.id, requestId);
    } else {
      core.reads.forward(requestId);
      core.send({ type: 'readIndex', to: core.leader, requestId });
    }
  }

  /** The transport could not reach `id`: what is under way is probably lost. */
  unreachable(id: string): void {
    const progress = this.#core.progress.get(id);
    if (progress?.state === 'replicate') progress.becomeProbe();
  }

  /** The transport's report on a snapshot; it must always come. */
  snapshotSent(id: string, ok: boolean): void {
    const progress = this.#core.progress.get(id);
    if (progress?.state !== 'snapshot') return;
    if (!ok) progress.pendingSnapshot = 0;
    progress.becomeProbe();
    // Wait for the member's own word before sending more.
    progress.paused = true;
  }

  /** The disk has done `write`, and all before it. */
  appended(write: Write): readonly Message[] {
    const core = this.#core;
    const { attest } = write;
    // In another term the entries may have been overwritten, and overwritten back: that is not the same write.
    if (attest.term === core.term) core.log.markStable(attest.index, attest.lastTerm);
    if (core.role === 'leader') advanceCommit(core);
    for (const reply of write.replies) if (reply.to === core.id) this.step(reply);
    return write.replies.filter((reply) => reply.to !== core.id);
  }

  /** The state machine holds everything up to `index`. */
  applied(index: number): void {
    const core = this.#core;
    const entries = core.log.slice(core.log.applied + 1, index, Infinity) ?? [];
    core.log.appliedTo(index);
    for (const entry of entries) if (entry.kind === 'configuration') applyConfiguration(core, entry);
  }

  /** A snapshot of the applied state is on disk; entries up to `compactTo` may be forgotten. */
  snapshotTaken(meta: SnapshotMeta, compactTo: number): void {
    if (meta.index <= this.#core.snapshot.index) return;
    this.#core.snapshot = meta;
    this.#core.log.compact(Math.min(compactTo, meta.index));
  }

  /** Everything to do now. What is handed out counts as accepted and is not handed out again. */
  ready(): Ready {
    const core = this.#core;
    if (core.role === 'leader' && core.reads.startRound()) broadcastHeartbeat(core);
    const restore = core.restored;
    const write = this.#takeWrite();
    core.restored = undefined;
    const ready: Ready = {
      messages: core.outbox,
      write,
      restore,
      apply: core.log.takeCommitted(core.limits.maxApplyBytes),
      reads: core.reads.done,
      failedReads: core.reads.failed,
    };
    core.outbox = [];
    core.reads.done = [];
    core.reads.failed = [];
    return ready;
  }

  #takeWrite(): Write | undefined {
    const core = this.#core;
    const { term, vote, log } = core;
    const entries = log.takeUnstable();
    const replies = core.held;
    core.held = [];
    const changes = term !== this.#written.term || vote !== this.#written.vote;
    if (entries.length === 0 && !changes && !core.restored && replies.length === 0) return undefined;
    // A commit index alone is not worth a write: it goes along with the next one.
    const durable = changes || entries.length > 0 || core.restored !== undefined;
    const hardState = durable ? { term, vote, commit: log.committed } : undefined;
    if (hardState) this.#written = hardState;
    return { hardState, entries, installed: core.restored, replies, attest: { term, index: log.lastIndex, lastTerm: log.lastTerm } };
  }
}
