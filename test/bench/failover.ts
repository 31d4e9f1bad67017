/** The leader of three managers is killed again and again: how long until a write is accepted elsewhere, and until a new task of it runs. */
import { setTimeout as pause } from 'node:timers/promises';
import { HostDaemon } from '../support/daemon.ts';
import { startHosts } from '../support/hosts.mjs';
import { loadImage, until, type Host } from '../support/machine.mjs';
import { benchCuts } from './cuts.ts';
import { callSocket } from './daemon.ts';
import { median, type Row } from './figures.ts';

const image = 'shoal-failover:1';
const limitMs = 60_000;
/** Replicas that run meanwhile, and are not to notice anything. */
const bystanders = 30;
/** What users of Docker Swarm see on five such hosts; its elections alone begin after ten seconds. */
const dockerSwarm = { write: '10.5–10.9 s', task: '12–14 s' };
const targets = { writeMedianMs: 1000, writeWorstMs: 2000, taskWorstMs: 3500 };

interface Node {
  ID: string;
  Status: { State: string };
  ManagerStatus?: { Leader?: boolean; Reachability: string };
}

interface Task {
  ServiceID: string;
  DesiredState: string;
  Status: { State: string };
}

/** @param cuts of a worker's link, after the kills */
export async function benchFailover({ kills, cuts }: { kills: number; cuts: number }, say: (text: string) => void): Promise<Row[]> {
  const machines = await startHosts(5);
  const daemons = machines.hosts.map((host: Host, at: number) => new HostDaemon(host, `f${at}`, ['--safe-mode=false']));
  try {
    for (const { socket } of machines.hosts) loadImage(socket, image, { command: ['/bin/sleep', '100000'] });
    await Promise.all(daemons.map((daemon) => daemon.start()));
    const failover = new Failover(daemons);
    const rows = await failover.run(kills, say);
    const [manager] = daemons as [HostDaemon];
    const parts = { machines, manager, workers: daemons.slice(3), idOf: (daemon: HostDaemon) => failover.idOf(daemon), image, say };
    return [...rows, ...(await benchCuts(cuts, parts))];
  } finally {
    await Promise.all(daemons.map((daemon) => daemon.remove()));
    await machines.stop();
  }
}

class Failover {
  readonly #daemons: readonly HostDaemon[];
  readonly #managers: readonly HostDaemon[];
  readonly #ids = new Map<HostDaemon, string>();

  constructor(daemons: readonly HostDaemon[]) {
    this.#daemons = daemons;
    this.#managers = daemons.slice(0, 3);
  }

  idOf(daemon: HostDaemon): string {
    return this.#ids.get(daemon) ?? '';
  }

