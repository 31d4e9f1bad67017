/** A seeded group of members over a simulated network and disk: same seed, same run. */
import { Violation } from '#test/simulation/tier';
import { integerBetween, seededRandom, type Random } from '#base/random';
import { defaultLimits, type Limits } from '#raft/core';
import type { Configuration, Entry, HardState, Message, SnapshotMeta } from '#raft/message';
import type { Raft } from '#raft/raft';
import type { Ready, Write } from '#raft/ready';
import { EventQueue } from './event-queue.ts';
import { RaftChecks } from './raft-checks.ts';

export type RaftClass = typeof Raft;

interface Saved {
  readonly meta: SnapshotMeta;
  readonly state: readonly string[];
}

/** What a crash leaves. */
interface Durable {
  hardState: HardState;
  saved: Saved;
  entries: Entry[];
}

interface Faults {
  readonly loss: number;
  readonly duplicate: number;
  readonly longDelay: number;
  readonly crash: number;
  /** Chance per tick that a crashed member comes back: at once in some seeds, so that it is asked the same again. */
  readonly restart: number;
  readonly partition: number;
  readonly slowDisk: number;
  readonly snapshotEvery: number;
  readonly keepEntries: number;
  readonly limits: Limits;
}

interface Pending {
  readonly term: number;
  readonly done: (index: number) => void;
}

const tickTime = 100;

/** Each seed switches about half of the faults off, so that the rest is explored alone. */
function drawFaults(random: Random): Faults {
  const some = (top: number): number => (random.next() < 0.5 ? 0 : random.next() * top);
  const small = random.next() < 0.5;
  return {
    loss: some(0.3),
    duplicate: some(0.2),
    longDelay: some(0.2),
    crash: some(0.06),
    restart: random.next() < 0.5 ? 1 : 0.1,
    partition: some(0.02),
    slowDisk: some(0.5),
    snapshotEvery: random.next() < 0.5 ? 1e9 : integerBetween(random, 3, 30),
    keepEntries: integerBetween(random, 0, 5),
    limits: {
      ...defaultLimits,
      electionTicks: integerBetween(random, 8, 12),
      maxAppendBytes: small ? 1 : 1000,
      window: small ? { messages: integerBetween(random, 1, 3), bytes: 1000 } : defaultLimits.window,
      maxApplyBytes: small ? 1 : 10_000,
    },
  };
}

class Member {
  raft: Raft | undefined;
  durable: Durable;
  state: string[] = [];
  /** Writes not yet durable, oldest first. */
  writes: Write[] = [];
  incarnation = 0;
  readonly proposals = new Map<number, Pending>();
  readonly reads = new Map<string, { readonly acknowledgedBefore: number; index?: number }>();
  readonly arrived = new Map<number, Saved>();

  constructor(
    readonly id: string,
    configuration: Configuration,
  ) {
    const meta = { index: 0, term: 0, configuration };
    this.durable = { hardState: { term: 0, vote: undefined, commit: 0 }, saved: { meta, state: [] }, entries: [] };
  }
}

export class RaftSimulation {
  readonly checks = new RaftChecks();
  readonly members: Member[];
  readonly faults: Faults;
  readonly #queue: EventQueue;
  readonly #random: (purpose: string) => Random;
  readonly #streams = new Map<string, Random>();
  #cut = new Set<string>();
  #calm = false;
  #values = 0;
  #requests = 0;

