/** Three managers, 1,000 nodes and 30,000 tasks, over the real lines between them: what asking them costs meanwhile, and what a leader's death does. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { HostDaemon } from '../../support/daemon.ts';
import { startHosts } from '../../support/hosts.mjs';
import type { Host } from '../../support/machine.mjs';
import { callSocket } from '../daemon.ts';
import { median, type Row } from '../figures.ts';
import type { AskOrder, Asked } from './asker.ts';
import type { FleetOrder, FleetState } from './fleet-child.ts';

export interface AgentsSize {
  nodes: number;
  services: number;
  replicas: number;
  /** Whether it is said what was at work in the long turns: then the figures are not worth comparing. */
  sampled: boolean;
}

/** For a phase: a node's joining and its tasks are work for a machine that may be busy. */
const limitOf = ({ nodes }: AgentsSize): number => Math.max(240_000, 600 * nodes);
const lookMs = 500;
const fleetProcesses = 4;
const steadyMs = 30_000;
const idleMs = 15_000;
const asksPerSecond = 20;
const targets = { p99Ms: 100, turnMs: 20, rssMB: 1000 };

interface Node {
  ID: string;
  Status: { State: string };
  Spec: { Role: string };
  ManagerStatus?: { Leader?: boolean };
}

/** What a manager wrote down of one second. */
interface Second {
  at: number;
  /** All that had arrived, without the collector's pauses. */
  round: Longest;
  /** One arrival and what follows from it. */
  turn: Longest;
  pauseMs: number;
  rssMB: number;
  cpuMs: number;
  /** How long its main thread has been ready and had no core, in all. */
  waitMs: number;
}

interface Longest {
  /** The thread's own work. */
  ms: number;
  /** With the waits for a core. */
  wallMs: number;
  what: string;
}

/** A round that was long, or, with 0 ms, all of a phase. */
interface LongTurn {
  at: number;
  ms: number;
  /** Functions with their milliseconds: with what they called, and by themselves. */
  whole: string;
  own: string;
}

/** For managers that were looked into to find one another again. */
const settleMs = 5000;
/** Of each manager in a phase, where it is said what was at work. */
const toldTurns = 6;
const toldOfEach = 3;
/** Of the calls that took longest: the hundredth part is what decides, and some more. */
const toldCalls = 12;
/** A second's longest rounds are of so long before it was written down (`turn-monitor.mjs`). */
const secondFromMs = 1500;
const secondToMs = 500;

export async function benchAgents(size: AgentsSize, say: (text: string) => void): Promise<Row[]> {
  const machines = await startHosts(3);
  const monitor = new URL('turn-monitor.mjs', import.meta.url).href;
  const given = process.env['NODE_OPTIONS'] ?? '';
  Object.assign(process.env, { NODE_OPTIONS: `${given} --import ${monitor}`, SHOAL_TURNS: join(machines.hosts[0]?.folder ?? '', 'turns') });
  if (size.sampled) process.env['SHOAL_SAMPLE'] = '1';
  const daemons = machines.hosts.map((host: Host, at: number) => new HostDaemon(host, `m${at}`, ['--safe-mode=false', '--log-level', 'info']));
  let fleet: Fleet | undefined;
  try {
    await Promise.all(daemons.map((daemon) => daemon.start()));
    process.env['NODE_OPTIONS'] = given;
    fleet = new Fleet();
    return await new LargeCluster(daemons, fleet, size, say).run();
  } finally {
    fleet?.end();
    process.env['NODE_OPTIONS'] = given;
    await Promise.all(daemons.map((daemon) => daemon.remove()));
    await machines.stop();
  }
}

