/** An engine without containers behind the same contract: images are scripts of what would happen. For simulation, tests and benches. */
import { fenceOf } from '#model/options/fence';
import type { Clock } from '#base/clock';
import { timeText } from '#base/clock';
import { unreachable } from '#base/assert';
import { Refusal } from '#base/refusal';
import type { NodeDescription } from '#model/object/node';
import { withoutPrefix } from '#model/address';
import { taskName, type Task } from '#model/object/task';
import type { ObservedContainer, Step, StepOutcome } from '#task/step';
import type { Engine, LogLine, LogOptions } from '#engine/engine';
import { done, failed, notYet, refused } from '#engine/outcome';

/** What an image does; everything left out goes well, at once, and for ever. */
export interface SimulatedImage {
  pullMs?: number;
  /** The registry is silent: tried again. */
  pullError?: string;
  startMs?: number;
  /** The engine refuses to start it. */
  startError?: string;
  exit?: { afterMs: number; code: number; oomKilled?: boolean };
  /** It has a health check whose first verdict comes then. */
  health?: { afterMs: number; verdict: 'healthy' | 'unhealthy' };
  /** How long it takes to obey a stop; killed after the grace time. */
  stopMs?: number;
  output?: readonly Omit<LogLine, 'timestamp'>[];
}

export interface SimulatedEngineOptions {
  description: NodeDescription;
  /** Undefined: no registry has it. */
  image(reference: string): SimulatedImage | undefined;
}

interface SimulatedContainer {
  seen: ObservedContainer;
  task: Task;
  name: string;
  image: SimulatedImage;
  timers: (() => void)[];
  lines: LogLine[];
  ended: Promise<void>;
  end: () => void;
}

function noListener(): Error {
  return Object.assign(new Error('connect ECONNREFUSED /var/run/docker.sock'), { code: 'ECONNREFUSED', syscall: 'connect' });
}

export class SimulatedEngine implements Engine {
  readonly #containers = new Map<string, SimulatedContainer>();
  readonly #byTask = new Map<string, string>();
  readonly #networks = new Set<string>();
  readonly #refusals = new Map<string, string>();
  readonly #files = new Map<string, readonly string[]>();
  readonly #watchers = new Set<(taskId: string | undefined, started?: boolean) => void>();
  readonly #carriedOut = new Map<Step['type'], number>();
  #nextId = 1;
  /** Nobody listens at its socket. */
  away = false;
  /** How often it was not reached: by looks at everything, and by anything else. */
  readonly notReached = { looks: 0, others: 0 };

  constructor(
    readonly options: SimulatedEngineOptions,
    readonly clock: Clock,
  ) {}

  /** How many steps of a kind have been carried out. */
  count(type: Step['type']): number {
    return this.#carriedOut.get(type) ?? 0;
  }