  constructor(
    readonly seed: number,
    readonly size: number,
    readonly raftClass: RaftClass,
  ) {
    const root = seededRandom(seed, 'raft simulation');
    // One stream per purpose: a fault less must not shift the draws of the rest.
    this.#random = (purpose) => {
      const known = this.#streams.get(purpose) ?? root.split(purpose);
      this.#streams.set(purpose, known);
      return known;
    };
    this.faults = drawFaults(root.split('faults'));
    this.#queue = new EventQueue(root.split('ties'));
    const ids = Array.from({ length: size }, (_, at) => `n${at + 1}`);
    this.members = ids.map((id) => new Member(id, { voters: ids, learners: [] }));
  }

  /** Runs faults and clients for `ticks`, heals, and demands that the group serves again. Throws on any violation. */
  run(ticks: number): void {
    for (const member of this.members) {
      this.#start(member);
      this.#queue.after(integerBetween(this.#random('start'), 0, tickTime), () => this.#tick(member));
    }
    this.#queue.after(tickTime, () => this.#client());
    this.#runUntil(ticks * tickTime);
    this.#heal();
    this.#runUntil((ticks + 300) * tickTime);
    this.#mustServe();
  }

  #runUntil(time: number): void {
    while (this.#queue.now < time && this.#queue.step());
  }

  #heal(): void {
    this.#calm = true;
    this.#cut.clear();
    for (const member of this.members) if (!member.raft) this.#start(member);
  }

  #mustServe(): void {
    const leader = this.members.find((member) => member.raft?.status().role === 'leader');
    if (!leader) throw new Violation('liveness', 'no leader after the faults stopped');
    const before = this.checks.acknowledged;
    this.#write(leader);
    this.#runUntil(this.#queue.now + 60 * tickTime);
    if (this.checks.acknowledged <= before) throw new Violation('liveness', 'a write after the faults stopped was not acknowledged');
    const states = this.members.map((member) => member.state.join());
    if (new Set(states).size !== 1)
      throw new Violation('liveness', `members differ after the faults stopped: ${this.members.map((m) => m.state.length).join()}`);
  }

  #start(member: Member): void {
    const { hardState, saved, entries } = member.durable;
    member.incarnation++;
    member.state = [...saved.state];
    member.writes = [];
    const following = entries.filter((entry) => entry.index > saved.meta.index);
    const random = this.#random(`elections ${member.id}`);
    const limits = this.faults.limits;
    member.raft = new this.raftClass(
      { id: member.id, incarnation: String(member.incarnation), limits, random },
      { hardState, snapshot: saved.meta, entries: following },
    );
  }

  #tick(member: Member): void {
    this.#queue.after(tickTime, () => this.#tick(member));
    const random = this.#random(`faults ${member.id}`);
    const [crash, partition, heal, restart] = [random.next(), random.next(), random.next(), random.next()];
    if (!this.#calm && member.raft && crash < this.faults.crash) this.#crash(member);
    if (!member.raft && restart < this.faults.restart) this.#start(member);
    if (!this.#calm && partition < this.faults.partition) this.#partition(random);
    else if (heal < 0.02) this.#cut.clear();
    member.raft?.tick();
    this.#turn(member);
  }

  /** Unsynced writes are lost, but for a random beginning of them that reached the disk anyway. */
  #crash(member: Member): void {
    const survived = integerBetween(this.#random(`crash ${member.id}`), 0, member.writes.length);
    for (const write of member.writes.slice(0, survived)) persist(member, write);
    member.raft = undefined;
    member.incarnation++;
    member.proposals.clear();
    member.reads.clear();
  }

  /** Cuts one side off from the other, in one direction only every third time. */
  #partition(random: Random): void {
    this.#cut.clear();
    const inside = new Set(this.members.filter(() => random.next() < 0.5).map((member) => member.id));
    const oneWay = random.next() < 0.33;
    for (const from of this.members) {
      for (const to of this.members) {
        if (inside.has(from.id) && !inside.has(to.id)) this.#cut.add(`${from.id}>${to.id}`);
        if (!oneWay && !inside.has(from.id) && inside.has(to.id)) this.#cut.add(`${from.id}>${to.id}`);
      }
    }
  }

  #client(): void {
    const random = this.#random('client');
    this.#queue.after(integerBetween(random, 1, 2 * tickTime), () => this.#client());
    const member = this.members[integerBetween(random, 0, this.size - 1)];
    if (!member?.raft || this.#calm) return;
    const action = random.next();
    if (action < 0.7) for (const one of this.members) this.#write(one);
    else if (action < 0.98) for (const one of this.members) this.#read(one);
    else member.raft.transferLeadership(this.members[integerBetween(random, 0, this.size - 1)]?.id ?? '');
    this.#turn(member);
  }

  #write(member: Member): void {
    const proposed = member.raft?.propose(Buffer.from(`v${++this.#values}`));
    if (!proposed || typeof proposed === 'string') return;
    const done = (index: number): void => {
      this.checks.acknowledged = Math.max(this.checks.acknowledged, index);
    };
    member.proposals.set(proposed.index, { term: proposed.term, done });
    this.#turn(member);
  }

  #read(member: Member): void {
    if (!member.raft) return;
    const requestId = `r${++this.#requests}`;
    member.reads.set(requestId, { acknowledgedBefore: this.checks.acknowledged });
    member.raft.readIndex(requestId);
    this.#turn(member);
  }

  #turn(member: Member): void {
    for (let rounds = 0; member.raft; rounds++) {
      if (rounds > 10_000) throw new Violation('liveness', `${member.id} never comes to rest`);
      this.checks.observed(member.raft);
      const ready = member.raft.ready();
      const { messages, write, apply, reads, failedReads, restore } = ready;
      for (const message of messages) this.#send(member, message);
      if (write) this.#persistLater(member, write);
      if (restore) member.state = [...(member.arrived.get(restore.index)?.state ?? fail(`${member.id} has no bytes of snapshot ${restore.index}`))];
      this.#apply(member, member.raft, ready);
      if (!write && apply.length === 0 && messages.length === 0 && reads.length === 0 && failedReads.length === 0) return;
    }
  }

  #apply(member: Member, raft: Raft, ready: Ready): void {
    for (const entry of ready.apply) {
      this.checks.applied(member.id, entry);
      member.state.push(`${entry.index}:${Buffer.from(entry.bytes).toString()}`);
      raft.applied(entry.index);
      const pending = member.proposals.get(entry.index);
      member.proposals.delete(entry.index);
      if (pending?.term === entry.term) pending.done(entry.index);
    }
    for (const { requestId, index } of ready.reads) {
      const read = member.reads.get(requestId);
      if (read) this.checks.read(index, read.acknowledgedBefore);
      member.reads.delete(requestId);
    }
    for (const requestId of ready.failedReads) member.reads.delete(requestId);
    const { applied } = raft.status();
    const installing = member.writes.some((write) => write.installed);
    if (!installing && applied - member.durable.saved.meta.index >= this.faults.snapshotEvery) this.#snapshot(member, raft, applied);
  }

  #snapshot(member: Member, raft: Raft, index: number): void {
    const term = raft.termAt(index) ?? fail(`${member.id} applied ${index} and has lost it`);
    const meta = { index, term, configuration: raft.status().configuration };
    member.durable.saved = { meta, state: [...member.state] };
    raft.snapshotTaken(meta, index - this.faults.keepEntries);
  }

  #persistLater(member: Member, write: Write): void {
    member.writes.push(write);
    if (member.writes.length === 1) this.#sync(member);
  }

  /** One write at a time, so they become durable in order. */
  #sync(member: Member): void {
    const { incarnation } = member;
    const random = this.#random(`disk ${member.id}`);
    const slow = random.next() < this.faults.slowDisk && !this.#calm;
    this.#queue.after(integerBetween(random, 1, slow ? 20 * tickTime : 20), () => {
      if (member.incarnation !== incarnation || !member.raft) return;
      const write = member.writes.shift() ?? fail('a write got lost');
      persist(member, write);
      for (const message of member.raft.appended(write)) this.#send(member, message);
      if (member.writes.length > 0) this.#sync(member);
      this.#turn(member);
    });
  }

  #send(from: Member, message: Message): void {
    const random = this.#random(`net ${from.id} ${message.to}`);
    const saved = message.type === 'snapshot' ? from.durable.saved : undefined;
    const [loss, twice, late] = [random.next(), random.next(), random.next()];
    const lost = !this.#calm && (loss < this.faults.loss || this.#cut.has(`${from.id}>${message.to}`));
    const copies = !this.#calm && twice < this.faults.duplicate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const top = !this.#calm && late < this.faults.longDelay ? 40 * tickTime : 50;
      this.#queue.after(integerBetween(random, 1, top), () => this.#deliver(from, message, saved, lost));
    }
  }

  #deliver(from: Member, message: Message, saved: Saved | undefined, lost: boolean): void {
    const to = this.members.find((member) => member.id === message.to);
    const arrives = !lost && to?.raft !== undefined;
    if (to?.raft && arrives) {
      if (saved) to.arrived.set(saved.meta.index, saved);
      to.raft.step(saved && message.type === 'snapshot' ? { ...message, meta: saved.meta } : message);
      this.#turn(to);
    }
    if (message.type !== 'snapshot') return;
    from.raft?.snapshotSent(message.to, arrives);
    this.#turn(from);
  }
}

function persist(member: Member, write: Write): void {
  const { durable } = member;
  if (write.installed) {
    durable.saved = member.arrived.get(write.installed.index) ?? fail(`no bytes of snapshot ${write.installed.index}`);
    durable.entries = [];
  }
  if (write.hardState) durable.hardState = write.hardState;
  const first = write.entries[0];
  if (first) durable.entries = [...durable.entries.filter((entry) => entry.index < first.index), ...write.entries];
}

function fail(what: string): never {
  throw new Violation('safety', what);
}
