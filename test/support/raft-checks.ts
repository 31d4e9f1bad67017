/** What must hold in a group at every moment, checked from outside after every turn. */
import { decode } from '#base/codec';
import { changed, type Change } from '#raft/membership/changer';
import type { Configuration, Entry, HardState, Message, SnapshotMeta } from '#raft/message';
import type { Raft } from '#raft/raft';
import type { Write } from '#raft/ready';
import { Violation } from '#test/simulation/tier';
import type { Durable } from './raft-disk.ts';

/** Majorities are counted here in a way of their own: a wrong count in the core must not hide itself. */
export function isMajority(count: number, of: number): boolean {
  return count * 2 > of;
}

export function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, 0x01000193);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

export function require(holds: boolean, check: string, what: () => string): asserts holds {
  if (!holds) throw new Violation(check, what());
}

interface Known {
  readonly previousTerm: number;
  readonly entry: Entry;
}

interface Viewed {
  readonly id: string;
  readonly raft: Raft;
  readonly durable: Durable;
}

export interface Committed {
  readonly term: number;
  /** The leader's term when it was decided. */
  readonly decidedIn: number;
  /** Of the state machine once it is applied. */
  readonly hash: number;
  readonly configuration: Configuration;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || Buffer.compare(a, b) === 0;
}

export function applyHash(before: number, entry: Entry): number {
  let hash = mix(mix(before, entry.index), entry.term);
  for (const byte of entry.bytes) hash = mix(hash, byte);
  return hash;
}

export class RaftChecks {
  /** The one history, by index. */
  readonly committed: Committed[];
  /** Every entry that was ever handed to a disk, by (index, term). */
  readonly #known = new Map<number, Known>();
  readonly #leaders = new Map<number, string>();
  readonly #votes = new Map<string, string>();
  /** Each member's commit index when last looked at. */
  readonly #commits = new Map<string, number>();
  /** Highest index that any client has seen the effect of. */
  seen = 0;
  /** Index of the newest change of membership that is done. */
  lastDone = 0;
  elections = 0;

  constructor(
    configuration: Configuration,
    /** Disks of all members, also of those that are down. */
    readonly durableOf: (id: string) => Durable | undefined,
  ) {
    this.committed = [{ term: 0, decidedIn: 0, hash: 0, configuration }];
  }

  get high(): number {
    return this.committed.length - 1;
  }

  get newest(): Committed {
    return this.committed[this.high] as Committed;
  }

  /** A member starts anew: its commit index may be older than it was. */
  restarted(id: string): void {
    this.#commits.delete(id);
  }

  /** Log matching: an entry is wholly known by its place and term, and so is the one before it. */
  written(id: string, write: Write, termBefore: number | undefined): void {
    let previousTerm = termBefore;
    for (const entry of write.entries) {
      const key = entry.index * 65_536 + entry.term;
      const known = this.#known.get(key);
      require(previousTerm !== undefined, 'log matching', () => `${id} writes entry ${entry.index} behind a gap`);
      const same = known === undefined || (known.previousTerm === previousTerm && known.entry.kind === entry.kind && sameBytes(known.entry.bytes, entry.bytes));
      require(same, 'log matching', () => `${id} writes another entry ${entry.term}/${entry.index}, or behind another one`);
      if (!known) this.#known.set(key, { previousTerm, entry });
      previousTerm = entry.term;
    }
  }

  /** Everything that a glance at a member can tell. */
  observe({ id, raft, durable }: Viewed): void {
    const { role, term, committed, applied, lastIndex, configuration, firstIndex } = raft.status();
    require(applied <= committed && committed <= lastIndex, 'order', () => `${id} has applied ${applied}, committed ${committed}, last ${lastIndex}`);
    const before = this.#commits.get(id) ?? 0;
    require(committed >= before, 'commit', () => `${id} took its commit index back from ${before} to ${committed}`);
    if (role === 'leader') this.#leads(id, raft, term, firstIndex);
    if (committed > before) this.#commits.set(id, committed);
    for (let index = Math.max(before + 1, firstIndex); index <= committed; index++) {
      const held = raft.termAt(index) ?? -1;
      if (index > this.high) this.#decided({ id, raft, durable }, index, held);
      const one = this.committed[index];
      require(one?.term === held, 'state machine', () => `${id} commits ${held}/${index}, where ${one?.term} was committed`);
    }
    require(committed <= this.high, 'commit', () => `${id} commits ${committed}, and only ${this.high} is decided`);
    const inForce = this.committed[applied]?.configuration;
    require(sameConfiguration(configuration, inForce), 'configuration', () => `${id} at ${applied} goes by ${text(configuration)} instead of ${text(inForce)}`);
  }

