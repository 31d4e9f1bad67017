/** An agent without an engine: takes assignments, and reports what its script says becomes of each image. */
import type { Clock } from '#base/clock';
import { timeText } from '#base/clock';
import type { DispatcherSession, OpenSession } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';
import type { Task, TaskStatus } from '#model/object/task';
import { compareStates, isTerminal, type TaskState } from '#model/object/task-state';
import { testDescription } from './memory-cluster.ts';

/** What becomes of a container of an image: runs on, ends with an exit code after a time, or cannot be pulled. */
export type Fate = { type: 'runs' } | { type: 'exits'; code: number; afterMs: number } | { type: 'rejected'; reason: string };

/** How long a container takes to come up, milliseconds. */
const startMs = 200;
const stopMs = 100;

interface Local {
  task: Task;
  state: TaskState;
  busy: boolean;
}

export class ScriptedAgent {
  readonly nodeId: string;
  readonly description: NodeDescription;
  /** By image; one that is not named runs. */
  readonly fates = new Map<string, Fate>();
  readonly tasks = new Map<string, Local>();
  /** Most containers of a service that ran at once, by service name. */
  readonly peak = new Map<string, number>();
  readonly #clock: Clock;
  #session: DispatcherSession | undefined;
  #stopBeat: () => void = () => {};

  constructor(nodeId: string, clock: Clock) {
    this.nodeId = nodeId;
    this.#clock = clock;
    this.description = { ...testDescription, Hostname: nodeId };
  }

  async connect(open: OpenSession): Promise<void> {
    const session = await open(this.nodeId, this.description);
    this.#session = session;
    void this.#follow(session);
    void this.#beat(session);
    // What was reported to a manager that is gone may be lost, so it is said again.
    for (const local of this.tasks.values()) if (local.state !== 'assigned') this.#report(local, local.state, {});
  }

  /** Loses the line; containers live on. */
  disconnect(): void {
    this.#stopBeat();
    this.#session?.close();
    this.#session = undefined;
  }

  /** Names of the services whose containers run here, sorted. */
  running(): string[] {
    return [...this.tasks.values()]
      .filter((local) => local.state === 'running')
      .map((local) => local.task.Shoal.ServiceName)
      .sort();
  }

  /** Ends a running container of the service as a crash would. */
  crash(service: string): void {
    const local = [...this.tasks.values()].find(({ task, state }) => task.Shoal.ServiceName === service && state === 'running');
    if (!local) throw new Error(`no container of ${service} runs on ${this.nodeId}`);
    this.#exit(local, 137);
  }

  async #follow(session: DispatcherSession): Promise<void> {
    for await (const message of session.assignments()) {
      const present = new Set<string>();
      for (const change of message.changes) {
        if (change.kind !== 'task') continue;
        if (change.action === 'remove') this.tasks.delete(change.id);
        else {
          present.add(change.item.ID);
          this.#take(change.item);
        }
      }
      if (message.type === 'complete') for (const id of this.tasks.keys()) if (!present.has(id)) this.tasks.delete(id);
    }
  }

  async #beat(session: DispatcherSession): Promise<void> {
    const again = (ms: number): void => {
      this.#stopBeat = this.#clock.after(ms, () => {
        if (this.#session === session) void this.#beat(session);
      });
    };
    await session.heartbeat().then(again, () => {});
  }

  #take(task: Task): void {
    const local = this.tasks.get(task.ID) ?? { task, state: task.Status.State, busy: false };
    local.task = task;
    this.tasks.set(task.ID, local);
    this.#step(local);
  }

  /** One move of the task towards what is wanted of it. */
  #step(local: Local): void {
    if (local.busy || isTerminal(local.state)) return;
    const wanted = local.task.DesiredState;
    if (compareStates(wanted, 'complete') > 0) return this.#later(local, stopMs, () => this.#report(local, 'shutdown', {}));
    const fate = this.fates.get(local.task.Spec.ContainerSpec?.Image ?? '') ?? { type: 'runs' };
    if (fate.type === 'rejected' && local.state === 'assigned') return this.#later(local, startMs, () => this.#report(local, 'rejected', { Err: fate.reason }));
    if (compareStates(local.state, 'ready') < 0) return this.#later(local, startMs / 2, () => this.#report(local, 'ready', {}));
    if (local.state === 'ready' && (wanted === 'running' || wanted === 'complete')) this.#later(local, startMs / 2, () => this.#start(local, fate));
  }

  #start(local: Local, fate: Fate): void {
    this.#report(local, 'running', {});
    const name = local.task.Shoal.ServiceName;
    const count = this.running().filter((service) => service === name).length;
    this.peak.set(name, Math.max(count, this.peak.get(name) ?? 0));
    if (fate.type === 'exits') this.#clock.after(fate.afterMs, () => this.#exit(local, fate.code));
  }

  #exit(local: Local, code: number): void {
    if (isTerminal(local.state)) return;
    const Err = code === 0 ? {} : { Err: `task: non-zero exit (${code})` };
    this.#report(local, code === 0 ? 'complete' : 'failed', { ...Err, ContainerStatus: { ExitCode: code } });
  }

  #later(local: Local, ms: number, run: () => void): void {
    local.busy = true;
    this.#clock.after(ms, () => {
      local.busy = false;
      // What is wanted may have changed while it was busy.
      if (!isTerminal(local.state)) run();
      this.#step(local);
    });
  }

  #report(local: Local, state: TaskState, more: Partial<TaskStatus>): void {
    local.state = state;
    const status: TaskStatus = { Timestamp: timeText(this.#clock.now()), State: state, Message: state, ...more };
    void this.#session?.updateTaskStatus([{ taskId: local.task.ID, status }]).catch(() => {});
    this.#step(local);
  }
}
