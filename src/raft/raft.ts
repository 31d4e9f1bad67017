/** One member of a Raft group as a pure machine: messages and ticks go in, `ready()` says what to send, write and apply. */
import { assert, unreachable } from '#base/assert';
import { isMember, type Change } from './membership/changer.ts';
import { Core, type Identity, type Initial, type Role } from './core.ts';
import { campaign, handleVoteReply, handleVoteRequest, inLease, tickElection } from './election.ts';
import { handleAppend, handleHeartbeat, handleSnapshot, heardLeader } from './follower.ts';
import { applyConfiguration, proposeChange, type ChangeRefusal } from './membership/membership.ts';
import type { Configuration, HardState, Message, SnapshotMeta } from './message.ts';
import { confirmReads, leaderRead } from './reads.ts';
import {
  advanceCommit,
  appendOwn,
  broadcastHeartbeat,
  closeChange,
  flushAppends,
  handleAppendReply,
  handleHeartbeatReply,
  ask,
  sendHeartbeat,
  tickLeader,
} from './replication.ts';
import { coalesced, type Ready, type RoleChange, type Write } from './ready.ts';
import { validate, type Invalid } from './validate.ts';

interface Place {
  readonly index: number;
  readonly term: number;
}

export type Proposed = Place | 'notLeader' | 'transferring' | 'full';

