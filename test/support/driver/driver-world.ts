/** Managers and agents as they run in production (replica, manager, store; agent, task) on virtual clock, wire, disk and engine, with clients that ask, wait, give up and ask again. */
import { silentLogger } from '../silent-logger.ts';
import { integerBetween, seededRandom, type Random } from '#base/random';
import { Refusal } from '#base/refusal';
import type { UseCase } from '#control/cluster';
import type { ManagerSeat } from '#manager/manager-seat';
import type { Replica } from '#replica/replica';
import type { EntryLimits } from '#store/room';
import type { Stage } from '#store/stage';
import { Violation } from '#test/simulation/tier';
import { replicaSeat } from '../replica-seat.ts';
import { AgentMachine } from './agent-machine.ts';
import { CheckedState, CommonHistory } from './checked-state.ts';
import { Clients } from './clients.ts';
import { MemoryDisk } from './memory-disk.ts';
import { StaleAddresses } from './stale-addresses.ts';
import { Wire } from './wire.ts';
import { WorldTime, type Life } from './world-clock.ts';

export interface WorldOptions {
  nodes: number;
  snapshotEntries: number;
  keptEntries: number;
  /** Nodes that run tasks; none by default. */
  agents?: number;
  /** Nothing takes time that nobody asked for: neither disks nor lines. */
  instant?: boolean;
  /** Those of production by default. */
  stages?: readonly Stage[];
  limits?: EntryLimits;
}

/** One machine: its disk stays, its process comes and goes. */
export interface Machine {
  readonly id: string;
  readonly disk: MemoryDisk;
  life: Life;
  seat: ManagerSeat | undefined;
  state: CheckedState | undefined;
  log: Replica | undefined;
  /** Duties that run, of whatever term. */
  duties: number;
}

export class DriverWorld {
  readonly time: WorldTime;
  readonly wire: Wire;
  readonly history = new CommonHistory();
  readonly machines: readonly Machine[];
  readonly agents: readonly AgentMachine[];
  readonly clients: Clients;
  readonly addresses: StaleAddresses;
  readonly random: Random;
  readonly counts = { terms: 0, kills: 0, deposed: 0 };
  /** The first promise that was broken. */
  broken: unknown;
  readonly #options: WorldOptions;
  readonly #leaders = new Map<number, string>();
  #starts = 0;
  #trace = 0x811c9dc5;

  constructor(seed: number, options: WorldOptions) {
    this.random = seededRandom(seed, 'driver');
    this.#options = options;
    this.time = new WorldTime(this.random.split('ties'));
    this.wire = new Wire(this.time, this.random.split('wire'));
    this.machines = Array.from({ length: options.nodes }, (_, at) => ({
      id: `m${at + 1}`,
      disk: new MemoryDisk(this.time, this.random.split(`disk-${at}`)),
      life: { alive: false },
      seat: undefined,
      state: undefined,
      log: undefined,
      duties: 0,
    }));
    if (options.instant) for (const { disk } of this.machines) disk.latencyMs = 0;
    this.agents = Array.from({ length: options.agents ?? 0 }, (_, at) => new AgentMachine(this, `node-${at + 1}`, options.instant ? 0 : 3));
    this.addresses = new StaleAddresses(this);
    this.clients = new Clients(this, this.random.split('clients'));
  }

  get ids(): string[] {
    return this.machines.map(({ id }) => id);
  }

  get trace(): string {
    return (this.#trace >>> 0).toString(16);
  }

  note(text: string): void {
    for (let at = 0; at < text.length; at++) this.#trace = Math.imul(this.#trace ^ text.charCodeAt(at), 0x01000193);
  }

  break(error: unknown): void {
    this.broken ??= error;
  }

  /** Starts a process on the machine's disk. */
  start(machine: Machine, founders: readonly string[] = this.ids): void {
    const life = { alive: true };
    const clock = this.time.clock(life);
    const random = this.random.split(`start-${++this.#starts}`);
    const onFatal = (error: unknown): void => {
      // A message from before the kill may come when the process is gone.
      if (life.alive) this.break(new Violation('no end', `${machine.id} cannot go on: ${String((error as Error).stack)}`));
    };
    const state = new CheckedState(machine.id, this.history, (error) => this.break(error), clock);
    const duties = () => [
      () => ({
        start: async () => this.#dutyBegins(machine),
        stop: async () => void machine.duties--,
      }),
    ];
    const { snapshotEntries, keptEntries, stages, limits } = this.#options;
    const { log, seat } = replicaSeat(
      { nodeId: machine.id, snapshotEntries, keptEntries },
      {
        clock,
        random,
        logger: silentLogger,
        state,
        openStorage: machine.disk.open(life),
        transport: this.wire.transport(machine.id, life),
        founders,
        onFatal,
        duties,
        ...(stages && { stages }),
        ...(limits && { limits }),
      },
    );
    log.leadership({ began: (term) => this.#began(machine, state, term), ended: () => this.counts.deposed++ });
    Object.assign(machine, { life, seat, state, log, duties: 0 });
    void seat.start().catch(onFatal);
  }

  kill(machine: Machine): void {
    if (!machine.life.alive) return;
    this.counts.kills++;
    this.note(`kill ${machine.id}`);
    machine.life.alive = false;
    machine.disk.kill();
    machine.seat = undefined;
    for (const agent of this.agents) agent.lost(machine);
  }

  /** A leader may serve only on everything that was ever acknowledged. */
  #began(machine: Machine, state: CheckedState, term: number): void {
    this.counts.terms++;
    this.note(`${machine.id} leads ${term}`);
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== machine.id) this.break(new Violation('one leader', `${other} and ${machine.id} both serve in term ${term}`));
    this.#leaders.set(term, machine.id);
    const missing = this.clients.acknowledgedAbove(state.store);
    if (missing) this.break(new Violation('serves what is known', `${machine.id} serves in term ${term} without ${missing}, which was acknowledged`));
  }

  #dutyBegins(machine: Machine): void {
    if (++machine.duties > 1) this.break(new Violation('one term at a time', `${machine.id} does the duties of two terms`));
  }