  /** Every container there is, and the task that it was made for. */
  get containers(): readonly { readonly seen: ObservedContainer; readonly task: Task }[] {
    return [...this.#containers.values()];
  }

  /** Ids of tasks whose files are mounted. */
  get mounted(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** The program of a task ends by itself. */
  exit(taskId: string, code: number): void {
    const container = this.#ofTask(taskId);
    if (container?.seen.state === 'running') this.#ended(container, code);
  }

  /** Somebody takes a task's container off a network; with `refusal` he sits on its address. */
  disconnect(taskId: string, networkId: string, refusal?: string): void {
    const container = this.#ofTask(taskId);
    if (!container) return;
    if (refusal) this.#refusals.set(container.seen.containerId, refusal);
    this.#see(container, { networks: container.seen.networks.filter((each) => each.networkId !== networkId) });
  }

  /** Somebody removes a network. */
  removeNetwork(networkId: string): void {
    this.#networks.delete(networkId);
    for (const watcher of this.#watchers) watcher(undefined);
  }

  setHealth(taskId: string, health: NonNullable<ObservedContainer['health']>): void {
    const container = this.#ofTask(taskId);
    if (container) this.#see(container, { health });
  }

  async carryOut(step: Step, signal: AbortSignal): Promise<StepOutcome> {
    this.#carriedOut.set(step.type, this.count(step.type) + 1);
    if (signal.aborted) return notYet('cancelled');
    if (this.#isAway('others')) return failed(noListener());
    switch (step.type) {
      case 'pull':
        return this.#pull(step.task, signal);
      case 'createNetwork':
        if (this.#networks.has(step.network.ID)) return done;
        this.#networks.add(step.network.ID);
        return { ok: true, made: true };
      case 'removeNetwork':
        this.#networks.delete(step.networkId);
        return done;
      case 'mountFiles':
        this.#files.set(
          step.task.ID,
          [...step.secrets, ...step.configs].map((object) => object.ID),
        );
        return done;
      case 'unmountFiles':
        this.#files.delete(step.taskId);
        return done;
      case 'pruneFiles':
        for (const id of this.#files.keys()) if (!step.keep.includes(id)) this.#files.delete(id);
        return done;
      case 'createContainer':
        return this.#create(step.task);
      case 'startContainer':
        return this.#start(step.containerId, signal);
      case 'attachNetwork':
        return this.#attach(step.containerId, step.networkId);
      case 'stopContainer':
        return this.#stop(step.containerId, step.graceMs ?? 10_000, signal);
      case 'removeContainer':
        this.#remove(step.containerId);
        return done;
      default:
        return unreachable(step);
    }
  }

  async observe(taskId?: string): Promise<readonly ObservedContainer[]> {
    if (this.#isAway(taskId === undefined ? 'looks' : 'others')) throw noListener();
    if (taskId === undefined) return [...this.#containers.values()].map((container) => container.seen);
    const container = this.#ofTask(taskId);
    return container ? [container.seen] : [];
  }

  async observeNetworks(): Promise<readonly string[]> {
    return [...this.#networks];
  }

  watch(changed: (taskId: string | undefined, started?: boolean) => void, signal: AbortSignal): void {
    this.#watchers.add(changed);
    signal.addEventListener('abort', () => this.#watchers.delete(changed), { once: true });
  }

  async describe(): Promise<NodeDescription> {
    return this.options.description;
  }

  async *logs(containerId: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine> {
    const container = this.#containers.get(containerId);
    if (!container) throw new Refusal('unknown', `No such container: ${containerId}`);
    const lines = container.lines.filter((line) => options[line.stream] && Date.parse(line.timestamp) >= (options.sinceMs ?? 0));
    yield* options.tail === undefined ? lines : lines.slice(lines.length - Math.min(options.tail, lines.length));
    if (!options.follow || signal.aborted || container.seen.state === 'exited') return;
    await Promise.race([container.ended, new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))]);
  }

  async #pull(task: Task, signal: AbortSignal): Promise<StepOutcome> {
    const reference = task.Spec.ContainerSpec?.Image ?? '';
    const image = this.options.image(reference);
    if (!image) return refused(`No such image: ${reference}`);
    if (image.pullMs) await this.#pause(image.pullMs, signal);
    if (signal.aborted) return notYet('pull cancelled');
    return image.pullError ? notYet(image.pullError) : done;
  }

  #create(task: Task): StepOutcome {
    const reference = task.Spec.ContainerSpec?.Image ?? '';
    const image = this.options.image(reference);
    if (!image) return refused(`No such image: ${reference}`);
    const existing = this.#byTask.get(task.ID);
    if (existing) return this.#had(existing);
    const containerId = (this.#nextId++).toString(16).padStart(64, '0');
    const fenceMs = fenceOf(task);
    const ports = (task.Shoal.Ports ?? []).filter((port) => port.PublishMode === 'host');
    let end = () => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    this.#containers.set(containerId, {
      seen: { containerId, taskId: task.ID, serviceId: task.ServiceID, state: 'created', networks: [], ports, ...(fenceMs !== undefined && { fenceMs }) },
      task,
      name: taskName(task),
      image,
      timers: [],
      lines: [],
      ended,
      end,
    });
    this.#byTask.set(task.ID, containerId);
    return this.#had(containerId);
  }

  #had(containerId: string): StepOutcome {
    const container = this.#containers.get(containerId)?.seen;
    return { ok: true, ...(container && { container }) };
  }

  async #start(containerId: string, signal: AbortSignal): Promise<StepOutcome> {
    const container = this.#containers.get(containerId);
    if (!container) return refused(`starting container failed: No such container: ${containerId}`);
    const { image } = container;
    if (container.seen.state !== 'created') return done;
    if (image.startMs) await this.#pause(image.startMs, signal);
    if (image.startError) return refused(`starting container failed: ${image.startError}`);
    const timestamp = timeText(this.clock.now());
    container.lines.push(...(image.output ?? []).map((line) => ({ ...line, timestamp })));
    this.#see(container, {
      state: 'running',
      pid: this.#nextId++,
      networks: endpointsOf(container.task),
      ...(image.health && { health: 'starting' }),
    });
    const { exit, health } = image;
    if (exit) this.#later(container, exit.afterMs, () => this.#ended(container, exit.code, exit.oomKilled));
    if (health) this.#later(container, health.afterMs, () => this.#see(container, { health: health.verdict }));
    return done;
  }

  #attach(containerId: string, networkId: string): StepOutcome {
    const container = this.#containers.get(containerId);
    const refusal = this.#refusals.get(containerId);
    if (!container || refusal) return refused(refusal ?? `No such container: ${containerId}`);
    if (!this.#networks.has(networkId)) return notYet(`network ${networkId} not found`);
    const endpoint = endpointsOf(container.task).filter((each) => each.networkId === networkId);
    this.#see(container, { networks: [...container.seen.networks.filter((each) => each.networkId !== networkId), ...endpoint] });
    return done;
  }

  async #stop(containerId: string, graceMs: number, signal: AbortSignal): Promise<StepOutcome> {
    const container = this.#containers.get(containerId);
    if (container?.seen.state !== 'running') return done;
    const stopMs = container.image.stopMs ?? 0;
    const pauseMs = Math.min(stopMs, graceMs);
    if (pauseMs > 0) await this.#pause(pauseMs, signal);
    if (signal.aborted) return notYet('stop cancelled');
    if (container.seen.state === 'running') this.#ended(container, stopMs > graceMs ? 137 : 143);
    return done;
  }

