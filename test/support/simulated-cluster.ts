/** A manager with its real stages over a log in memory, agents with scripts, and a clock that the test moves. */
import { silentLogger } from '#base/logger';
import { seededRandom } from '#base/random';
import type { UseCase } from '#control/cluster';
import { initCluster } from '#control/clusters';
import type { Cluster } from '#control/cluster';
import { entryLimits } from '#manager/entries';
import { ManagerSeat } from '#manager/manager-seat';
import { stages as realStages } from '#manager/stages';
import { ReplicatedState } from '#replica/state';
import { create, newMeta } from '#store/action';
import type { EntryLimits } from '#store/room';
import type { Stage } from '#store/stage';
import type { Store } from '#store/store';
import { MemoryLog } from './memory-log.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { settle, VirtualClock } from './virtual-clock.ts';

export class SimulatedCluster {
  readonly clock = new VirtualClock();
  readonly agents: readonly ScriptedAgent[];
  readonly fatal: unknown[] = [];
  readonly seed: number;
  readonly #entries: Uint8Array[] = [];
  readonly #stages: readonly Stage[];
  #starts = 0;
  #manager!: ManagerSeat;
  #state!: ReplicatedState;

  readonly #limits: EntryLimits;

  constructor(seed: number, nodes: number, stages: readonly Stage[] = realStages, limits: EntryLimits = entryLimits) {
    this.seed = seed;
    this.#limits = limits;
    this.#stages = stages;
    this.agents = Array.from({ length: nodes }, (_, position) => new ScriptedAgent(`node-${position + 1}`, this.clock));
  }

  get manager(): Cluster {
    return this.#manager;
  }

  get store(): Store {
    return this.#state.store;
  }

  /** Every entry as it was written. */
  get log(): readonly Uint8Array[] {
    return this.#entries;
  }

  get entries(): number {
    return this.#entries.length;
  }

  /** Makes the cluster; its first node is the manager. */
  async init(): Promise<void> {
    await this.start();
    const [first, ...others] = this.agents;
    if (!first) throw new Error('a cluster needs a node');
    await this.submit(initCluster({ nodeId: first.nodeId, address: '10.99.0.1', description: first.description }));
    const joined = others.map((agent, position) =>
      create('node', {
        ...newMeta(agent.nodeId),
        Spec: { Role: 'worker', Availability: 'active' },
        Status: { State: 'unknown', Addr: `10.99.0.${position + 2}` },
      }),
    );
    await this.submit(() => ({ actions: joined, result: undefined }));
    await this.connect();
  }

  /** Starts a manager on what the log holds. */
  async start(): Promise<void> {
    const random = seededRandom(this.seed, `start-${++this.#starts}`);
    const state = new ReplicatedState();
    const log = new MemoryLog(state, this.#entries);
    this.#state = state;
    this.#manager = new ManagerSeat(
      { limits: this.#limits },
      {
        log,
        state,
        stages: this.#stages,
        clock: this.clock,
        random,
        logger: silentLogger,
        onFatal: (error) => this.fatal.push(error),
      },
    );
    await this.#manager.start();
  }

  async connect(): Promise<void> {
    for (const agent of this.agents) await agent.connect(this.#manager.openSession);
    await settle();
  }

  /** Kills the manager and starts another one from the log; the agents stay and come back. */
  async restart(): Promise<void> {
    for (const agent of this.agents) agent.disconnect();
    await this.#manager.stop();
    await this.start();
    await this.connect();
  }

  async submit<R>(useCase: UseCase<R>): Promise<R> {
    const result = await this.#manager.submit(useCase);
    await settle();
    return result;
  }

  async stop(): Promise<void> {
    for (const agent of this.agents) agent.disconnect();
    await this.#manager.stop();
  }

  /** Moves the clock until `condition` holds; fails after `limitMs` of virtual time with what the tasks look like. */
  async until(what: string, condition: () => boolean, limitMs = 60_000): Promise<void> {
    const end = this.clock.now() + limitMs;
    await settle();
    while (!condition()) {
      if (this.fatal.length > 0) throw this.fatal[0];
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
