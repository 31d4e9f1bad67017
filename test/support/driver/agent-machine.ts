/** A node that runs tasks: the production agent, on an engine that outlives it and over lines that break. */
import { Agent } from '#agent/agent';
import { silentLogger } from '../silent-logger.ts';
import { Refusal } from '#base/refusal';
import type { Engine } from '#engine/engine';
import type { AssignmentMessage, DispatcherSession } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';
import type { Task } from '#model/object/task';
import type { Traffic } from '#network/contract';
import type { NameTable } from '#network/names';
import { HeldNames } from '#resolver/held-names';
import { changeOf } from '#resolver/resolver-names';
import { testDescription } from '../memory-cluster.ts';
import { recordedParts, RecordingNetwork } from '../recording-network.ts';
import { SimulatedEngine, type SimulatedImage } from '../simulated-engine.ts';
import type { DriverWorld, Machine } from './driver-world.ts';
import { Line } from './line.ts';
import type { Life } from './world-clock.ts';

/** What becomes of a container of an image: runs on, ends with an exit code after a time, or cannot be pulled. */
export type Fate = { type: 'runs' } | { type: 'exits'; code: number; afterMs: number } | { type: 'missing' };

const goodImage: SimulatedImage = { pullMs: 100, startMs: 100, stopMs: 100 };

export class AgentMachine {
  readonly id: string;
  readonly description: NodeDescription;
  readonly engine: SimulatedEngine;
  /** By image; one that is not named runs. */
  readonly fates = new Map<string, Fate>();
  /** What the managers want here, by the last that they said. */
  readonly tasks = new Map<string, Task>();
  readonly #world: DriverWorld;
  readonly #latencyMs: number;
  #life: Life = { alive: false };
  #agent: Agent | undefined;
  #line: { readonly line: Line; readonly machine: Machine } | undefined;
  #cut = false;
  /** What this host answers names with and leads connections to, whatever becomes of the process. */
  readonly #parts = recordedParts();
  readonly #resolver = new HeldNames();
  /** By the process that runs; another one tells everything. */
  #told: Map<string, Traffic['services'][number]> | undefined;
  /** When the managers last said all that is to be here over the line that stands; undefined: none does. */
  wholeAt: number | undefined;