  #remove(containerId: string): void {
    const container = this.#containers.get(containerId);
    if (!container) return;
    if (container.seen.state === 'running') this.#ended(container, 137);
    this.#containers.delete(containerId);
    this.#byTask.delete(container.seen.taskId);
  }

  #ended(container: SimulatedContainer, exitCode: number, oomKilled = false): void {
    for (const cancel of container.timers) cancel();
    const { pid: _pid, ...seen } = container.seen;
    container.seen = seen;
    container.end();
    this.#see(container, { state: 'exited', exitCode, oomKilled });
  }

  #see(container: SimulatedContainer, facts: Partial<ObservedContainer>): void {
    container.seen = { ...container.seen, ...facts };
    for (const changed of this.#watchers) changed(container.seen.taskId, facts.state === 'running');
  }

  #later(container: SimulatedContainer, delayMs: number, run: () => void): void {
    container.timers.push(this.clock.after(delayMs, run));
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.clock.after(delayMs, resolve);
      signal.addEventListener('abort', () => (cancel(), resolve()), { once: true });
    });
  }

  #isAway(by: 'looks' | 'others'): boolean {
    if (this.away) this.notReached[by]++;
    return this.away;
  }

  #ofTask(taskId: string): SimulatedContainer | undefined {
    return this.#containers.get(this.#byTask.get(taskId) ?? '');
  }
}

/** What an engine gives a task: all that it asks for. */
function endpointsOf(task: Task): ObservedContainer['networks'] {
  const attachments = (task.NetworksAttachments ?? []).filter(({ Addresses }) => Addresses.length > 0);
  return attachments.map(({ Network, Addresses }) => ({ networkId: Network.ID, address: withoutPrefix(Addresses[0] ?? ''), macAddress: '02:42:00:00:00:01' }));
}