export type ProposedChange = Place | ChangeRefusal;

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
  #told: RoleChange;

  /** Throws Amnesia when `initial` contradicts itself: the member must not take part under its id any more. */
  constructor(identity: Identity, initial: Initial) {
    this.#core = new Core(identity, initial);
    this.#written = initial.hardState;
    const { role, term, leader } = this.#core;
    this.#told = { role, term, leader };
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
    this.#core.reads.tick();
    if (this.#core.role === 'leader') tickLeader(this.#core);
    else tickElection(this.#core);
  }

  /** Asks for leadership now; a lone voter does so at start. */
  campaign(): void {
    campaign(this.#core, false);
  }

  /** Gives up leadership, as when the disk stalls: members that write may then elect another. */
  stepDown(): void {
    if (this.#core.role === 'leader') this.#core.becomeFollower(this.#core.term, undefined);
  }

  /** The transport knows that the leader is gone: others may be voted for at once, and reads sent to it fail. */
  forgetLeader(): void {
    const core = this.#core;
    if (core.role !== 'follower' || core.leader === undefined) return;
    core.leader = undefined;
    core.reads.failForwarded();
  }

  /** Takes what came over the wire from `sender`, whom the transport vouches for; returns why it was refused. */
  receive(value: unknown, sender: string): Invalid | undefined {
    const invalid = validate(value, { from: sender, to: this.#core.id });
    if (invalid === undefined) this.step(value as Message);
    return invalid;
  }

  /** Takes a valid message of another member. Throws Amnesia when it proves that this one has lost what it promised. */
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
    // Whoever is no member as far as this one knows disturbs no leader that is heard: if he is one, that one soon is heard no more.
    if (inLease(core) && !core.isJoiner && !isMember(core.configuration, message.from)) return false;
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
      core.send({ type: 'appendReply', to: message.from, index: 0, rejected: false, hintIndex: 0, hintTerm: 0, commit: 0 });
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
        if (core.role === 'leader') return this.#rivalLeader(message.from);
        heardLeader(core, message.from);
        if (message.type === 'append') return handleAppend(core, message);
        return message.type === 'heartbeat' ? handleHeartbeat(core, message) : handleSnapshot(core, message);
      case 'appendReply':
        return core.role === 'leader' ? handleAppendReply(core, message) : undefined;
      case 'heartbeatReply':
        return core.role === 'leader' ? handleHeartbeatReply(core, message) : undefined;
      case 'timeoutNow':
        return core.role === 'follower' && core.leader === message.from ? campaign(core, true) : undefined;
      case 'readIndex':
        return core.role === 'leader' && !core.reads.full ? leaderRead(core, core.reads.asked(message.requestId, message.from)) : undefined;
      case 'readIndexReply':
        return core.reads.answered(message.requestId, message.index);
      default:
        return unreachable(message);
    }
  }

  /** A voter of ours that leads the same term breaks the one promise of elections; a stranger proves nothing. */
  #rivalLeader(from: string): void {
    assert(!this.#core.configuration.voters.includes(from), `${this.#core.id} and ${from} both lead term ${this.#core.term}`);
  }

  /** Adds an entry to the log if this member leads. The entry may still be lost: only `apply` with the same term says it is in. */
  propose(bytes: Uint8Array): Proposed {
    const core = this.#core;
    if (core.role !== 'leader') return 'notLeader';
    if (core.transferee !== undefined) return 'transferring';
    // One proposal always gets through, however large.
    if (core.uncommittedBytes > 0 && core.uncommittedBytes + bytes.length > core.limits.maxUncommittedBytes) return 'full';
    const index = appendOwn(core, 'normal', bytes);
    core.appendDue = true;
    return { index, term: core.term };
  }

  /**
   * Proposes a change of membership. It is in force once applied, and done once `changesDone` names its index; until then
   * no other may follow. A voter is made of a learner that holds the log.
   */
  proposeChange(change: Change): ProposedChange {
    return proposeChange(this.#core, change);
  }

  /** Hands leadership to `target`; given up after one election timeout. Returns false when it cannot be asked. */
  transferLeadership(target: string): boolean {
    const core = this.#core;
    const progress = core.progress.get(target);
    if (core.role !== 'leader' || target === core.id || !progress || !core.configuration.voters.includes(target)) return false;
    if (core.transferee === target) return true;
    core.transferee = target;
    core.transferElapsed = 0;
    if (progress.match === core.log.lastIndex) core.send({ type: 'timeoutNow', to: target });
    else ask(core, progress);
    return true;
  }

  /** Asks for a linearizable read; the answer comes in `reads` or `failedReads` within one election timeout. `requestId` is unique in this incarnation. */
  readIndex(requestId: string): void {
    const core = this.#core;
    if (core.leader === undefined || core.reads.full) {
      core.reads.failed.push(requestId);
    } else if (core.role === 'leader') {
      leaderRead(core, core.reads.asked(requestId, core.id));
    } else {
      core.send({ type: 'readIndex', to: core.leader, requestId: core.reads.forward(requestId) });
    }
  }

  /** The transport could not reach `id`: what is under way is probably lost. */
  unreachable(id: string): void {
    const progress = this.#core.progress.get(id);
    if (progress?.state === 'replicate') progress.becomeProbe();
  }

  /** The transport reaches `id` again, or for the first time: the leader asks at once what it has, and waits for no tick. */
  reachable(id: string): void {
    const core = this.#core;
    if (core.role === 'leader' && core.progress.has(id) && id !== core.id) sendHeartbeat(core, id);
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
    if (write.hardState) {
      assert(write.hardState.commit >= core.durableCommit, `commit ${write.hardState.commit} became durable after ${core.durableCommit}`);
      core.durableCommit = write.hardState.commit;
    }
    if (core.role === 'leader') {
      advanceCommit(core);
      closeChange(core);
    }
    for (const reply of write.replies) if (reply.to === core.id) this.step(reply);
    return write.replies.filter((reply) => reply.to !== core.id);
  }

  /** The state machine holds everything up to `index`. */
  applied(index: number): void {
    const core = this.#core;
    for (const entry of core.log.appliedTo(index)) if (entry.kind === 'configuration') applyConfiguration(core, entry);
  }

  /** A snapshot of the applied state is on disk; entries up to `compactTo` may be forgotten. */
  snapshotTaken(meta: SnapshotMeta, compactTo: number): void {
    const core = this.#core;
    if (meta.index <= core.snapshot.index) return;
    core.snapshot = meta;
    core.log.compact(Math.min(compactTo, meta.index));
    // Somebody may wait for it.
    core.appendDue = core.role === 'leader';
  }

  /** Describes a snapshot of what is applied now. */
  snapshotMeta(): SnapshotMeta {
    const { log, configuration } = this.#core;
    const term = log.termAt(log.applied);
    assert(term !== undefined, `entry ${log.applied} was applied and is gone`);
    return { index: log.applied, term, configuration };
  }

  /** Everything to do now. What is handed out counts as accepted and is not handed out again. */
  ready(): Ready {
    const core = this.#core;
    if (core.role === 'leader') {
      flushAppends(core);
      // In every turn: answers confirm a round, and so does a change of who must answer. What needs nobody else begins none.
      for (const asker of confirmReads(core)) sendHeartbeat(core, asker);
      if (core.reads.startRound()) broadcastHeartbeat(core);
    }
    const restore = core.restored;
    const write = this.#takeWrite();
    core.restored = undefined;
    const ready: Ready = {
      messages: core.outbox,
      write,
      restore,
      roleChange: this.#takeRoleChange(),
      apply: core.log.takeCommitted(core.limits.maxApplyBytes),
      reads: core.reads.done,
      failedReads: core.reads.failed,
      changesDone: core.changesDone,
      snapshotWanted: [...core.snapshotWanted],
    };
    core.outbox = [];
    core.reads.done = [];
    core.reads.failed = [];
    core.changesDone = [];
    core.snapshotWanted.clear();
    return ready;
  }

  #takeRoleChange(): RoleChange | undefined {
    const { role, term, leader } = this.#core;
    if (role === this.#told.role && term === this.#told.term && leader === this.#told.leader) return undefined;
    this.#told = { role, term, leader };
    return this.#told;
  }

  #takeWrite(): Write | undefined {
    const core = this.#core;
    const { term, vote, log } = core;
    const entries = log.takeUnstable();
    const replies = core.held;
    core.held = [];
    const changes = term !== this.#written.term || vote !== this.#written.vote || core.commitOwed > this.#written.commit;
    if (entries.length === 0 && !changes && !core.restored && replies.length === 0) return undefined;
    // A commit index alone is not worth a write, unless a configuration depends on it: it goes along with the next one.
    const durable = changes || entries.length > 0 || core.restored !== undefined;
    const hardState = durable ? { term, vote, commit: log.committed } : undefined;
    if (hardState) this.#written = hardState;
    const answers = coalesced(replies, this.#written.commit);
    return { hardState, entries, installed: core.restored, replies: answers, attest: { term, index: log.lastIndex, lastTerm: log.lastTerm } };
  }
}