  constructor(world: DriverWorld, id: string, latencyMs: number) {
    this.#world = world;
    this.#latencyMs = latencyMs;
    this.id = id;
    this.#parts.names.after = () => {
      this.#tellResolver();
      world.addresses.look(this, 'names');
    };
    this.#parts.ports.after = () => world.addresses.look(this, 'ports');
    this.description = { ...testDescription, Hostname: id };
    this.engine = new SimulatedEngine({ description: this.description, image: (reference) => this.#image(reference) }, world.time.clock({ alive: true }));
  }

  get alive(): boolean {
    return this.#life.alive;
  }

  async start(): Promise<void> {
    const life = { alive: true };
    this.#life = life;
    this.#told = undefined;
    this.#agent = new Agent(
      { nodeId: this.id },
      {
        engine: engineOf(this.engine, life),
        network: network(this.#parts),
        openSession: (_, description) => this.#open(description, life),
        clock: this.#world.time.clock(life),
        logger: silentLogger,
      },
    );
    await this.#agent.start();
  }

  /** The process dies; containers live on. */
  kill(): void {
    this.#life.alive = false;
    this.#break();
  }

  async stop(): Promise<void> {
    if (this.alive) await this.#agent?.stop();
    this.#life.alive = false;
  }

  /** Loses the line to the managers, until `connect`. */
  disconnect(): void {
    this.#cut = true;
    this.#break();
  }

  connect(): void {
    this.#cut = false;
  }

  /** A manager is gone, and with it the line to it. */
  lost(machine: Machine): void {
    if (this.#line?.machine === machine) this.#break();
  }

  /** As applied last, to names and to ports. */
  get traffic(): { names: Traffic | undefined; ports: Traffic | undefined } {
    return { names: this.#parts.names.wanted, ports: this.#parts.ports.wanted };
  }

  /** By what differs, as the daemon tells the process that answers. */
  #tellResolver(): void {
    const { wanted } = this.#parts.names;
    if (!wanted) return;
    this.#resolver.apply(changeOf(this.#told, wanted));
    this.#told = new Map(wanted.services.map((service) => [service.ServiceID, service]));
  }

  /** The table that this host's containers are answered from. */
  get names(): NameTable | undefined {
    return this.#resolver.table;
  }

  /** From now on nothing that is applied to names and ports comes in force, and it is said that it did. */
  holdStill(): void {
    for (const part of [this.#parts.names, this.#parts.ports]) part.still = true;
  }

  get connected(): boolean {
    return this.#line !== undefined;
  }

  /** Tasks whose containers run here. */
  runningTasks(): Task[] {
    return this.engine.containers.filter(({ seen }) => seen.state === 'running').map(({ task }) => task);
  }

  /** Names of the services whose containers run here, sorted. */
  running(): string[] {
    return this.runningTasks()
      .map((task) => task.Shoal.ServiceName)
      .toSorted();
  }

  /** Ends a running container of the service as a crash would. */
  crash(service: string): void {
    const task = this.runningTasks().find(({ Shoal }) => Shoal.ServiceName === service);
    if (!task) throw new Error(`no container of ${service} runs on ${this.id}`);
    this.engine.exit(task.ID, 137);
  }

  #break(): void {
    this.#line?.line.break();
    this.#line = undefined;
    this.wholeAt = undefined;
  }

  async #open(description: NodeDescription, life: Life): Promise<DispatcherSession> {
    const machine = this.#world.leader();
    if (this.#cut || !machine?.seat) throw new Refusal('unavailable', 'no manager answers');
    const line = new Line(this.#world, this.#latencyMs, {
      told: (message) => this.#assigned(message),
      withdrawn: (taskId) => this.#world.addresses.withdrawn(taskId, machine),
    });
    this.#break();
    this.#line = { line, machine };
    const session = await line.over(machine.seat.openSession(this.id, description));
    if (!life.alive) line.break();
    line.use(session);
    return line;
  }

  #assigned({ type, changes }: AssignmentMessage): void {
    if (type === 'complete') {
      this.tasks.clear();
      this.wholeAt = this.#world.time.now;
    }
    for (const change of changes) {
      if (change.kind !== 'task') continue;
      if (change.action === 'remove') this.tasks.delete(change.id);
      else this.tasks.set(change.item.ID, change.item);
    }
  }

  #image(reference: string): SimulatedImage | undefined {
    const fate = this.fates.get(reference);
    if (fate?.type === 'missing') return undefined;
    return fate?.type === 'exits' ? { ...goodImage, exit: { afterMs: fate.afterMs, code: fate.code } } : goodImage;
  }
}

/** The engine as one process sees it: to one that is dead nothing happens any more. */
function engineOf(engine: SimulatedEngine, life: Life): Engine {
  const never = <T>(): Promise<T> => new Promise<T>(() => {});
  const ask = <T>(asked: () => Promise<T>): Promise<T> => (life.alive ? asked().then((answer) => (life.alive ? answer : never<T>())) : never<T>());
  return {
    carryOut: (step, signal) => ask(() => engine.carryOut(step, signal)),
    observe: (taskId) => ask(() => engine.observe(taskId)),
    observeNetworks: () => ask(() => engine.observeNetworks()),
    watch: (changed, signal) => engine.watch((taskId) => (life.alive ? changed(taskId) : undefined), signal),
    describe: () => ask(() => engine.describe()),
    logs: (containerId, options, signal) => engine.logs(containerId, options, signal),
  };
}

/** In memory, and with as many nodes as there are. */
function network(parts: ReturnType<typeof recordedParts>): RecordingNetwork {
  const made = new RecordingNetwork(parts);
  made.parts.overlay.before = async () => {};
  return made;
}