/** The nodes, some hundred to a process: where one of them collects its garbage the others go on, as hosts would. */
class Fleet {
  readonly #children: readonly ChildProcess[] = Array.from({ length: fleetProcesses }, () =>
    fork(new URL('fleet-child.ts', import.meta.url), { execArgv: ['--import', 'tsx'] }),
  );

  prepare(nodes: number): void {
    for (const [at, child] of this.#children.entries()) {
      const first = Math.floor((nodes * at) / fleetProcesses);
      const count = Math.floor((nodes * (at + 1)) / fleetProcesses) - first;
      child.send({ kind: 'prepare', first, count } satisfies FleetOrder);
    }
  }

  order(order: FleetOrder): void {
    for (const child of this.#children) child.send(order);
  }

  /** Of all: sums, but for the longest turn. */
  async state(): Promise<FleetState> {
    const states = await Promise.all(
      this.#children.map(async (child) => {
        child.send('state');
        const [state] = (await once(child, 'message')) as [FleetState];
        return state;
      }),
    );
    for (const { failure } of states) if (failure !== '') throw new Error(failure);
    const sum = (of: (state: FleetState) => number): number => states.reduce((all, state) => all + of(state), 0);
    return {
      prepared: sum(({ prepared }) => prepared),
      joined: sum(({ joined }) => joined),
      connected: sum(({ connected }) => connected),
      opened: sum(({ opened }) => opened),
      running: sum(({ running }) => running),
      begun: sum(({ begun }) => begun),
      ended: sum(({ ended }) => ended),
      cpuMs: sum(({ cpuMs }) => cpuMs),
      turnMs: Math.max(...states.map(({ turnMs }) => turnMs)),
      failure: '',
    };
  }

  end(): void {
    for (const child of this.#children) child.disconnect();
  }
}

class LargeCluster {
  readonly #turnsPath = process.env['SHOAL_TURNS'] ?? '';
  readonly #rows: Row[] = [];

  constructor(
    readonly daemons: readonly HostDaemon[],
    readonly fleet: Fleet,
    readonly size: AgentsSize,
    readonly say: (text: string) => void,
  ) {}

  async run(): Promise<Row[]> {
    const { nodes, services, replicas } = this.size;
    const [first] = this.daemons as [HostDaemon];
    this.fleet.prepare(nodes);
    await this.#form(first);
    await this.#until(async () => (await this.fleet.state()).prepared === nodes, 'not all nodes have a key');
    await this.#phase(`${nodes} nodes join`, () => this.#join(first));
    await this.#phase('all are in, and nothing happens', () => pause(idleMs));
    await this.#phase(`${services * replicas} tasks are made and run`, () => this.#deploy(first));
    await this.#phase(`asked for ${steadyMs / 1000} s`, () => this.#ask());
    await this.#phase('the leader dies', () => this.#loseLeader());
    const peak = Math.max(...this.daemons.flatMap((daemon) => this.#seconds(daemon.pid).map(({ rssMB }) => rssMB)));
    this.#rows.push({ what: 'memory of a manager, most (RSS)', figure: `${Math.round(peak)} MB`, target: '≤ 1000 MB', met: peak <= targets.rssMB });
    return this.#rows;
  }

  async #form(first: HostDaemon): Promise<void> {
    await first.ask('swarm', 'init', '--advertise-addr', first.host.address);
    const token = await first.ask('swarm', 'join-token', '-q', 'manager');
    for (const daemon of this.daemons.slice(1)) await daemon.ask('swarm', 'join', '--token', token, `${first.host.address}:2377`);
  }

  async #join(first: HostDaemon): Promise<void> {
    const began = performance.now();
    const token = await first.ask('swarm', 'join-token', '-q', 'worker');
    this.fleet.order({ kind: 'join', token, remotes: this.daemons.map(({ host }) => `${host.address}:2377`) });
    await this.#until(async () => (await this.fleet.state()).connected === this.size.nodes, 'not all nodes are in');
    await this.#ready(first);
    this.#row(`${this.size.nodes} nodes join, by token, until all are ready`, `${seconds(began)} s`);
  }

