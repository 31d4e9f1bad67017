/** Drives simulated members: turns, disk, state machine and snapshots, each with its own delays. */
import { integerBetween, type Random } from '#base/random';
import type { Append, Entry, Message, SnapshotMeta } from '#raft/message';
import { Raft } from '#raft/raft';
import type { Ready, Write } from '#raft/ready';
import type { EventQueue } from './event-queue.ts';
import { applyHash, isMajority, mix, require, type RaftChecks } from './raft-checks.ts';
import type { Member } from './raft-member.ts';
import type { RaftNetwork } from './raft-network.ts';
import { tickTime, type Knobs } from './raft-plan.ts';

export interface Around {
  readonly queue: EventQueue;
  readonly checks: RaftChecks;
  readonly knobs: Knobs;
  readonly network: RaftNetwork;
  readonly stream: (purpose: string) => Random;
  readonly memberOf: (id: string) => Member | undefined;
  readonly count: (what: string, times?: number) => void;
  /** A change of membership is done. */
  readonly done: (index: number) => void;
}

export class RaftDriver {
  readonly #around: Around;
  /** Rolling hash of all that happened. */
  trace = 0;

  constructor(around: Around) {
    this.#around = around;
  }

  start(member: Member): void {
    const { knobs, checks, stream } = this.#around;
    const { hardState, saved, tail } = member.durable;
    member.forget();
    member.index = saved.meta.index;
    member.hash = saved.hash;
    const identity = { id: member.id, incarnation: String(member.incarnation), limits: knobs.limits, random: stream(`elections ${member.id}`) };
    member.raft = new Raft(identity, { hardState, snapshot: saved.meta, entries: tail });
    checks.restarted(member.id);
    this.turn(member);
  }

