/** The link of a worker is cut and healed again and again: how long until its tasks run elsewhere, who runs twice afterwards, and whom a short break touches. */
import { setTimeout as pause } from 'node:timers/promises';
import type { HostDaemon } from '../../support/daemon.ts';
import type { Hosts } from '../../support/hosts.mjs';
import { until } from '../../support/machine.mjs';
import { callSocket } from '../daemon.ts';
import { median, type Row } from '../figures.ts';
import { beside, type SwarmFigures } from './docker-swarm.ts';

const limitMs = 60_000;
const replicas = 4;
/** After a node could be down at the latest: what follows from that begins at once. */
const lookMs = 1500;
/** As long as nobody may notice. */
const breakMs = 2000;
const targets = { downMs: 4000, replacedMs: 7000 };

interface Task {
  NodeID: string;
  CreatedAt: string;
  DesiredState: string;
  Status: { State: string; Timestamp: string; ContainerStatus?: { ContainerID: string } };
}

export interface CutParts {
  machines: Pick<Hosts, 'cut' | 'heal'>;
  /** It is not cut. */
  manager: HostDaemon;
  workers: readonly HostDaemon[];
  idOf: (daemon: HostDaemon) => string;
  image: string;
  say: (text: string) => void;
}

/** What the figures come to beside Docker Swarm's. */
export async function benchCuts(cuts: number, parts: CutParts): Promise<(swarm: SwarmFigures) => Row[]> {
  if (cuts === 0) return () => [];
  const bench = new Cuts(parts);
  await bench.begin();
  const [downs, replaced]: [number[], number[]] = [[], []];
  let twins = 0;
  let touched = 0;
  for (let cut = 1; cut <= cuts; cut++) {
    const worker = parts.workers[cut % parts.workers.length] as HostDaemon;
    touched += await bench.shortBreak(parts.workers[(cut + 1) % parts.workers.length] as HostDaemon);
    const { downMs, replacedMs } = await bench.cut(worker);
    downs.push(downMs);
    replaced.push(replacedMs);
    const left = await bench.heal(worker);
    twins += left;
    parts.say(`  cut ${cut}: down after ${Math.round(downMs)} ms, replaced after ${Math.round(replacedMs)} ms`);
  }
  const what = `worker's link cut ${cuts} times`;
  const [downMs, replacedMs] = [Math.max(...downs), Math.max(...replaced)];
  return (swarm) => [
    { what: `${what}: down, worst`, figure: beside(downMs, swarm.downMs), target: '≤ 4 s', met: downMs <= targets.downMs },
    { what: `${what}: tasks run elsewhere, median`, figure: beside(median(replaced), swarm.replacedMs) },
    { what: `${what}: tasks run elsewhere, worst`, figure: beside(replacedMs, swarm.replacedMs), target: '≤ 7 s', met: replacedMs <= targets.replacedMs },
    { what: `${what}: twins when it is healed`, figure: String(twins), target: '0', met: twins === 0 },
    { what: `link broken for 2 s ${cuts} times: containers touched`, figure: String(touched), target: '0', met: touched === 0 },
  ];
}

class Cuts {
  constructor(readonly parts: CutParts) {}

  /** All tasks are on the workers: those of the one that is cut go to the others. */
  async begin(): Promise<void> {
    const { manager, image } = this.parts;
    const TaskTemplate = { ContainerSpec: { Image: image }, Placement: { Constraints: ['node.role==worker'] } };
    await callSocket(manager.socket, 'POST', '/services/create', { Name: 'moving', TaskTemplate, Mode: { Replicated: { Replicas: replicas } } });
    await this.#eventually(async () => (await this.#up()).length === replicas, 'the tasks do not run');
  }

  async cut(worker: HostDaemon): Promise<{ downMs: number; replacedMs: number }> {
    const { machines, idOf } = this.parts;
    const id = idOf(worker);
    const [began, beganAt] = [performance.now(), Date.now()];
    machines.cut(worker.host);
    let downMs: number | undefined;
    for (;;) {
      if (downMs === undefined && (await this.#stateOf(id)) === 'down') downMs = performance.now() - began;
      const up = await this.#up();
      const replacedMs = performance.now() - began;
      if (downMs !== undefined && up.length === replicas && up.every(({ NodeID }) => NodeID !== id)) {
        if (replacedMs > targets.replacedMs) this.#tellWhy(up, beganAt);
        return { downMs, replacedMs };
      }
      if (replacedMs > limitMs) throw new Error('the tasks of the node that was cut are not replaced');
      await pause(5);
    }
  }

  /** When each of the new tasks got how far, by its managers and by its engine. */
  #tellWhy(up: readonly Task[], beganAt: number): void {
    const after = (time: string): string => `${Date.parse(time) - beganAt} ms`;
    for (const { NodeID, CreatedAt, Status } of up.filter((task) => Date.parse(task.CreatedAt) >= beganAt)) {
      const worker = this.parts.workers.find((each) => this.parts.idOf(each) === NodeID);
      const format = '{{.Created}} {{.State.StartedAt}}';
      const seen = worker?.host.docker(['inspect', '--format', format, Status.ContainerStatus?.ContainerID ?? '']).trim() ?? '';
      const [made = '', started = ''] = seen.split(' ');
      this.parts.say(
        `    a task: there after ${after(CreatedAt)}, its container made ${after(made)}, started ${after(started)}, seen to run ${after(Status.Timestamp)}`,
      );
    }
  }

  /** How many containers more run than there are tasks, once the node is back and has looked at what it runs. */
  async heal(worker: HostDaemon): Promise<number> {
    const { machines, idOf } = this.parts;
    machines.heal(worker.host);
    await this.#eventually(async () => (await this.#stateOf(idOf(worker))) === 'ready', 'the node does not come back');
    let count = 0;
    await until(
      () => (count = this.#containers().length) === replicas,
      limitMs,
      () => `${count} containers run and not ${replicas}`,
    ).catch(() => undefined);
    return Math.abs(this.#containers().length - replicas);
  }

  /** How many containers are others after a break that nobody should notice. */
  async shortBreak(worker: HostDaemon): Promise<number> {
    const { machines, idOf } = this.parts;
    const before = this.#containers().toSorted();
    machines.cut(worker.host);
    await pause(breakMs);
    machines.heal(worker.host);
    // Longer than a node may be silent: what follows from the break has followed.
    await pause(targets.downMs + lookMs);
    await this.#eventually(async () => (await this.#stateOf(idOf(worker))) === 'ready', 'the node does not come back');
    const after = new Set(this.#containers());
    return before.filter((id) => !after.has(id)).length;
  }

  async #stateOf(id: string): Promise<string> {
    const node = (await callSocket(this.parts.manager.socket, 'GET', `/nodes/${id}`, undefined)) as { Status: { State: string } };
    return node.Status.State;
  }

  async #up(): Promise<Task[]> {
    const filters = encodeURIComponent(JSON.stringify({ service: ['moving'], 'desired-state': ['running'] }));
    const tasks = (await callSocket(this.parts.manager.socket, 'GET', `/tasks?filters=${filters}`, undefined)) as Task[];
    return tasks.filter(({ Status }) => Status.State === 'running');
  }

  #containers(): string[] {
    const ours = ['ps', '-q', '--no-trunc', '--filter', 'label=com.docker.swarm.service.name=moving'];
    return this.parts.workers.flatMap(({ host }) => host.docker(ours).split('\n').filter(Boolean));
  }

  #eventually(what: () => Promise<boolean>, otherwise: string): Promise<void> {
    return until(what, limitMs, () => otherwise);
  }
}
