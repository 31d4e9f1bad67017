/** The leader of three managers is killed again and again: how long until a write is accepted elsewhere, and until a new task of it runs. */
import { setTimeout as pause } from 'node:timers/promises';
import { HostDaemon } from '../../support/daemon.ts';
import { startHosts } from '../../support/hosts.mjs';
import { loadImage, until, type Host } from '../../support/machine.mjs';
import { benchCuts } from './cuts.ts';
import { benchDockerSwarm, beside, joinByDocker, runningOf, startContainers, untilAllRun, type SwarmFigures } from './docker-swarm.ts';
import { callSocket } from '../daemon.ts';
import { median, type Row } from '../figures.ts';

const image = 'shoal-failover:1';
const limitMs = 60_000;
/** Replicas that run meanwhile, and are not to notice anything. */
const bystanders = 30;
/** What daemons do unasked after their start, and nodes after they have joined, is over by then: the engines beside them have long been at rest, too. */
const restMs = 5000;
/** Of Docker Swarm's time, and of the engines' own. */
const targets = { writeMedianMs: 1000, writeWorstMs: 2000, taskWorstMs: 3500, ofSwarm: 0.5, ofEngines: 1.15 };

interface Node {
  ID: string;
  Status: { State: string };
  ManagerStatus?: { Leader?: boolean; Reachability: string };
}

/** @param cuts of a worker's link, after the kills */
export async function benchFailover({ kills, cuts }: { kills: number; cuts: number }, say: (text: string) => void): Promise<Row[]> {
  const machines = await startHosts(5);
  const daemons = machines.hosts.map((host: Host, at: number) => new HostDaemon(host, `f${at}`, ['--safe-mode=false']));
  try {
    for (const { socket } of machines.hosts) loadImage(socket, image, { command: ['/bin/sleep', '100000'] });
    await Promise.all(daemons.map((daemon) => daemon.start()));
    await pause(restMs);
    const failover = new Failover(daemons);
    const formed = await failover.form();
    say(`  joined after ${Math.round(formed.joinMs)} ms, ${bystanders} replicas after ${Math.round(formed.replicasMs)} ms`);
    const killed = await failover.killLeaders(kills, say);
    const [manager] = daemons as [HostDaemon];
    const cut = await benchCuts(cuts, { machines, manager, workers: daemons.slice(3), idOf: (daemon) => failover.idOf(daemon), image, say });
    await Promise.all(daemons.map((daemon) => daemon.remove()));
    const swarm = await benchDockerSwarm({ machines, image, replicas: bystanders }, say);
    return [...formed.rows(swarm), ...killed(swarm), ...cut(swarm)];
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

  /** What the figures come to beside Docker Swarm's. */
  async killLeaders(kills: number, say: (text: string) => void): Promise<(swarm: SwarmFigures) => Row[]> {
    if (kills === 0) return () => [];
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
    return (swarm) => [
      { what: `${what}: write accepted, median`, figure: beside(writeMs, swarm.writeMs), target: '≤ 1 s', met: writeMs <= targets.writeMedianMs },
      { what: `${what}: write accepted, worst`, figure: beside(writeWorstMs, swarm.writeMs), target: '≤ 2 s', met: writeWorstMs <= targets.writeWorstMs },
      { what: `${what}: new task runs, worst`, figure: beside(taskWorstMs, swarm.taskMs), target: '≤ 3.5 s', met: taskWorstMs <= targets.taskWorstMs },
      { what: `${what}: other containers touched`, figure: String(touched), target: '0', met: touched === 0 },
    ];
  }

  /** By docker's command, as the other side is. */
  async form(): Promise<{ joinMs: number; replicasMs: number; rows: (swarm: SwarmFigures) => Row[] }> {
    const [first] = this.#managers as [HostDaemon];
    const hosts = this.#daemons.map(({ host }) => host);
    const joinMs = await joinByDocker(
      this.#daemons.map(({ socket }) => socket),
      hosts.map(({ address }) => address),
    );
    for (const daemon of this.#daemons) {
      const info = (await callSocket(daemon.socket, 'GET', '/info', undefined)) as { Swarm: { NodeID: string } };
      this.#ids.set(daemon, info.Swarm.NodeID);
    }
    await this.#whole(first);
    await pause(restMs);
    const enginesMs = await startContainers(hosts, image, bystanders);
    const replicasMs = await untilAllRun(first.socket, 'bystanders', { ContainerSpec: { Image: image } }, bystanders);
    const rows = (swarm: SwarmFigures): Row[] => {
      const allowedMs = Math.max(targets.ofSwarm * swarm.replicasMs, targets.ofEngines * enginesMs);
      return [
        { what: 'four hosts join, by docker', figure: beside(joinMs, swarm.joinMs), target: '≤ 0.5×', met: joinMs <= targets.ofSwarm * swarm.joinMs },
        {
          what: `${bystanders} replicas until all run`,
          figure: `${beside(replicasMs, swarm.replicasMs)}, engines alone ${Math.round(enginesMs)} ms: ${(replicasMs / enginesMs).toFixed(2)}×`,
          target: '≤ 0.5× or ≤ 1.15×',
          met: replicasMs <= allowedMs,
        },
      ];
    };
    return { joinMs, replicasMs, rows };
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
    while ((await runningOf(other.socket, name)).length !== 1) await pause(5);
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

  #containers(): string[] {
    const ours = ['ps', '-q', '--no-trunc', '--filter', 'label=com.docker.swarm.task.id'];
    return this.#daemons.flatMap(({ host }) => host.docker(ours).split('\n').filter(Boolean));
  }
}

/** An attempt whose answer was lost has taken effect. */
function isMade(error: unknown): boolean {
  return String(error).includes('name conflicts with an existing object');
}