  async #deploy(first: HostDaemon): Promise<void> {
    const { services, replicas } = this.size;
    const began = performance.now();
    const TaskTemplate = { ContainerSpec: { Image: 'simulated:1' }, Placement: { Constraints: ['node.role==worker'] } };
    for (let number = 0; number < services; number++)
      await callSocket(first.socket, 'POST', '/services/create', { Name: `s${number}`, TaskTemplate, Mode: { Replicated: { Replicas: replicas } } });
    const whole = services * replicas;
    await this.#until(async () => (await this.fleet.state()).running === whole && (await this.#told(first)) === whole, 'not all tasks run');
    this.#row(`${whole} tasks of ${services} services, until all run`, `${seconds(began)} s`);
  }

  /** Tasks that run as the managers know them. */
  async #told(by: HostDaemon): Promise<number> {
    const list = (await callSocket(by.socket, 'GET', '/services?status=true', undefined)) as { ServiceStatus: { RunningTasks: number } }[];
    return list.reduce((sum, { ServiceStatus }) => sum + ServiceStatus.RunningTasks, 0);
  }

  async #ask(): Promise<void> {
    const managers = this.daemons.map(({ name, socket }) => ({ name, socket }));
    const asked = await askBeside({ managers, forMs: steadyMs, perSecond: asksPerSecond });
    for (const kind of new Set(asked.map((each) => each.kind))) {
      const own = asked.filter((each) => each.kind === kind);
      const times = managers.map(({ name }) => `${name} ${told(own.flatMap(({ by, ms }) => (by === name ? [ms] : [])))}`);
      this.say(`  ${own[0]?.what}: ${times.join('; ')}; a bare server ${told(own.map(({ bareMs }) => bareMs))}`);
    }
    await pause(secondFromMs + 500);
    this.#saySlowest(asked);
    const [api, bare] = [asked.map(({ ms }) => ms), asked.map(({ bareMs }) => bareMs)];
    const refused = asked.filter(({ isRefused }) => isRefused).length;
    const p99 = quantile(api, 0.99);
    const figure = `${Math.round(p99)} ms (median ${Math.round(median(api))} ms, ${asked.length} calls, ${refused} refused); a bare server's as many bytes: ${Math.round(quantile(bare, 0.99))} ms (${Math.round(median(bare))} ms)`;
    this.#rows.push({ what: 'API at any manager, p99', figure, target: '≤ 100 ms', met: p99 <= targets.p99Ms && refused === 0 });
  }

  /** When and by whom the slowest calls were asked, and what that manager and the one with the most work did meanwhile. */
  #saySlowest(asked: readonly Asked[]): void {
    const began = Math.min(...asked.map(({ at }) => at));
    for (const { what, by, at, ms, bareMs } of asked.toSorted((a, b) => b.ms - a.ms).slice(0, toldCalls)) {
      const beside = asked.filter((other) => other.at < at + ms && other.at + other.ms > at).length - 1;
      const meanwhile = this.daemons.map((daemon) => `${daemon.name} ${this.#meanwhile(daemon.pid, at, at + ms)}`);
      const call = `${what} by ${by} after ${((at - began) / 1000).toFixed(1)} s: ${Math.round(ms)} ms, a bare server ${Math.round(bareMs)} ms, ${beside} other calls beside it`;
      this.say(`  slow: ${call}; ${meanwhile.join(', ')}`);
    }
  }

  #meanwhile(pid: number, from: number, to: number): string {
    const seconds = this.#seconds(pid);
    const near = seconds.filter(({ at }) => at - secondFromMs < to && at - secondToMs > from);
    const most = (of: (second: Second) => number): string => Math.max(0, ...near.map(of)).toFixed(0);
    const [before, after] = [seconds.findLast(({ at }) => at <= from), seconds.find(({ at }) => at >= to)];
    const waited = before && after ? `${Math.round((100 * (after.waitMs - before.waitMs)) / (after.at - before.at))} % waiting for a core` : '';
    return `(round ${most(({ round }) => round.ms)} ms, ${most(({ round }) => round.wallMs)} by the clock; collector ${most(({ pauseMs }) => pauseMs)} ms; ${waited})`;
  }

  async #loseLeader(): Promise<void> {
    const before = await this.fleet.state();
    const [first, second] = this.daemons as [HostDaemon, HostDaemon];
    const leads = ((await callSocket(first.socket, 'GET', '/nodes', undefined)) as Node[]).find(({ ManagerStatus }) => ManagerStatus?.Leader === true)?.ID;
    const ids = await Promise.all(this.daemons.map(({ socket }) => callSocket(socket, 'GET', '/info', undefined) as Promise<{ Swarm: { NodeID: string } }>));
    const leader = this.daemons[ids.findIndex(({ Swarm }) => Swarm.NodeID === leads)] as HostDaemon;
    const other = leader === first ? second : first;
    const began = performance.now();
    await leader.kill();
    await this.#until(async () => (await this.fleet.state()).opened >= before.opened + this.size.nodes, 'not all nodes are back');
    const backMs = performance.now() - began;
    await this.#ready(other);
    this.#row(`leader killed: all ${this.size.nodes} nodes have another session`, `${(backMs / 1000).toFixed(1)} s`);
    this.#row('leader killed: all nodes ready', `${seconds(began)} s`);
    // What a node's loss would lead to comes within the time after which one is down.
    await pause(10_000);
    const after = await this.fleet.state();
    const touched = after.begun - before.begun + after.ended - before.ended;
    this.#rows.push({ what: 'leader killed: tasks restarted', figure: String(touched), target: '0', met: touched === 0 });
  }

  /** All workers are, as `by` knows. */
  async #ready(by: HostDaemon): Promise<void> {
    const ready = async (): Promise<number> => {
      const list = (await callSocket(by.socket, 'GET', '/nodes', undefined).catch(() => [])) as Node[];
      return list.filter(({ Status, Spec }) => Spec.Role === 'worker' && Status.State === 'ready').length;
    };
    await this.#until(async () => (await ready()) === this.size.nodes, 'not all nodes are ready');
  }

  async #phase(what: string, work: () => Promise<void>): Promise<void> {
    const began = Date.now();
    const { cpuMs } = await this.fleet.state();
    this.fleet.order({ kind: 'phase' });
    this.say(`  ${what}`);
    try {
      await work();
    } finally {
      await pause(1500);
      this.say(`  ${this.#worst(began)}`);
      if (this.size.sampled) await this.#sayLong(began);
    }
    const seen = this.daemons.map(({ pid }) => this.#seconds(pid).filter(({ at }) => at >= began)).filter((list) => list.length > 0);
    const simulator = await this.fleet.state();
    const share = (simulator.cpuMs - cpuMs) / (Date.now() - began);
    this.say(`  the simulator of the nodes: ${Math.round(share * 100)} % of a core, its longest turn ${Math.round(simulator.turnMs)} ms`);
    const longest = (list: readonly Second[], what: 'turn' | 'round'): Longest => list.map((second) => second[what]).reduce((a, b) => (b.ms > a.ms ? b : a));
    const round = longest(seen.flat(), 'round').ms;
    const figure = seen
      .map((list) => {
        const [from, to] = [list[0], list.at(-1)];
        const share = (what: 'cpuMs' | 'waitMs') => (from && to && to.at > from.at ? Math.round(((to[what] - from[what]) / (to.at - from.at)) * 100) : 0);
        const [ofTurns, ofRounds] = [longest(list, 'turn'), longest(list, 'round')];
        const pauseMs = Math.max(...list.map((second) => second.pauseMs));
        const told = `${ofRounds.ms.toFixed(1)} ms (${ofRounds.what}; ${ofRounds.wallMs.toFixed(0)} ms by the clock), one turn ${ofTurns.ms.toFixed(1)} ms`;
        return `${told} (collector ${pauseMs.toFixed(0)} ms, ${share('cpuMs')} % of a core, ${share('waitMs')} % waiting for one)`;
      })
      .join(', ');
    this.#rows.push({ what: `longest round of each manager's loop while ${what}`, figure, target: '≤ 20 ms', met: round <= targets.turnMs });
  }

  /** When each manager had its longest rounds and turns. */
  #worst(began: number): string {
    const longest = ({ name, pid }: HostDaemon, what: 'turn' | 'round'): string => {
      const worst = this.#seconds(pid)
        .filter(({ at }) => at >= began)
        .toSorted((a, b) => b[what].ms - a[what].ms);
      const told = worst
        .slice(0, toldOfEach)
        .map(({ at, [what]: { ms, what: of } }) => `${ms.toFixed(1)} ms after ${Math.round((at - began) / 1000)} s (${of})`);
      return `${name} ${told.join(', ')}`;
    };
    const all = (what: 'turn' | 'round'): string => this.daemons.map((daemon) => longest(daemon, what)).join('; ');
    return `longest rounds: ${all('round')}\n  longest turns: ${all('turn')}`;
  }

  /** What was at work in each manager's longest rounds, and in all. */
  async #sayLong(began: number): Promise<void> {
    for (const { pid, alive } of this.daemons) if (alive) process.kill(pid, 'SIGUSR2');
    await pause(settleMs);
    for (const { name, pid } of this.daemons) {
      const seen = linesOf<LongTurn>(`${this.#turnsPath}.${pid}.long`).filter(({ at }) => at >= began);
      const longest = seen.toSorted((a, b) => b.ms - a.ms).slice(0, toldTurns);
      for (const { at, ms, whole, own } of [...longest.filter((turn) => turn.ms > 0), ...seen.filter((turn) => turn.ms === 0).slice(-toldTurns)]) {
        this.say(`  ${name} ${ms === 0 ? 'in all' : `${ms} ms`} after ${Math.round((at - began) / 1000)} s: ${whole}\n    by itself: ${own}`);
      }
    }
  }

  #seconds(pid: number): Second[] {
    return linesOf<Second>(`${this.#turnsPath}.${pid}`);
  }

  #row(what: string, figure: string): void {
    this.say(`  ${what}: ${figure}`);
    this.#rows.push({ what, figure });
  }

  /** Looks seldom: a list of a thousand nodes is work for who is asked. */
  async #until(look: () => Promise<boolean>, otherwise: string): Promise<void> {
    for (const end = performance.now() + limitOf(this.size); !(await look()); await pause(lookMs)) {
      if (performance.now() <= end) continue;
      const last = this.daemons.map((daemon) => daemon.lastLog()).join('\n');
      throw new Error(`${otherwise}: ${JSON.stringify(await this.fleet.state())}\n${last}`);
    }
  }
}

/** Asker and bare server are processes of their own, for this while. */
async function askBeside(order: Omit<AskOrder, 'bare'>): Promise<Asked[]> {
  const bare = join(mkdtempSync(join(tmpdir(), 'shoal-bare-')), 'sock');
  const server = fork(new URL('bare-server.mjs', import.meta.url), [bare]);
  const asker = fork(new URL('asker.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
  try {
    await once(server, 'message');
    asker.send({ ...order, bare } satisfies AskOrder);
    const [asked] = (await once(asker, 'message')) as [Asked[]];
    return asked;
  } finally {
    server.disconnect();
    asker.disconnect();
    rmSync(dirname(bare), { recursive: true, force: true });
  }
}

function quantile(times: readonly number[], share: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? 0;
}

function told(times: readonly number[]): string {
  return `${Math.round(median(times))} ms, at most ${Math.round(Math.max(...times))} ms`;
}

function linesOf<T>(path: string): T[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}

function seconds(began: number): string {
  return ((performance.now() - began) / 1000).toFixed(1);
}
