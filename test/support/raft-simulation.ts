/** A seeded group of members over a simulated network and disk: same seed, same run. */
import { integerBetween, seededRandom, type Random } from '#base/random';
import type { Change } from '#raft/membership/changer';
import { nobody } from './raft-nobody.ts';
import type { Raft } from '#raft/raft';
import { EventQueue } from './event-queue.ts';
import { isMajority, RaftChecks, require } from './raft-checks.ts';
import { RaftDriver } from './raft-driver.ts';
import { Member } from './raft-member.ts';
import { RaftNetwork, type Parcel } from './raft-network.ts';
import { changeKinds, tickTime, type Happening, type Knobs, type Plan } from './raft-plan.ts';

const mostMembers = 8;

export class RaftSimulation {
  readonly checks: RaftChecks;
  readonly counts: Record<string, number> = {};
  readonly #members: Member[] = [];
  readonly #byId = new Map<string, Member>();
  readonly #knobs: Knobs;
  readonly #plan: Plan;
  readonly #queue: EventQueue;
  readonly #network: RaftNetwork;
  readonly #driver: RaftDriver;
  readonly #root: Random;
  readonly #streams = new Map<string, Random>();
  #values = 0;
  #requests = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#knobs = plan.knobs;
    this.#root = seededRandom(plan.seed, 'raft simulation');
    this.#queue = new EventQueue(this.#root.split('ties'));
    this.#network = new RaftNetwork(this.#queue, this.#root.split('network'), this.#knobs, (parcel, lost) => this.#arrive(parcel, lost));
    const voters = Array.from({ length: this.#knobs.size }, (_, at) => `n${at + 1}`);
    this.checks = new RaftChecks({ voters, learners: [] }, (id) => this.#durableOf(id));
    const stream = (purpose: string): Random => this.#stream(purpose);
    const count = (what: string, times = 1): void => void (this.counts[what] = (this.counts[what] ?? 0) + times);
    const { checks } = this;
    this.#driver = new RaftDriver({
      queue: this.#queue,
      checks,
      knobs: this.#knobs,
      network: this.#network,
      stream,
      count,
      memberOf: (id) => this.#byId.get(id),
      done: (index) => this.#done(index),
    });
    for (const id of voters) this.#add(id, { voters, learners: [] });
  }

