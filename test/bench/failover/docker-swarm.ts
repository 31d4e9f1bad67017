/** Docker's own Swarm on the same hosts, asked by the same calls in the same run: what ours is measured beside. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Hosts } from '../../support/hosts.mjs';
import { runCommand } from '../../support/daemon.ts';
import { until, type Host } from '../../support/machine.mjs';
import { callSocket } from '../daemon.ts';

/** Milliseconds. */
export interface SwarmFigures {
  /** Four hosts join, one after the other, by docker's command. */
  joinMs: number;
  /** Until all replicas of a service run. */
  replicasMs: number;
  /** The leader's engine dies: until another manager accepts a service, and until its task runs. */
  writeMs: number;
  taskMs: number;
  /** A worker's link is cut: until the node is down, and until its tasks run elsewhere. */
  downMs: number;
  replacedMs: number;
}

export function beside(ms: number, swarmMs: number): string {
  return `${Math.round(ms)} ms, Docker Swarm ${Math.round(swarmMs)} ms: ${(ms / swarmMs).toFixed(2)}×`;
}

export interface SwarmParts {
  machines: Pick<Hosts, 'cut' | 'heal' | 'hosts'>;
  image: string;
  replicas: number;
}

interface Task {
  NodeID: string;
  Status: { State: string };
}

const limitMs = 90_000;

/** The first three hosts are managers. */
export async function benchDockerSwarm(parts: SwarmParts, say: (text: string) => void): Promise<SwarmFigures> {
  const swarm = new DockerSwarm(parts);
  const joinMs = await swarm.form();
  const replicasMs = await swarm.replicas();
  say(`  Docker Swarm: joined after ${Math.round(joinMs)} ms, ${parts.replicas} replicas after ${Math.round(replicasMs)} ms`);
  const cut = await swarm.cutWorker();
  say(`  Docker Swarm, worker cut: down after ${Math.round(cut.downMs)} ms, replaced after ${Math.round(cut.replacedMs)} ms`);
  const killed = await swarm.killLeader();
  say(`  Docker Swarm, leader killed: write accepted after ${Math.round(killed.writeMs)} ms, its task runs after ${Math.round(killed.taskMs)} ms`);
  return { joinMs, replicasMs, ...cut, ...killed };
}

