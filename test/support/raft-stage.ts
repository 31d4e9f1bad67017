/** A stage for stories told step by step: real cores under full control, watched by the checks of the simulation. */
import { seededRandom } from '#base/random';
import { nobody } from './raft-nobody.ts';
import { defaultLimits, type Limits } from '#raft/core';
import type { Configuration, Entry, Message } from '#raft/message';
import { Raft, type Status } from '#raft/raft';
import type { Ready, Write } from '#raft/ready';
import { applyHash, RaftChecks, require } from './raft-checks.ts';
import { Durable, type Saved } from './raft-disk.ts';

interface Actor {
  readonly id: string;
  raft: Raft | undefined;
  readonly durable: Durable;
  readonly arrived: Map<number, Saved>;
  writes: Write[];
  unapplied: Entry[];
  index: number;
  hash: number;
  incarnation: number;
  /** All that its `ready` said, for stories to look at. */
  told: Ready[];
}

export class RaftStage {
  readonly checks: RaftChecks;
  readonly #actors = new Map<string, Actor>();
  /** What is under way. */
  wire: Message[] = [];
  /** Members whose disk waits for `disk`, and whose state machine waits for `apply`. */
  readonly slow = new Set<string>();
  readonly lazy = new Set<string>();
  readonly #cut = new Set<string>();
  readonly #limits: Limits;

