/** A cluster of 1,000 nodes with sessions over a log in memory, and what things cost in it: CPU time, for the machine may be busy. */
import { silentLogger } from '#test/support/silent-logger';
import { seededRandom } from '#base/random';
import { initCluster } from '#control/clusters';
import { createService, removeService, updateService } from '#control/service/services';
import { ManagerSeat } from '#manager/manager-seat';
import { stages } from '#manager/stages';
import type { AssignmentChange, DispatcherSession } from '#model/object/assignment';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import { ReplicatedState } from '#replica/state';
import { create, type Action } from '#store/action';
import { aNode } from '#test/support/cluster-objects';
import { testDescription } from '#test/support/memory-cluster';
import { MemoryLog } from '#test/support/memory-log';
import { realClock } from '#test/support/real-clock';
import { Turns } from './turns.ts';

export const nodeCount = 1000;

const reportsATurn = 50;
const looksATurn = 5000;

/** What one thing costs. */
export interface Cost {
  cpuMs: number;
  /** The longest turn of the event loop, in CPU time too, without the collector's pauses in it. */
  turnMs: number;
  /** The rooms that were at work in it, where turns are sampled. */
  turnIn: string;
  /** The longest pause of the garbage collector. */
  pauseMs: number;
  /** Of messages to nodes, as JSON. */
  bytes: number;
  entries: number;
}

/** In memory, but what is proposed commits a turn later, as with a disk. */
class PatientLog extends MemoryLog {
  /** What came before it is in the state already. */
  override async start(): Promise<void> {
    this.lead();
  }

  override async propose(bytes: Uint8Array, term: number): ReturnType<MemoryLog['propose']> {
    await new Promise((resolve) => void setImmediate(resolve));
    return super.propose(bytes, term);
  }
}

/** What a leader costs that begins over a state that is on its disk. */
export async function coldStart(pieces: readonly Uint8Array[]): Promise<Cost> {
  const cluster = new LargeCluster();
  const turns = new Turns();
  let before = 0;
  async function begin(): Promise<void> {
    await cluster.state.restore(Number.MAX_SAFE_INTEGER, pieces);
    before = cluster.state.store.index;
    cluster.log.entries.length = before;
    await cluster.lead();
  }
  await turns.until(begin());
  await cluster.stop();
  const { wholeMs: cpuMs, longestMs: turnMs, longestIn: turnIn, pauseMs } = turns;
  return { cpuMs, turnMs, turnIn, pauseMs, bytes: 0, entries: cluster.log.entries.length - before };
}

export class LargeCluster {
  readonly state = new ReplicatedState(realClock);
  readonly log = new PatientLog(this.state);
  readonly #seat: ManagerSeat;
  readonly #sessions = new Map<string, DispatcherSession>();
  /** How often each list of changes went out. */
  #sent = new Map<readonly AssignmentChange[], number>();
  #messages = 0;

  constructor() {
    const onFatal = (error: unknown): void => {
      throw error;
    };
    const parts = { clock: realClock, random: seededRandom(1), logger: silentLogger };
    this.#seat = new ManagerSeat({}, { ...parts, log: this.log, state: this.state, stages, onFatal });
  }

  get store() {
    return this.state.store;
  }