  /** Unsynced writes are lost, but for a random beginning of them that reached the disk anyway. */
  crash(member: Member): void {
    const survived = integerBetween(this.#around.stream(`crash ${member.id}`), 0, member.writes.length);
    for (const write of member.writes.slice(0, survived)) this.#persist(member, write);
    member.forget();
    this.#around.count('crashes');
  }

  /** Lets `act` happen to a member: now, or when it thaws. A turn follows at once, or gathers more. */
  input(member: Member, act: (raft: Raft) => void, gather = false): void {
    const { raft } = member;
    if (!raft) return;
    if (member.frozen) {
      member.backlog.push(() => this.input(member, act, gather));
      return;
    }
    act(raft);
    this.#around.checks.observe({ id: member.id, raft, durable: member.durable });
    if (!gather) this.turn(member);
    else if (!member.turnDue) {
      member.turnDue = true;
      const { incarnation } = member;
      this.#around.queue.after(3, () => {
        if (member.incarnation === incarnation) this.turn(member);
      });
    }
  }

  tick(member: Member): void {
    if (member.frozen) {
      member.missedTicks++;
      return;
    }
    this.input(member, (raft) => {
      member.ticks++;
      raft.tick();
      if (this.#around.knobs.stepDownOnStall && member.writes.length > 0 && member.ticks - member.writingSince > this.#around.knobs.limits.electionTicks)
        raft.stepDown();
    });
    this.#checkClocks(member);
  }

  /** Ticks that were missed come late: before or behind the messages that waited. */
  thaw(member: Member, ticksFirst: boolean): void {
    if (!member.frozen) return;
    member.frozen = false;
    const late = Math.min(member.missedTicks, ticksFirst ? 30 : 1);
    member.missedTicks = 0;
    const backlog = member.backlog;
    member.backlog = [];
    for (let tick = 0; tick < late; tick++) this.tick(member);
    for (const act of backlog) act();
    this.turn(member);
  }

  /** Reads end within an election timeout, and a leader that no majority answers steps down. */
  #checkClocks(member: Member): void {
    const { electionTicks } = this.#around.knobs.limits;
    for (const [id, read] of member.reads) {
      require(read.index !== undefined || member.ticks - read.began <= electionTicks, 'read', () =>
        `read ${id} of ${member.id} has no answer after ${member.ticks - read.began} ticks`);
    }
    if (member.role !== 'leader' || !member.raft) return;
    const { voters } = member.raft.status().configuration;
    if (voters.join() !== member.voters) {
      member.voters = voters.join();
      member.silentSince = member.ticks;
    }
    const since = member.ticks - 2 * electionTicks - 1;
    const heard = voters.filter((id) => id === member.id || (member.heard.get(id) ?? 0) >= since);
    require(since <= member.silentSince || isMajority(heard.length, voters.length), 'check quorum', () =>
      `${member.id} leads on, and only ${heard.join()} of ${voters.join()} answer`);
  }

  turn(member: Member): void {
    member.turnDue = false;
    if (member.frozen) return;
    for (let rounds = 0; ; rounds++) {
      require(rounds < 1000, 'rest', () => `${member.id} never comes to rest`);
      const { raft } = member;
      if (!raft) return;
      const ready = raft.ready();
      this.#around.checks.observe({ id: member.id, raft, durable: member.durable });
      this.#carryOut(member, raft, ready);
      const { messages, write, restore, apply, reads, failedReads, changesDone, snapshotWanted } = ready;
      const nothing = messages.length + apply.length + reads.length + failedReads.length + changesDone.length + snapshotWanted.length === 0;
      if (nothing && !write && !restore) break;
    }
    const { role, term, leader } = member.raft?.status() ?? {};
    const { told } = member;
    const known = told ? told.role === role && told.term === term && told.leader === leader : role === 'follower' && leader === undefined;
    require(known || member.raft === undefined, 'role change', () => `${member.id} is ${role} of term ${term} under ${leader} and did not say so`);
  }

  #carryOut(member: Member, raft: Raft, ready: Ready): void {
    if (ready.roleChange) {
      if (ready.roleChange.role === 'leader' && member.told?.role !== 'leader') member.silentSince = member.ticks;
      if (ready.roleChange.role !== 'leader' && member.told?.role === 'leader') this.#around.count('depositions');
      member.told = ready.roleChange;
    }
    this.#around.checks.sent(member.id, ready.messages);
    this.#checkAppends(member, raft, ready.messages);
    for (const message of ready.messages) this.#send(member, message);
    if (ready.write) this.#write(member, raft, ready.write);
    if (ready.restore) this.#restore(member, ready.restore);
    member.queue.push(...ready.apply);
    if (ready.apply.length > 0) this.#applyNext(member);
    this.#settleReads(member, ready);
    for (const index of ready.changesDone) {
      this.#around.checks.changeDone(member.id, index);
      this.#around.count('changes done');
      this.#around.done(index);
    }
    // Not before what the turn hands out is known: a snapshot of another member may be among it.
    const due = member.index - member.durable.saved.meta.index >= this.#around.knobs.snapshotEvery;
    if (due || ready.snapshotWanted.length > 0) this.#snapshot(member);
  }

  #checkAppends(member: Member, raft: Raft, messages: readonly Message[]): void {
    const { limits } = this.#around.knobs;
    const last = new Map<string, Append>();
    for (const message of messages) {
      if (message.type !== 'append') continue;
      const bytes = message.entries.reduce((sum, entry) => sum + entry.bytes.length, 0);
      require(bytes <= limits.maxAppendBytes || message.entries.length === 1, 'append bytes', () => `${member.id} sends ${bytes} bytes in one append`);
      const before = last.get(message.to);
      last.set(message.to, message);
      if (!before) continue;
      // A second append in one turn continues one that was full.
      const bytesBefore = before.entries.reduce((sum, entry) => sum + entry.bytes.length, 0);
      const follows =
        message.prevIndex === before.prevIndex + before.entries.length &&
        before.entries.length > 0 &&
        bytesBefore + (message.entries[0]?.bytes.length ?? 0) > limits.maxAppendBytes;
      require(follows, 'one append', () => `${member.id} sends two appends to ${message.to} where one would do`);
    }
    for (const to of last.keys()) {
      const progress = raft.progress(to);
      if (progress?.state !== 'replicate' || limits.maxAppendBytes > 1) continue;
      // One entry to a message here, but for those without bytes that begin a term.
      let entries = 0;
      for (let index = progress.match + 1; index < progress.next; index++) if (raft.termAt(index) === raft.termAt(index - 1)) entries++;
      require(entries <= limits.window.messages, 'window', () => `${member.id} has ${entries} appends under way to ${to}`);
    }
  }

  #send(from: Member, message: Message): void {
    const to = this.#around.memberOf(message.to);
    if (!to) return;
    const saved = message.type === 'snapshot' ? from.durable.saved : undefined;
    this.#around.network.send({ from, to, message: saved && message.type === 'snapshot' ? { ...message, meta: saved.meta } : message, saved });
  }

  #write(member: Member, raft: Raft, write: Write): void {
    const first = write.entries[0];
    this.#around.checks.written(member.id, write, first && raft.termAt(first.index - 1));
    member.writes.push(write);
    if (member.writes.length === 1) this.#sync(member);
  }

  /** One write at a time, so they become durable in order. */
  #sync(member: Member): void {
    const { queue, knobs, network, stream } = this.#around;
    const { incarnation } = member;
    member.writingSince = member.ticks;
    const random = stream(`disk ${member.id}`);
    const slow = random.next() < knobs.slowDisk && !network.calm;
    const stall = network.calm ? 0 : Math.max(0, member.stalledUntil - queue.now);
    queue.after(stall + integerBetween(random, 1, slow ? 20 * tickTime : 20), () => {
      const write = member.writes[0];
      if (member.incarnation !== incarnation || !write) return;
      this.#persist(member, write);
      member.writes.shift();
      if (member.writes.length > 0) this.#sync(member);
      this.input(member, (raft) => {
        for (const message of raft.appended(write)) {
          this.#around.checks.released(member.id, message, member.durable);
          this.#send(member, message);
        }
      });
    });
  }

  #persist(member: Member, write: Write): void {
    const before = member.durable.hardState;
    member.durable.persist(write, member.arrived);
    this.#around.checks.durable(member.id, before, member.durable);
    this.mixIn(member.number, 100 + write.entries.length, member.durable.lastIndex);
  }

  mixIn(...values: number[]): void {
    this.trace = mix(this.trace, this.#around.queue.now);
    for (const value of values) this.trace = mix(this.trace, value);
  }

  /** The state machine takes its time; a restore drops what was under way. */
  #applyNext(member: Member): void {
    if (member.applying || member.restoring || member.queue.length === 0) return;
    const { knobs, queue, network, stream } = this.#around;
    if (knobs.applySlice > 1e6) {
      this.#apply(member, member.queue.splice(0));
      return;
    }
    member.applying = true;
    const { incarnation } = member;
    const delay = integerBetween(stream(`apply ${member.id}`), 1, network.calm ? 10 : tickTime);
    queue.after(delay, () => {
      if (member.incarnation !== incarnation) return;
      this.input(member, () => {
        member.applying = false;
        if (!member.restoring) this.#apply(member, member.queue.splice(0, knobs.applySlice));
        this.#applyNext(member);
      });
    });
  }

  #apply(member: Member, entries: readonly Entry[]): void {
    const { checks, count } = this.#around;
    const { raft } = member;
    if (!raft) return;
    for (const entry of entries) {
      require(entry.index === member.index + 1, 'state machine', () => `${member.id} applies ${entry.index} behind ${member.index}`);
      member.index = entry.index;
      member.hash = applyHash(member.hash, entry);
      checks.applied({ id: member.id, raft, durable: member.durable }, entry, member.hash);
      const proposedIn = member.proposals.get(entry.index);
      member.proposals.delete(entry.index);
      if (proposedIn === entry.term) {
        checks.seen = Math.max(checks.seen, entry.index);
        count('writes');
      }
    }
    if (entries.length > 0) raft.applied(member.index);
    this.mixIn(member.number, 200, member.index);
    this.#finishReads(member);
  }

  #restore(member: Member, meta: SnapshotMeta): void {
    const { queue, stream, count, checks } = this.#around;
    const saved = member.arrived.get(meta.index);
    require(saved !== undefined, 'snapshot', () => `${member.id} has no bytes of snapshot ${meta.index}`);
    checks.snapshot(member.id, meta, saved.hash);
    const overtaken = member.index + member.queue.length;
    member.queue = [];
    member.restoring = saved;
    const { incarnation } = member;
    queue.after(integerBetween(stream(`apply ${member.id}`), 1, 200), () => {
      if (member.incarnation !== incarnation) return;
      this.input(member, (raft) => {
        // A newer snapshot may have come while this one was put in place, or while the member was frozen.
        if (member.restoring !== saved) return;
        member.restoring = undefined;
        member.index = meta.index;
        member.hash = saved.hash;
        count('restores');
        // A report that was under way when the snapshot came.
        raft.applied(overtaken);
        this.#finishReads(member);
        this.#applyNext(member);
      });
    });
  }

  #settleReads(member: Member, ready: Ready): void {
    const { checks, count } = this.#around;
    for (const { requestId, index } of ready.reads) {
      const read = member.reads.get(requestId);
      require(read !== undefined && read.index === undefined, 'read', () => `${member.id} answers read ${requestId}, which nobody waits for`);
      checks.read(member.id, index, read.seenBefore);
      read.index = index;
    }
    for (const requestId of ready.failedReads) {
      require(member.reads.get(requestId)?.index === undefined && member.reads.delete(requestId), 'read', () =>
        `${member.id} fails read ${requestId}, which is not its own`);
      count('failed reads');
    }
    this.#finishReads(member);
  }

  #finishReads(member: Member): void {
    for (const [id, read] of member.reads) {
      if (read.index === undefined || read.index > member.index || member.restoring) continue;
      member.reads.delete(id);
      this.#around.checks.seen = Math.max(this.#around.checks.seen, member.index);
      this.#around.count('reads');
    }
  }

  /** The state is taken now; writing it goes on beside what follows. */
  #snapshot(member: Member): void {
    const { queue, stream, checks, count, knobs } = this.#around;
    const { raft, hash, incarnation } = member;
    if (!raft || member.snapshotting || member.restoring || member.writes.some((write) => write.installed)) return;
    const meta = raft.snapshotMeta();
    if (meta.index <= member.durable.saved.meta.index) return;
    require(meta.index === member.index, 'snapshot', () => `${member.id} is at ${member.index} and describes ${meta.index}`);
    checks.snapshot(member.id, meta, hash);
    member.snapshotting = true;
    queue.after(integerBetween(stream(`snapshot ${member.id}`), 1, 500), () => {
      if (member.incarnation !== incarnation) return;
      this.input(member, () => {
        member.snapshotting = false;
        if (meta.index <= member.durable.saved.meta.index || member.writes.some((write) => write.installed)) return;
        member.durable.save({ meta, hash }, knobs.keepEntries);
        raft.snapshotTaken(meta, meta.index - knobs.keepEntries);
        count('snapshots');
      });
    });
  }
}