/** Joins each of `sockets` but the first by docker's command to the cluster that it makes there; resolves with how long the joins took. */
export async function joinByDocker(sockets: readonly string[], addresses: readonly string[]): Promise<number> {
  const [first = '', ...others] = sockets;
  const docker = async (socket: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCommand('docker', ['-H', `unix://${socket}`, ...args], {});
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  await docker(first, 'swarm', 'init', '--advertise-addr', addresses[0] ?? '');
  const [manager, worker] = [await docker(first, 'swarm', 'join-token', '-q', 'manager'), await docker(first, 'swarm', 'join-token', '-q', 'worker')];
  const began = performance.now();
  for (const [at, socket] of others.entries()) {
    await docker(socket, 'swarm', 'join', '--token', at < 2 ? manager : worker, '--advertise-addr', addresses[at + 1] ?? '', `${addresses[0]}:2377`);
  }
  return performance.now() - began;
}

/** Asks for a service, and resolves with how long it takes until all its tasks run. */
export async function untilAllRun(socket: string, Name: string, TaskTemplate: object, Replicas: number): Promise<number> {
  const began = performance.now();
  await callSocket(socket, 'POST', '/services/create', { Name, TaskTemplate, Mode: { Replicated: { Replicas } } });
  while ((await runningOf(socket, Name)).length !== Replicas) {
    if (performance.now() - began > limitMs) throw new Error(`the ${Replicas} tasks of ${Name} do not run`);
    await pause(10);
  }
  return performance.now() - began;
}

export async function runningOf(socket: string, service: string): Promise<Task[]> {
  const filters = encodeURIComponent(JSON.stringify({ service: [service], 'desired-state': ['running'] }));
  const tasks = (await callSocket(socket, 'GET', `/tasks?filters=${filters}`, undefined).catch(() => [])) as Task[];
  return tasks.filter(({ Status }) => Status.State === 'running');
}

/** The engines' own: as many containers, spread over all hosts, all at once. They are gone afterwards. */
export async function startContainers(hosts: readonly Host[], image: string, count: number): Promise<number> {
  const places = Array.from({ length: count }, (_, at) => hosts[at % hosts.length]?.socket ?? '');
  const began = performance.now();
  const made = await Promise.all(
    places.map(async (socket) => {
      const { Id } = (await callSocket(socket, 'POST', '/containers/create', { Image: image })) as { Id: string };
      await callSocket(socket, 'POST', `/containers/${Id}/start`, undefined);
      return { socket, Id };
    }),
  );
  const tookMs = performance.now() - began;
  await Promise.all(made.map(({ socket, Id }) => callSocket(socket, 'DELETE', `/containers/${Id}?force=1`, undefined)));
  return tookMs;
}

class DockerSwarm {
  readonly #hosts: readonly Host[];
  readonly #ids: string[] = [];

  constructor(readonly parts: SwarmParts) {
    this.#hosts = parts.machines.hosts;
  }

  async form(): Promise<number> {
    const tookMs = await joinByDocker(
      this.#hosts.map(({ socket }) => socket),
      this.#hosts.map(({ address }) => address),
    );
    for (const { socket } of this.#hosts) {
      const { Swarm } = (await callSocket(socket, 'GET', '/info', undefined)) as { Swarm: { NodeID: string } };
      this.#ids.push(Swarm.NodeID);
    }
    return tookMs;
  }

  replicas(): Promise<number> {
    return untilAllRun(this.#socket(0), 'bystanders', { ContainerSpec: { Image: this.parts.image } }, this.parts.replicas);
  }

  async cutWorker(): Promise<{ downMs: number; replacedMs: number }> {
    const [first, worker] = [this.#socket(0), this.#hosts[4] as Host];
    const TaskTemplate = { ContainerSpec: { Image: this.parts.image }, Placement: { Constraints: ['node.role==worker'] } };
    await untilAllRun(first, 'moving', TaskTemplate, 4);
    const began = performance.now();
    this.parts.machines.cut(worker);
    await until(
      async () => ((await callSocket(first, 'GET', `/nodes/${this.#ids[4]}`, undefined)) as { Status: { State: string } }).Status.State === 'down',
      limitMs,
      () => 'the node is not down',
    );
    const downMs = performance.now() - began;
    await until(
      async () => {
        const up = await runningOf(first, 'moving');
        return up.length === 4 && up.every(({ NodeID }) => NodeID !== this.#ids[4]);
      },
      limitMs,
      () => 'the tasks are not replaced',
    );
    const replacedMs = performance.now() - began;
    this.parts.machines.heal(worker);
    return { downMs, replacedMs };
  }

  /** The engine of the first host, which made the cluster and leads it. */
  async killLeader(): Promise<{ writeMs: number; taskMs: number }> {
    const [leader, other] = [this.#hosts[0] as Host, this.#socket(1)];
    const TaskTemplate = { ContainerSpec: { Image: this.parts.image }, Placement: { Constraints: [`node.id!=${this.#ids[0]}`] } };
    const nodes = (await callSocket(leader.socket, 'GET', '/nodes', undefined)) as { ID: string; ManagerStatus?: { Leader?: boolean } }[];
    if (nodes.find(({ ManagerStatus }) => ManagerStatus?.Leader)?.ID !== this.#ids[0]) throw new Error('another host leads by now');
    const engine = readFileSync(join(leader.folder, 'docker.pid'), 'utf8').trim();
    const back = leader.crashEngine();
    await until(
      () => !existsSync(`/proc/${engine}`),
      limitMs,
      () => 'the engine does not die',
    );
    const began = performance.now();
    const create = () =>
      callSocket(other, 'POST', '/services/create', { Name: 'new', TaskTemplate, Mode: { Replicated: { Replicas: 1 } } }).then(
        () => true,
        (error: unknown) => String(error).includes('already in use') || String(error).includes('conflicts with an existing object'),
      );
    while (!(await create())) await pause(20);
    const writeMs = performance.now() - began;
    while ((await runningOf(other, 'new')).length !== 1) await pause(20);
    const taskMs = performance.now() - began;
    await back;
    return { writeMs, taskMs };
  }

  #socket(at: number): string {
    return this.#hosts[at]?.socket ?? '';
  }
}