  async start(): Promise<void> {
    await this.#seat.start();
    const description = { ...testDescription, Resources: { NanoCPUs: 64e9, MemoryBytes: 256 * 2 ** 30 } };
    await this.#seat.submit(
      initCluster({
        nodeId: 'node0',
        address: '10.1.0.1',
        description,
        defaultAddrPool: ['100.64.0.0/10'],
        subnetSize: 16,
        spec: { Dispatcher: { HeartbeatPeriod: 3600e9 } },
      }),
    );
    const others = Array.from({ length: nodeCount - 1 }, (_, n) => aNode(`node${n + 1}`, { Description: description }));
    await this.act(others.map((node) => create('node', node)));
    for (const { ID } of this.store.list('node')) {
      const session = await this.#seat.openSession(ID, description);
      this.#sessions.set(ID, session);
      void this.#follow(session);
    }
  }

  /** Begins to lead what is there, until there is nothing left to do. */
  async lead(): Promise<void> {
    await this.#seat.start();
    await this.rest();
  }

  stop(): Promise<void> {
    return this.#seat.stop();
  }

  act(actions: readonly Action[]): Promise<void> {
    return this.#seat.submit(() => ({ actions, result: undefined }));
  }

  createService(spec: ServiceSpec): Promise<unknown> {
    return this.#seat.submit(createService(spec));
  }

  scale(name: string, count: number): Promise<unknown> {
    return this.update(name, (spec) => ({ ...spec, Mode: { Replicated: { Replicas: count } } }));
  }

  update(name: string, change: (spec: ServiceSpec) => ServiceSpec): Promise<unknown> {
    const service = this.store.byName('service', name);
    if (!service) throw new Error(`no service ${name}`);
    return this.#seat.submit(updateService(service.ID, service.Version.Index, change(service.Spec)));
  }

  remove(name: string): Promise<unknown> {
    return this.#seat.submit(removeService(name));
  }

  /** Every task has come up, those too that are made only then. */
  async bringAllUp(): Promise<void> {
    for (let seen = -1; seen !== this.store.count('task');) {
      seen = this.store.count('task');
      await this.bringUp();
      await this.rest();
    }
  }

  async report(task: Task, State: Task['Status']['State'], Message: string): Promise<void> {
    const status = { Timestamp: new Date().toISOString(), State, Message };
    await this.#sessions.get(task.NodeID)?.updateTaskStatus([{ taskId: task.ID, status }]);
  }

  /** Every task that is on its way has come up. */
  async bringUp(): Promise<void> {
    for (;;) {
      const starting = await this.#starting();
      if (starting.length === 0) return;
      const reports: Promise<void>[] = [];
      for (const [at, task] of starting.entries()) {
        reports.push(this.report(task, 'running', 'started'));
        // From a thousand nodes they come as they come, and not all in one turn.
        if (at % reportsATurn === reportsATurn - 1) await new Promise((resolve) => void setImmediate(resolve));
      }
      await Promise.all(reports);
      await this.rest();
    }
  }

  /** Looked for in turns that are short: what the bench takes is not ours. */
  async #starting(): Promise<Task[]> {
    const starting: Task[] = [];
    let looks = 0;
    for (const task of this.store.list('task')) {
      if (task.Status.State === 'assigned' && task.DesiredState === 'running') starting.push(task);
      if (++looks % looksATurn === 0) await new Promise((resolve) => void setImmediate(resolve));
    }
    return starting;
  }

  /** Resolves when nothing has been written, and no node told anything, for a while. */
  async rest(): Promise<void> {
    for (let quiet = 0, seen = this.#happened(); quiet < 50; quiet++) {
      await new Promise((resolve) => void setImmediate(resolve));
      if (this.#happened() !== seen) quiet = 0;
      seen = this.#happened();
    }
  }

  async measure(run: () => Promise<unknown>): Promise<Cost> {
    await this.rest();
    this.#sent = new Map();
    const entries = this.log.entries.length;
    const turns = new Turns();
    const done = run().then(() => this.rest());
    await turns.until(done);
    const { wholeMs: cpuMs, longestMs: turnMs, longestIn: turnIn, pauseMs } = turns;
    return { cpuMs, turnMs, turnIn, pauseMs, bytes: bytesOf(this.#sent), entries: this.log.entries.length - entries };
  }

  #happened(): number {
    return this.log.entries.length + this.#messages;
  }

  async #follow(session: DispatcherSession): Promise<void> {
    for await (const { changes } of session.assignments()) {
      this.#messages++;
      this.#sent.set(changes, (this.#sent.get(changes) ?? 0) + 1);
    }
  }
}

function bytesOf(sent: ReadonlyMap<readonly AssignmentChange[], number>): number {
  const lengths = new Map<AssignmentChange, number>();
  let bytes = 0;
  for (const [changes, count] of sent) {
    for (const change of changes) {
      const length = lengths.get(change) ?? JSON.stringify(change).length;
      lengths.set(change, length);
      bytes += count * length;
    }
  }
  return bytes;
}