  /** Lets time pass; throws the first promise that was broken. */
  async run(ms: number): Promise<void> {
    const end = this.time.now + ms;
    while (this.time.now < end) {
      await this.time.run(Math.min(100, end - this.time.now));
      if (this.broken !== undefined) throw this.broken;
    }
  }

  /** Waits for the first leader and has it make the cluster. */
  async begin(make: () => UseCase<unknown>): Promise<void> {
    for (const end = this.time.now + 10_000; !this.leader();) {
      if (this.time.now > end) throw new Violation('a leader comes', 'nobody leads within 10 s');
      await this.run(100);
    }
    await this.writesAgain(make());
  }

  /** A change must be stored within ten seconds. */
  async writesAgain(useCase: UseCase<unknown>): Promise<void> {
    let told: string | undefined;
    for (const end = this.time.now + 10_000; told !== 'done';) {
      if (this.time.now > end) throw new Violation('writes go on', `no change is stored within 10 s: ${told}`);
      const leader = this.leader();
      if (!leader) await this.run(100);
      else told = await this.#told(this.submit(leader, useCase, undefined, 3000));
    }
  }

  async #told(asked: Promise<unknown>): Promise<string> {
    let told: string | undefined;
    void asked.then(
      () => (told = 'done'),
      (error: unknown) => (told = String(error)),
    );
    while (told === undefined) await this.run(50);
    return told;
  }

  leader(): Machine | undefined {
    return this.machines.find(({ life, seat }) => life.alive && seat?.leads());
  }

  /** Resolves on virtual time, or refuses after `limitMs` of it as a client that loses patience does. */
  submit<R>(machine: Machine, useCase: UseCase<R>, id: string | undefined, limitMs: number): Promise<R> {
    return this.limited(() => machine.seat?.submit(useCase, id), limitMs);
  }

  limited<R>(ask: () => Promise<R> | undefined, limitMs: number): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.time.after(limitMs, () => reject(new Refusal('unavailable', 'no answer', { outcome: 'unknown' })));
      const asked = ask();
      if (asked) asked.then(resolve, reject);
      else reject(new Refusal('unavailable', 'connection refused'));
    });
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.time.after(ms, resolve));
  }

  pick<T>(list: readonly T[]): T {
    return list[integerBetween(this.random, 0, list.length - 1)] as T;
  }

  /** Everything works again; what is down comes back. */
  heal(machines: readonly Machine[] = this.machines): void {
    this.wire.healAll();
    for (const machine of machines) {
      machine.disk.stalledUntil = 0;
      machine.disk.full = false;
      machine.disk.latencyMs = this.#options.instant ? 0 : 2;
      if (!machine.life.alive) this.start(machine);
    }
  }

  /** All that live and are connected must come to the same, and soon. */
  async converge(machines: readonly Machine[] = this.machines): Promise<void> {
    const limit = this.time.now + 20_000;
    const settled = (): boolean => {
      const indexes = new Set(machines.map(({ state }) => state?.store.index));
      return indexes.size === 1 && machines.some(({ seat }) => seat?.leads());
    };
    await this.run(3000);
    while (!settled()) {
      if (this.time.now > limit) {
        const seen = machines.map(({ id, state, seat, log }) => `${id}: ${state?.store.index} ${seat?.leads() ? 'leads' : ''} ${log ? '' : 'down'}`);
        throw new Violation('convergence', `not within 20 s: ${seen.join('; ')}`);
      }
      await this.run(500);
    }
  }
}