  constructor(ids: readonly string[], limits: Partial<Limits> = {}, learners: readonly string[] = []) {
    this.#limits = { ...defaultLimits, ...limits };
    const configuration = { voters: ids, learners };
    this.checks = new RaftChecks(configuration, (id) => this.#actors.get(id)?.durable);
    for (const id of [...ids, ...learners]) this.#add(id, configuration);
  }

  #add(id: string, configuration: Configuration): void {
    this.#actors.set(id, {
      id,
      raft: undefined,
      durable: new Durable(configuration),
      arrived: new Map(),
      writes: [],
      unapplied: [],
      index: 0,
      hash: 0,
      incarnation: 0,
      told: [],
    });
    this.restart(id);
  }

  /** A member that has nothing. */
  newcomer(id: string): void {
    this.#add(id, nobody);
  }

  /** Begins anew with these logs, given as the terms of their entries, and nothing committed. */
  load(logs: Readonly<Record<string, readonly number[]>>, term: number): void {
    for (const [id, terms] of Object.entries(logs)) {
      const { durable } = this.#actor(id);
      const entries = terms.map((one, at) => ({ term: one, index: at + 1, kind: 'normal' as const, bytes: Uint8Array.of(one, one) }));
      durable.persist(
        { hardState: { term, vote: undefined, commit: 0 }, entries, installed: undefined, replies: [], attest: { term, index: 0, lastTerm: 0 } },
        new Map(),
      );
      this.restart(id);
      this.checks.written(id, { hardState: undefined, entries, installed: undefined, replies: [], attest: { term, index: 0, lastTerm: 0 } }, 0);
    }
  }

  #actor(id: string): Actor {
    const actor = this.#actors.get(id);
    if (!actor) throw new Error(`no member ${id}`);
    return actor;
  }

  raft(id: string): Raft {
    const { raft } = this.#actor(id);
    if (!raft) throw new Error(`${id} is down`);
    return raft;
  }

  durable(id: string): Durable {
    return this.#actor(id).durable;
  }

  status(id: string): Status {
    return this.raft(id).status();
  }

  /** Lets a member do something, and its turn follow. */
  act<T>(id: string, what: (raft: Raft) => T): T {
    const result = what(this.raft(id));
    this.turn(id);
    return result;
  }

  is(id: string, wanted: Partial<Status>): void {
    const status: Partial<Status> = this.status(id);
    for (const [name, value] of Object.entries(wanted)) {
      const found = status[name as keyof Status];
      require(JSON.stringify(found) === JSON.stringify(value), 'story', () =>
        `${name} of ${id} is ${JSON.stringify(found)} instead of ${JSON.stringify(value)}`);
    }
  }

  equal(found: unknown, wanted: unknown, what: string): void {
    require(JSON.stringify(found) === JSON.stringify(wanted), 'story', () => `${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
  }

  elect(id: string): void {
    this.act(id, (raft) => raft.campaign());
    this.settle();
    this.is(id, { role: 'leader' });
  }

  propose(id: string, ...texts: string[]): void {
    this.act(id, (raft) => {
      for (const one of texts) require(typeof raft.propose(Buffer.from(one)) === 'object', 'story', () => `${id} does not take ${one}`);
    });
  }

  /** Proposes a change; returns its index, or why not. */
  change(id: string, type: 'addVoter' | 'addLearner' | 'remove', member: string): number | string {
    const proposed = this.act(id, (raft) => raft.proposeChange({ type, id: member }));
    return typeof proposed === 'string' ? proposed : proposed.index;
  }

  tick(id: string, ticks = 1): void {
    for (let tick = 0; tick < ticks; tick++) this.act(id, (raft) => raft.tick());
  }

  cut(a: string, b: string): void {
    this.#cut.add(`${a}>${b}`).add(`${b}>${a}`);
  }

  /** Nothing passes from `a` to `b`; the other way stays open. */
  cutOneWay(a: string, b: string): void {
    this.#cut.add(`${a}>${b}`);
  }

  isolate(id: string): void {
    for (const other of this.#actors.keys()) if (other !== id) this.cut(id, other);
  }

  join(): void {
    this.#cut.clear();
  }

  /** Takes messages out of the wire. */
  hold(which: (message: Message) => boolean): Message[] {
    const held = this.wire.filter(which);
    this.wire = this.wire.filter((message) => !which(message));
    return held;
  }

  /** @param beside what happens to the member before its turn comes */
  step(message: Message, beside: (raft: Raft) => void = () => {}): void {
    const actor = this.#actor(message.to);
    if (!actor.raft) return;
    let taken = message;
    if (message.type === 'snapshot') {
      const saved = this.#actors.get(message.from)?.durable.saved;
      if (saved && saved.meta.index >= message.meta.index) {
        actor.arrived.set(saved.meta.index, saved);
        taken = { ...message, meta: saved.meta };
      }
    }
    const invalid = actor.raft.receive(taken, taken.from);
    require(invalid === undefined, 'story', () => `${message.to} refuses ${JSON.stringify(message)}: ${invalid?.invalid}`);
    beside(actor.raft);
    this.#watch(actor);
    this.turn(message.to);
  }

  #watch(actor: Actor): void {
    if (actor.raft) this.checks.observe({ id: actor.id, raft: actor.raft, durable: actor.durable });
  }

  /** Delivers all that is under way, and what it causes; no disk works. Returns what arrived. */
  net(): Message[] {
    const arrived: Message[] = [];
    for (let message = this.wire.shift(); message; message = this.wire.shift()) {
      if (arrived.length > 5000) throw new Error('the wire is never empty');
      const passes = !this.#cut.has(`${message.from}>${message.to}`) && this.#actors.get(message.to)?.raft !== undefined;
      if (passes) this.step(message);
      if (passes) arrived.push(message);
      if (message.type === 'snapshot' && this.#actors.get(message.from)?.raft) this.act(message.from, (raft) => raft.snapshotSent(message.to, passes));
    }
    return arrived;
  }

  /** Network and disks work until nothing is left to do. Returns what arrived. */
  settle(): Message[] {
    const arrived: Message[] = [];
    for (let round = 0; ; round++) {
      require(round < 300, 'rest', () => 'the group never comes to rest');
      arrived.push(...this.net());
      const busy = [...this.#actors.values()].filter((actor) => actor.writes.length > 0 && !this.slow.has(actor.id));
      if (busy.length === 0) return arrived;
      for (const actor of busy) this.disk(actor.id);
    }
  }

  /** The oldest write becomes durable; returns whether there was one. */
  disk(id: string): boolean {
    const actor = this.#actor(id);
    const write = actor.writes.shift();
    if (!write || !actor.raft) return false;
    this.#persist(actor, write);
    for (const message of actor.raft.appended(write)) {
      this.checks.released(id, message, actor.durable);
      this.wire.push(message);
    }
    this.#watch(actor);
    this.turn(id);
    return true;
  }

  #persist(actor: Actor, write: Write): void {
    const before = actor.durable.hardState;
    actor.durable.persist(write, actor.arrived);
    this.checks.durable(actor.id, before, actor.durable);
  }

  /** Loses what was not durable, but for the oldest `writes` writes. */
  crash(id: string, writes = 0): void {
    const actor = this.#actor(id);
    for (const write of actor.writes.slice(0, writes)) this.#persist(actor, write);
    actor.raft = undefined;
  }

  restart(id: string): void {
    const actor = this.#actor(id);
    const { hardState, saved, tail } = actor.durable;
    Object.assign(actor, { writes: [], unapplied: [], index: saved.meta.index, hash: saved.hash, told: [] });
    actor.incarnation++;
    const identity = { id, incarnation: String(actor.incarnation), limits: this.#limits, random: seededRandom(actor.incarnation, id) };
    actor.raft = new Raft(identity, { hardState, snapshot: saved.meta, entries: tail });
    this.checks.restarted(id);
    this.turn(id);
  }

  turn(id: string): void {
    const actor = this.#actor(id);
    for (let round = 0; actor.raft; round++) {
      require(round < 1000, 'rest', () => `${id} never comes to rest`);
      const ready = actor.raft.ready();
      this.#watch(actor);
      actor.told.push(ready);
      this.checks.sent(id, ready.messages);
      this.wire.push(...ready.messages);
      if (ready.write) this.#write(actor, actor.raft, ready.write);
      if (ready.restore) this.#restore(actor, ready.restore.index);
      actor.unapplied.push(...ready.apply);
      if (!this.lazy.has(id)) this.apply(id);
      if (ready.messages.length + ready.apply.length === 0 && !ready.write) return;
    }
  }

  #write(actor: Actor, raft: Raft, write: Write): void {
    const first = write.entries[0];
    this.checks.written(actor.id, write, first && raft.termAt(first.index - 1));
    actor.writes.push(write);
  }

  #restore(actor: Actor, index: number): void {
    const saved = actor.arrived.get(index);
    if (!saved) throw new Error(`${actor.id} has no bytes of snapshot ${index}`);
    this.checks.snapshot(actor.id, saved.meta, saved.hash);
    Object.assign(actor, { unapplied: [], index, hash: saved.hash });
  }

  /** The state machine does what it was given. */
  apply(id: string): void {
    const actor = this.#actor(id);
    const { raft } = actor;
    if (!raft || actor.unapplied.length === 0) return;
    for (const entry of actor.unapplied.splice(0)) {
      actor.index = entry.index;
      actor.hash = applyHash(actor.hash, entry);
      this.checks.applied({ id, raft, durable: actor.durable }, entry, actor.hash);
    }
    raft.applied(actor.index);
  }

  /** A snapshot of all that is applied, and no log before it but the last `keep` entries. */
  compact(id: string, keep = 0): void {
    const actor = this.#actor(id);
    const meta = this.raft(id).snapshotMeta();
    this.checks.snapshot(id, meta, actor.hash);
    actor.durable.save({ meta, hash: actor.hash }, keep);
    this.act(id, (raft) => raft.snapshotTaken(meta, meta.index - keep));
  }

  /** What `ready` has said so far under one name, all in a row. */
  told<K extends 'reads' | 'failedReads' | 'changesDone' | 'snapshotWanted'>(id: string, what: K): Ready[K][number][] {
    return this.#actor(id).told.flatMap((ready) => [...(ready[what] as readonly Ready[K][number][])]);
  }

  /** Forgets what `ready` has said so far. */
  listen(id: string): void {
    this.#actor(id).told.length = 0;
  }

  roles(id: string): string[] {
    return this.#actor(id).told.flatMap(({ roleChange }) => (roleChange ? [`${roleChange.role} t${roleChange.term} ${roleChange.leader ?? '-'}`] : []));
  }
}