  #durableOf(id: string): Member['durable'] | undefined {
    const member = this.#byId.get(id);
    return member?.destroyed ? undefined : member?.durable;
  }

  /** One stream per purpose: a fault less must not shift the draws of the rest. */
  #stream(purpose: string): Random {
    const known = this.#streams.get(purpose) ?? this.#root.split(purpose);
    this.#streams.set(purpose, known);
    return known;
  }

  #add(id: string, configuration: Member['durable']['saved']['meta']['configuration']): Member {
    const speed = 1 + (this.#stream(`clock ${id}`).next() * 2 - 1) * this.#knobs.drift;
    const member = new Member(id, this.#members.length, configuration, Math.round(tickTime * speed));
    this.#members.push(member);
    this.#byId.set(id, member);
    this.#queue.after(integerBetween(this.#stream('start'), 1, tickTime), () => this.#tick(member));
    return member;
  }

  #tick(member: Member): void {
    if (member.destroyed || this.#network.isolated.has(member.number)) return;
    this.#queue.after(member.tickEvery, () => this.#tick(member));
    if (member.raft) this.#driver.tick(member);
  }

  /** Runs the plan's faults and clients, heals, and demands that the group serves. Throws on any violation. */
  run(): { trace: string; counts: Record<string, number> } {
    for (const member of this.#members) this.#driver.start(member);
    let last = 0;
    for (const happening of this.#plan.happenings) {
      this.#queue.after(happening.at, () => this.#happen(happening));
      last = Math.max(last, happening.at);
    }
    while (this.#queue.now < last && this.#queue.step());
    this.#heal();
    this.#mustServe();
    this.counts['commits'] = this.checks.high;
    this.counts['elections'] = this.checks.elections;
    return { trace: this.#driver.trace.toString(16), counts: this.counts };
  }

  #up(): Member[] {
    return this.#members.filter((member) => member.raft && !member.frozen);
  }

  #leaders(): Member[] {
    return this.#up().filter((member) => member.role === 'leader' && !this.#network.isolated.has(member.number));
  }

  #happen(happening: Happening): void {
    if (this.#network.calm) return;
    const { kind, pick, way, ticks } = happening;
    this.#driver.mixIn(pick, way);
    const up = this.#up();
    const member = up[pick % Math.max(1, up.length)];
    const leaders = this.#leaders();
    const leader = leaders[pick % Math.max(1, leaders.length)];
    if (kind === 'cut') return this.#network.cut(this.#members, way, pick, ticks);
    if (kind === 'old') return this.#network.replay(way);
    if (kind === 'write') return leaders.forEach((one) => this.#write(one, 1 + (way % 3), way));
    if (kind === 'read') return (way % 2 === 0 ? up : up.slice(pick % Math.max(1, up.length)).slice(0, 1)).forEach((one) => this.#read(one));
    if (kind === 'crashAll') return this.#members.forEach((one) => this.#crash(one, ticks + (way % 5) * one.number));
    if (!member) return;
    if (kind === 'crash') return this.#crash(member, ticks);
    if (kind === 'freeze') return this.#freeze(member, ticks, way % 2 === 0);
    if (kind === 'stall') member.stalledUntil = this.#queue.now + ticks * tickTime;
    if (kind === 'forget') this.#driver.input(member, (raft) => raft.forgetLeader());
    if (kind === 'campaign') this.#driver.input(member, (raft) => raft.campaign());
    if (!leader?.raft) return;
    if (kind === 'stepDown') this.#driver.input(leader, (raft) => raft.stepDown());
    if (kind === 'transfer') this.#driver.input(leader, (raft) => void raft.transferLeadership(this.#members[way % this.#members.length]?.id ?? ''));
    if (kind === 'change') this.#change(leader, leader.raft, changeKinds[way % changeKinds.length] ?? 'join', pick);
  }

  #write(member: Member, times: number, way: number): void {
    this.#driver.input(member, (raft) => {
      for (let time = 0; time < times; time++) {
        const size = way % 11 === 0 ? 60 : 4;
        const bytes = new Uint8Array(size);
        new DataView(bytes.buffer).setUint32(0, ++this.#values);
        const proposed = raft.propose(bytes);
        if (typeof proposed !== 'string') member.proposals.set(proposed.index, proposed.term);
      }
    });
  }

  #read(member: Member): void {
    this.#driver.input(member, (raft) => {
      const requestId = `r${++this.#requests % 1000}`;
      if (member.reads.has(requestId)) return;
      member.reads.set(requestId, { began: member.ticks, seenBefore: this.checks.seen });
      raft.readIndex(requestId);
    });
  }

  #crash(member: Member, ticks: number): void {
    if (!member.raft) return;
    this.#driver.crash(member);
    this.#queue.after(ticks * tickTime, () => this.#restart(member));
  }

  #restart(member: Member): void {
    if (!member.raft && !member.destroyed && !this.#network.isolated.has(member.number)) this.#driver.start(member);
  }

  #freeze(member: Member, ticks: number, ticksFirst: boolean): void {
    member.frozen = true;
    this.counts['freezes'] = (this.counts['freezes'] ?? 0) + 1;
    const { incarnation } = member;
    this.#queue.after(ticks * tickTime, () => {
      if (member.incarnation === incarnation) this.#driver.thaw(member, ticksFirst);
    });
  }

  #change(leader: Member, raft: Raft, kind: (typeof changeKinds)[number], pick: number): void {
    const { voters, learners } = raft.status().configuration;
    const one = (ids: readonly string[]): string | undefined => ids[pick % Math.max(1, ids.length)];
    const propose = (type: Change['type'], id: string | undefined): boolean => {
      if (id === undefined) return false;
      let taken = false;
      this.#driver.input(leader, (core) => {
        const proposed = core.proposeChange({ type, id });
        taken = typeof proposed !== 'string';
        const what = typeof proposed === 'string' ? `refused ${proposed}` : kind;
        this.counts[what] = (this.counts[what] ?? 0) + 1;
      });
      return taken;
    };
    if (kind === 'join') this.#join(propose);
    if (kind === 'promote') propose('addVoter', one(learners) ?? one(this.#members.map((member) => member.id)));
    if (kind === 'demote') propose('addLearner', one(voters));
    if (kind === 'remove') propose('remove', one([...voters, ...learners]));
    if (kind === 'removeLeader') propose(pick % 2 === 0 ? 'remove' : 'addLearner', leader.id);
    const gone = this.#members.filter((member) => !member.destroyed && !voters.includes(member.id) && !learners.includes(member.id));
    if (kind === 'readd') propose('addLearner', one(gone.map((member) => member.id)));
  }

  #join(propose: (type: Change['type'], id: string) => boolean): string | undefined {
    if (this.#members.length >= mostMembers) return undefined;
    const id = `n${this.#members.length + 1}`;
    if (!propose('addLearner', id)) return undefined;
    this.#driver.start(this.#add(id, nobody));
    return id;
  }

  /** Whoever a finished change has removed may be switched off and wiped. */
  #done(index: number): void {
    if (!this.#knobs.destroyRemoved) return;
    const { voters, learners } = this.checks.newest.configuration;
    const before = this.checks.committed[index - 1]?.configuration;
    for (const id of [...(before?.voters ?? []), ...(before?.learners ?? [])]) {
      const member = this.#byId.get(id);
      if (!member || voters.includes(id) || learners.includes(id)) continue;
      member.destroyed = true;
      member.forget();
    }
  }

  #arrive({ from, to, message, saved }: Parcel, lost: boolean): void {
    const arrives = !lost && to.raft !== undefined;
    const random = this.#stream('reports');
    const [unreachable, lie, late, gather] = [random.next(), random.next(), random.next(), random.next()];
    if (arrives) {
      this.counts[message.type] = (this.counts[message.type] ?? 0) + 1;
      this.#driver.mixIn(from.number, to.number, message.term, message.type.length);
      if (saved) to.arrived.set(saved.meta.index, saved);
      this.#driver.input(to, (raft) => this.#receive(to, raft, message), gather < this.#knobs.batch);
    } else if (unreachable < this.#knobs.unreachable)
      this.#driver.input(from, (raft) => {
        raft.unreachable(to.id);
        if (lie < 0.5) raft.reachable(to.id);
      });
    if (message.type !== 'snapshot') return;
    const ok = this.#network.calm || lie >= this.#knobs.falseReport ? arrives : !arrives;
    const delay = !this.#network.calm && late < this.#knobs.falseReport ? 80 * tickTime : 1;
    this.#queue.after(delay, () => this.#driver.input(from, (raft) => raft.snapshotSent(to.id, ok)));
  }

  #receive(to: Member, raft: Raft, message: Parcel['message']): void {
    const invalid = raft.receive(message, message.from);
    require(invalid === undefined, 'validation', () => `${to.id} refuses ${JSON.stringify(message)}: ${invalid?.invalid}`);
    if (message.term === raft.status().term) to.heard.set(message.from, to.ticks);
  }

  /** Ends all faults. Either everybody comes back, or only as many as the group needs, and the rest stays away. */
  #heal(): void {
    this.#network.calm = true;
    this.#network.heal();
    if (this.#knobs.heal === 'majority') {
      const needed = this.#needed();
      for (const member of this.#members) if (!needed.includes(member)) this.#leave(member);
    }
    for (const member of this.#members) {
      if (member.frozen) this.#driver.thaw(member, false);
      this.#restart(member);
    }
  }

  #leave(member: Member): void {
    this.#network.isolated.add(member.number);
    if (member.raft && member.number % 2 === 0) this.#driver.crash(member);
  }

  /** A random majority of every configuration that somebody may still go by. */
  #needed(): Member[] {
    const alive = this.#members.filter((member) => !member.destroyed);
    const possible = this.checks.possible();
    const random = this.#root.split('core');
    const order = alive.map((member) => ({ member, at: random.next() })).sort((a, b) => a.at - b.at);
    const chosen: Member[] = [];
    for (const { member } of order) {
      const lacks = possible.some(({ voters }) => !isMajority(voters.filter((id) => chosen.some((one) => one.id === id)).length, voters.length));
      if (lacks) chosen.push(member);
    }
    return chosen;
  }

  /** Lets the group run until `done`; `act` tries again and again. */
  #await(what: string, done: () => boolean, act: () => void = () => {}): void {
    const end = this.#queue.now + 80 * this.#knobs.limits.electionTicks * tickTime;
    for (let next = this.#queue.now; !done();) {
      require(this.#queue.now < end, 'liveness', () => `${what} does not come about after the faults have stopped`);
      if (this.#queue.now >= next) {
        act();
        next += 4 * tickTime;
      }
      this.#queue.step();
    }
  }

  #here(): Member[] {
    const { voters, learners } = this.checks.newest.configuration;
    return this.#members.filter(
      (member) => member.raft && !this.#network.isolated.has(member.number) && (voters.includes(member.id) || learners.includes(member.id)),
    );
  }

  #count(what: string): number {
    return this.counts[what] ?? 0;
  }

  #mustServe(): void {
    const writes = this.#count('writes');
    this.#await(
      'a write',
      () => this.#count('writes') > writes,
      () => this.#leaders().forEach((leader) => this.#write(leader, 1, 1)),
    );
    this.#mustJoin();
    const [reads, want] = [this.#count('reads'), this.#here().length];
    this.#await(
      'a read everywhere',
      () => this.#count('reads') >= reads + want,
      () => this.#here().forEach((member) => this.#read(member)),
    );
    const equal = (): boolean => this.#here().every((member) => member.index === this.checks.high && !member.restoring);
    this.#await('that all are equal', equal);
    this.#mustRest();
  }

  /** A newcomer joins, is brought up to the others, and becomes a voter. */
  #mustJoin(): void {
    let id: string | undefined;
    const voter = (): boolean =>
      id !== undefined &&
      this.checks.newest.configuration.voters.includes(id) &&
      this.checks.committed[this.checks.lastDone]?.configuration.voters.includes(id) === true;
    if (this.#members.length >= mostMembers) return;
    this.#await('a new voter', voter, () => {
      const leader = this.#leaders()[0];
      if (!leader?.raft) return;
      const { learners, voters } = leader.raft.status().configuration;
      const candidate = learners.find((one) => this.#here().some((member) => member.id === one));
      if (id === undefined || !(voters.includes(id) || learners.includes(id))) id = candidate;
      // A change whose leader fell is asked for again: repeating it is harmless.
      if (id !== undefined) leader.raft.proposeChange({ type: 'addVoter', id });
      else this.#join((type, newcomer) => typeof leader.raft?.proposeChange({ type, id: newcomer }) === 'object');
      this.#driver.turn(leader);
    });
  }

  /** Nothing disturbs a leader that is heard, and an idle group exchanges heartbeats only. */
  #mustRest(): void {
    const { electionTicks } = this.#knobs.limits;
    const until = (ticks: number): void => {
      const end = this.#queue.now + ticks * tickTime;
      while (this.#queue.now < end && this.#queue.step());
    };
    // Longer than any message was under way when the faults stopped.
    until(Math.max(3 * electionTicks, 42));
    const leader = this.#leaders()[0];
    const traffic = (): number => ['append', 'appendReply', 'snapshot'].reduce((sum, type) => sum + this.#count(type), 0);
    const before = traffic();
    const term = leader?.raft?.status().term;
    until(4 * electionTicks);
    const now = this.#leaders()[0];
    require(leader !== undefined && now === leader && now.raft?.status().term === term, 'rest', () =>
      `term ${term} of ${leader?.id} ended in peace: ${now?.id} leads term ${now?.raft?.status().term}`);
    require(traffic() === before, 'rest', () => `an idle group sends ${traffic() - before} appends and answers`);
    const astray = this.#here().find((member) => member.raft?.status().leader !== leader.id);
    require(astray === undefined, 'rest', () => `${astray?.id} does not follow ${leader.id}`);
  }
}