  async run(kills: number, say: (text: string) => void): Promise<Row[]> {
    await this.#form();
    if (kills === 0) return [];
    const writes: number[] = [];
    const tasks: number[] = [];
    let touched = 0;
    for (let kill = 1; kill <= kills; kill++) {
      const before = this.#containers();
      const { writeMs, taskMs } = await this.#killLeader(kill);
      writes.push(writeMs);
      tasks.push(taskMs);
      const after = new Set(this.#containers());
      touched += before.filter((id) => !after.has(id)).length;
      say(`  kill ${kill}: write accepted after ${Math.round(writeMs)} ms, its task runs after ${Math.round(taskMs)} ms`);
    }
    const [writeMs, writeWorstMs, taskWorstMs] = [median(writes), Math.max(...writes), Math.max(...tasks)];
    const what = `leader killed ${kills} times`;
    return [
      { what: `${what}: write accepted, median`, figure: beside(writeMs, dockerSwarm.write), target: '≤ 1 s', met: writeMs <= targets.writeMedianMs },
      { what: `${what}: write accepted, worst`, figure: beside(writeWorstMs, dockerSwarm.write), target: '≤ 2 s', met: writeWorstMs <= targets.writeWorstMs },
      { what: `${what}: new task runs, worst`, figure: beside(taskWorstMs, dockerSwarm.task), target: '≤ 3.5 s', met: taskWorstMs <= targets.taskWorstMs },
      { what: `${what}: other containers touched`, figure: String(touched), target: '0', met: touched === 0 },
    ];
  }

  async #form(): Promise<void> {
    const [first] = this.#managers as [HostDaemon];
    await first.ask('swarm', 'init', '--advertise-addr', first.host.address);
    for (const [at, daemon] of this.#daemons.slice(1).entries()) {
      const token = await first.ask('swarm', 'join-token', '-q', at < 2 ? 'manager' : 'worker');
      await daemon.ask('swarm', 'join', '--token', token, `${first.host.address}:2377`);
    }
    for (const daemon of this.#daemons) {
      const info = (await callSocket(daemon.socket, 'GET', '/info', undefined)) as { Swarm: { NodeID: string } };
      this.#ids.set(daemon, info.Swarm.NodeID);
    }
    await this.#create(first, 'bystanders', bystanders, this.#daemons);
    await this.#whole(first);
    await until(
      async () => (await this.#running(first, 'bystanders')) === bystanders,
      limitMs,
      () => 'the bystanders do not run',
    );
  }

  /** The new task runs on one of the `on`: a host whose daemon is dead runs nothing new. */
  async #create(by: HostDaemon, Name: string, Replicas: number, on: readonly HostDaemon[]): Promise<void> {
    const none = this.#daemons.filter((daemon) => !on.includes(daemon)).map((daemon) => `node.id!=${this.#ids.get(daemon) ?? ''}`);
    const TaskTemplate = { ContainerSpec: { Image: image }, ...(none.length > 0 && { Placement: { Constraints: none } }) };
    await callSocket(by.socket, 'POST', '/services/create', { Name, TaskTemplate, Mode: { Replicated: { Replicas } } });
  }

  async #killLeader(number: number): Promise<{ writeMs: number; taskMs: number }> {
    const nodes = await this.#whole(this.#managers[0] as HostDaemon);
    const leads = nodes.find(({ ManagerStatus }) => ManagerStatus?.Leader === true)?.ID;
    const leader = this.#managers.find((daemon) => this.#ids.get(daemon) === leads) as HostDaemon;
    const other = this.#managers.find((daemon) => daemon !== leader) as HostDaemon;
    const living = this.#daemons.filter((daemon) => daemon !== leader);
    const name = `new-${number}`;
    const began = performance.now();
    void leader.kill();
    while (!(await this.#create(other, name, 1, living).then(() => true, isMade))) await pause(5);
    const writeMs = performance.now() - began;
    while ((await this.#running(other, name)) !== 1) await pause(5);
    const taskMs = performance.now() - began;
    await leader.start();
    return { writeMs, taskMs };
  }

  /** All nodes are ready, and all managers answer. */
  async #whole(by: HostDaemon): Promise<readonly Node[]> {
    let nodes: readonly Node[] = [];
    await until(
      async () => {
        nodes = (await callSocket(by.socket, 'GET', '/nodes', undefined).catch(() => [])) as Node[];
        const managers = nodes.filter(({ ManagerStatus }) => ManagerStatus?.Reachability === 'reachable');
        return managers.length === 3 && nodes.filter(({ Status }) => Status.State === 'ready').length === this.#daemons.length;
      },
      limitMs,
      () => `not all are there: ${JSON.stringify(nodes.map(({ Status, ManagerStatus }) => [Status.State, ManagerStatus?.Reachability]))}`,
    );
    return nodes;
  }

  async #running(by: HostDaemon, service: string): Promise<number> {
    const filters = encodeURIComponent(JSON.stringify({ service: [service], 'desired-state': ['running'] }));
    const tasks = (await callSocket(by.socket, 'GET', `/tasks?filters=${filters}`, undefined).catch(() => [])) as Task[];
    return tasks.filter(({ Status }) => Status.State === 'running').length;
  }

  #containers(): string[] {
    const ours = ['ps', '-q', '--no-trunc', '--filter', 'label=com.docker.swarm.task.id'];
    return this.#daemons.flatMap(({ host }) => host.docker(ours).split('\n').filter(Boolean));
  }
}

/** An attempt whose answer was lost has taken effect. */
function isMade(error: unknown): boolean {
  return String(error).includes('name conflicts with an existing object');
}

function beside(ms: number, docker: string): string {
  return `${Math.round(ms)} ms (Docker Swarm: ${docker})`;
}