  /** Election safety, and leader completeness for whoever was just elected. */
  #leads(id: string, raft: Raft, term: number, firstIndex: number): void {
    const known = this.#leaders.get(term);
    require(known === undefined || known === id, 'election safety', () => `${id} and ${known} both lead term ${term}`);
    if (known) return;
    this.elections++;
    this.#leaders.set(term, id);
    require(raft.status().configuration.voters.includes(id), 'election safety', () => `${id} leads and is no voter`);
    for (let index = this.high; index >= Math.max(firstIndex - 1, 0); index--) {
      const one = this.committed[index];
      if (!one || one.decidedIn >= term) continue;
      require(raft.termAt(index) === one.term, 'leader completeness', () => `leader ${id} of term ${term} lacks committed entry ${one.term}/${index}`);
      break;
    }
  }

  /** Only a leader decides, only by an entry of its own term, and only what a majority has on its disks. */
  #decided({ id, raft }: Viewed, index: number, entryTerm: number): void {
    const { role, term, configuration, committed } = raft.status();
    require(role === 'leader', 'commit', () => `${id} is ${role} and commits ${index} before any leader did`);
    require(raft.termAt(committed) === term, 'commit', () => `${id} commits up to ${committed} of term ${raft.termAt(committed)} in term ${term}`);
    const holders = configuration.voters.filter((voter) => {
      const durable = this.durableOf(voter);
      return durable !== undefined && durable.holds(index, entryTerm);
    });
    require(isMajority(holders.length, configuration.voters.length), 'durable majority', () =>
      `${id} commits ${entryTerm}/${index}, which only ${holders.join()} of ${text(configuration)} hold`);
    const entry = this.#known.get(index * 65_536 + entryTerm)?.entry;
    require(entry !== undefined, 'commit', () => `entry ${entryTerm}/${index} is committed and was never written`);
    const before = this.newest;
    const next = entry.kind === 'configuration' ? (changed(before.configuration, decode<Change>(entry.bytes)) ?? before.configuration) : before.configuration;
    this.committed.push({ term: entryTerm, decidedIn: term, hash: applyHash(before.hash, entry), configuration: next });
  }

  /** State-machine safety: everybody applies the same, in order, and only what is on its own disk. */
  applied(member: Viewed, entry: Entry, hash: number): void {
    const one = this.committed[entry.index];
    require(one?.term === entry.term && one.hash === hash, 'state machine', () => `${member.id} applies another entry ${entry.term}/${entry.index}`);
    require(member.durable.holds(entry.index, entry.term), 'durable apply', () => `${member.id} applies ${entry.index}, which its disk lacks`);
  }

  /** A snapshot holds the history, and the configuration with it. */
  snapshot(id: string, meta: SnapshotMeta, hash: number): void {
    const one = this.committed[meta.index];
    require(one?.term === meta.term && one.hash === hash, 'snapshot', () => `${id} has a snapshot ${meta.term}/${meta.index} of another history`);
    require(sameConfiguration(meta.configuration, one.configuration), 'snapshot', () =>
      `${id} has a snapshot ${meta.index} with ${text(meta.configuration)} instead of ${text(one.configuration)}`);
  }

  /** What a disk now holds never says less than before. */
  durable(id: string, old: HardState, after: Durable): void {
    const now = after.hardState;
    require(now.term >= old.term, 'hard state', () => `${id} forgets term ${old.term}`);
    require(now.term > old.term || old.vote === undefined || now.vote === old.vote, 'hard state', () =>
      `${id} takes back its vote for ${old.vote} in term ${now.term}`);
    require(now.commit >= old.commit, 'hard state', () => `${id} takes its durable commit back from ${old.commit} to ${now.commit}`);
    require(now.commit <= after.lastIndex, 'hard state', () => `${id} remembers commit ${now.commit} without the entry`);
    if (now.vote !== undefined) this.#vote(id, now.term, now.vote);
    const open = after.entries.filter((entry) => entry.kind === 'configuration' && entry.index > Math.max(now.commit, after.saved.meta.index));
    require(open.length <= 1, 'chain rule', () => `${id} holds changes ${open.map((entry) => entry.index).join()} and knows neither as committed`);
  }

  /** One vote per term, over all crashes. */
  #vote(id: string, term: number, candidate: string): void {
    const key = `${id} ${term}`;
    const known = this.#votes.get(key);
    require(known === undefined || known === candidate, 'one vote', () => `${id} votes for ${known} and ${candidate} in term ${term}`);
    this.#votes.set(key, candidate);
  }

  /** What leaves at once promises nothing. */
  sent(id: string, messages: readonly Message[]): void {
    const early = messages.find(({ type }) => type === 'appendReply' || type === 'voteReply' || type === 'preVoteReply');
    require(early === undefined, 'promise', () => `${id} sends ${early?.type} without waiting for its disk`);
  }

  /** An answer leaves: what it promises is on the disk. */
  released(id: string, message: Message, durable: Durable): void {
    const { hardState } = durable;
    require(hardState.term >= message.term || message.type === 'preVoteReply', 'promise', () =>
      `${id} answers in term ${message.term}, and its disk knows ${hardState.term}`);
    if (message.type === 'voteReply' && message.granted) {
      require(hardState.term > message.term || hardState.vote === message.to, 'promise', () =>
        `${id} votes for ${message.to}, and its disk says ${hardState.vote}`);
      this.#vote(id, message.term, message.to);
    }
    if (message.type !== 'appendReply') return;
    require(message.commit <= hardState.commit, 'promise', () => `${id} claims durable commit ${message.commit} and has ${hardState.commit}`);
    if (message.rejected || message.index === 0) return;
    require(durable.lastIndex >= message.index || hardState.term > message.term, 'promise', () =>
      `${id} acknowledges ${message.index} and holds ${durable.lastIndex}`);
  }

  /** A majority of the new configuration remembers the change. */
  changeDone(id: string, index: number): void {
    const configuration = this.committed[index]?.configuration;
    require(configuration !== undefined, 'change', () => `${id} calls change ${index} done, which is not committed`);
    const remember = configuration.voters.filter(
      (voter) => Math.max(this.durableOf(voter)?.hardState.commit ?? 0, this.durableOf(voter)?.saved.meta.index ?? 0) >= index,
    );
    require(isMajority(remember.length, configuration.voters.length), 'change', () =>
      `${id} calls change ${index} done, and only ${remember.join()} of ${text(configuration)} remember it`);
    this.lastDone = Math.max(this.lastDone, index);
  }

  /** A read sees everything that anybody saw before it began. */
  read(id: string, index: number, seenBefore: number): void {
    require(index >= seenBefore, 'read', () => `${id} reads at ${index}, but ${seenBefore} was seen before it asked`);
    require(index <= this.high, 'read', () => `${id} reads at ${index}, and only ${this.high} is decided`);
  }

  /** All configurations that somebody may still go by: the newest that is done, all behind it, and what is on its way. */
  possible(): Configuration[] {
    const all = this.committed.slice(this.lastDone).map((one) => one.configuration);
    for (const { entry } of this.#known.values()) {
      if (entry.kind !== 'configuration' || entry.index <= this.high) continue;
      const next = changed(this.newest.configuration, decode<Change>(entry.bytes));
      if (next) all.push(next);
    }
    return all;
  }
}

function sameConfiguration(a: Configuration, b: Configuration | undefined): boolean {
  if (!b) return false;
  // A member that has nothing yet knows nobody.
  return a === b || a.voters.length === 0 || text(a) === text(b);
}

function text(configuration: Configuration | undefined): string {
  return configuration === undefined ? 'none' : `voters ${configuration.voters.join()} learners ${configuration.learners.join()}`;
}
