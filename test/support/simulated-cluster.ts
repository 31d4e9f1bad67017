/** A cluster of one manager and some nodes, all of them the drivers of production, and a clock that the test moves: a world in which nothing goes wrong by itself. */
import type { Cluster, UseCase } from '#control/cluster';
import { initCluster } from '#control/clusters';
import { create, newMeta } from '#store/action';
import type { EntryLimits } from '#store/room';
import type { Stage } from '#store/stage';
import type { Store } from '#store/store';
import type { AgentMachine } from './driver/agent-machine.ts';
import { DriverWorld, type Machine } from './driver/driver-world.ts';

export class SimulatedCluster {
  readonly clock = { now: (): number => this.#world.time.now, advance: (ms: number): Promise<void> => this.#advance(ms) };
  readonly agents: readonly AgentMachine[];
  readonly seed: number;
  readonly #world: DriverWorld;
  readonly #machine: Machine;

  constructor(seed: number, nodes: number, stages?: readonly Stage[], limits?: EntryLimits) {
    this.seed = seed;
    // Few entries a snapshot: a manager that starts again finds one, and a log behind it.
    const options = { nodes: 1, snapshotEntries: 20, keptEntries: 5, agents: nodes, instant: true };
    this.#world = new DriverWorld(seed, { ...options, ...(stages && { stages }), ...(limits && { limits }) });
    this.agents = this.#world.agents;
    this.#machine = this.#world.machines[0] as Machine;
  }

  get manager(): Cluster {
    const { seat } = this.#machine;
    if (!seat) throw new Error('no manager runs');
    return seat;
  }

  get store(): Store {
    const { state } = this.#machine;
    if (!state) throw new Error('no manager runs');
    return state.store;
  }

  /** What broke a promise or ended a process. */
  get fatal(): readonly unknown[] {
    return this.#world.broken === undefined ? [] : [this.#world.broken];
  }

  /** Every entry as it was written. */
  get log(): readonly Uint8Array[] {
    return this.#world.history.entries;
  }

  get entries(): number {
    return this.log.length;
  }

  /** Makes the cluster; its first node is the manager. */
  async init(): Promise<void> {
    await this.#start();
    const [first, ...others] = this.agents;
    if (!first) throw new Error('a cluster needs a node');
    await this.submit(initCluster({ nodeId: first.id, address: '10.99.0.1', description: first.description }));
    const joined = others.map((agent, position) =>
      create('node', {
        ...newMeta(agent.id),
        Spec: { Role: 'worker', Availability: 'active' },
        Status: { State: 'unknown', Addr: `10.99.0.${position + 2}` },
      }),
    );
    await this.submit(() => ({ actions: joined, result: undefined }));
    for (const agent of this.agents) await agent.start();
    await this.#world.time.settle();
  }

  async #start(): Promise<void> {
    this.#world.start(this.#machine);
    await this.#world.time.settle();
    while (!this.#machine.seat?.leads()) await this.#advance(10);
  }

  /** Kills the manager and starts another one from its disk; the agents stay and come back. */
  async restart(): Promise<void> {
    this.#world.kill(this.#machine);
    await this.#start();
    for (const agent of this.agents) agent.connect();
  }

  async submit<R>(useCase: UseCase<R>): Promise<R> {
    const asked = this.manager.submit(useCase);
    asked.catch(() => {});
    await this.#world.time.settle();
    return await asked;
  }

  async stop(): Promise<void> {
    await this.#until(Promise.all(this.agents.map((agent) => agent.stop())));
    const { seat } = this.#machine;
    if (seat) await this.#until(seat.stop());
  }

  /** Lets time pass until it is done. */
  async #until(done: Promise<unknown>): Promise<void> {
    let over = false;
    void done.finally(() => (over = true));
    for (await this.#world.time.settle(); !over;) await this.#advance(10);
    await done;
  }

  async #advance(ms: number): Promise<void> {
    await this.#world.time.settle();
    if (ms > 0) await this.#world.time.run(ms);
    await this.#world.time.settle();
  }

  /** Moves the clock until `condition` holds; fails after `limitMs` of virtual time with what the tasks look like. */
  async until(what: string, condition: () => boolean, limitMs = 60_000): Promise<void> {
    const end = this.clock.now() + limitMs;
    await this.#world.time.settle();
    while (!condition()) {
      if (this.#world.broken !== undefined) throw this.#world.broken;
      if (this.clock.now() >= end) throw new Error(`seed ${this.seed}: not within ${limitMs} ms: ${what}\n${this.picture()}`);
      await this.clock.advance(50);
    }
  }

  /** Containers of the service that run, over all nodes. */
  running(service: string): number {
    return this.agents.flatMap((agent) => agent.running()).filter((name) => name === service).length;
  }

  /** One line per task, for failures. */
  picture(): string {
    const tasks = [...this.store.list('task')].map((task) => {
      const { Shoal, Slot, NodeID, DesiredState, Status, Spec } = task;
      return `${Shoal.ServiceName}.${Slot ?? ''} ${Spec.ContainerSpec?.Image} on ${NodeID || '-'}: wanted ${DesiredState}, is ${Status.State} ${Status.Err ?? ''}`;
    });
    const services = [...this.store.list('service')].map((service) => `${service.Spec.Name}: ${JSON.stringify(service.UpdateStatus ?? {})}`);
    return [...tasks, ...services].join('\n');
  }
}
