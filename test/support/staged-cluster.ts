/** A cluster in virtual time: use cases, stages and pass as they run in production, and nodes whose containers behave as a script says. */
import { finish } from '#base/pace/steps';
import { timeText } from '#base/clock';
import { decode, encode } from '#base/codec';
import { createService, removeService, updateService } from '#control/service/services';
import { stages } from '#manager/stages';
import type { Node } from '#model/object/node';
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import { compareStates, isTerminal, type TaskState } from '#model/object/task-state';
import { acceptStatuses } from '#stages/dispatcher/status';
import { orchestrate } from '#stages/orchestrator/orchestrator';
import { create, newMeta, remove, update, type Action, type StoreEvent } from '#store/action';
import type { Scope, Stage, StageContext } from '#store/stage';
import type { View } from '#store/view';
import { MemoryCluster } from './memory-cluster.ts';

/** How the container of a task behaves; times in ms. */
export interface Behaviour {
  prepareMs: number;
  startMs: number;
  stopMs: number;
  /** How long it runs; absent: until it is stopped. */
  runMs?: number;
  /** What it ends with, or `rejected` when it cannot even be prepared. */
  end: 'complete' | 'failed' | 'rejected';
}

export const wellBehaved: Behaviour = { prepareMs: 100, startMs: 100, stopMs: 200, end: 'failed' };
const startTime = Date.UTC(2026, 0, 1);

/** What a node says became of its task. */
interface Report {
  task: Task;
  state: TaskState;
}

export class StagedCluster extends MemoryCluster {
  /** One line for each thing that happened, times in seconds since the start. */
  readonly story: string[] = [];
  behaviour: (task: Task) => Behaviour = () => wellBehaved;
  /** Called with what the orchestrator is given and decides, in each round of each pass. */
  compare: (cluster: StagedCluster, view: View, scope: Scope, actions: readonly Action[]) => void = () => {};
  /** Called after each committed entry. */
  check: (cluster: StagedCluster) => void = () => {};
  /** What each entry changed. */
  readonly commits: (readonly StoreEvent[])[] = [];
  readonly #time: { now: number };
  #ids = 0;
  /** What must be added to the clock to get a time that never goes back. */
  #drift = 0;
  /** Set for a deadline when that became the earliest; `at` is in time that never goes back. */
  #timer: { deadline: number; at: number } | undefined;
  readonly #since = new Map<string, number>();
  readonly #names = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  constructor() {
    const time = { now: startTime };
    const parts = { nextId: () => '', compared: orchestrate as Stage };
    super({
      clock: { now: () => time.now },
      stages: stages.map((stage) => (stage === orchestrate ? (view, context) => parts.compared(view, context) : stage)),
      newId: () => parts.nextId(),
    });
    this.#time = time;
    parts.nextId = () => `t${String(++this.#ids).padStart(6, '0')}`;
    parts.compared = (view, context) => {
      const result = finish(orchestrate(view, context));
      this.compare(this, view, context.scope, result.actions);
      return result;
    };
    this.watch((events) => {
      this.#tell(events);
      this.check(this);
      this.commits.push(events);
    });
  }

  get now(): number {
    return this.#time.now;
  }

  addNode(id: string, change: Partial<Node['Spec']> = {}): void {
    const node: Node = {
      ...newMeta(id),
      Spec: { Role: 'worker', Availability: 'active', ...change },
      Status: { State: 'ready', Addr: '10.0.0.1' },
      Description: { Hostname: id, Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '28' } },
    };
    this.happen([create('node', node)]);
  }

  changeNode(id: string, change: Partial<Node['Spec']>, state?: Node['Status']['State']): void {
    const node = this.store.get('node', id);
    if (!node) return;
    this.happen([update('node', { ...node, Spec: { ...node.Spec, ...change }, Status: { ...node.Status, ...(state && { State: state }) } })]);
  }

  removeNode(id: string): void {
    if (this.store.get('node', id)) this.happen([remove('node', id)]);
  }

  createService(spec: ServiceSpec): void {
    this.run(createService(spec));
  }

  updateService(name: string, change: (spec: ServiceSpec) => ServiceSpec): void {
    const { ID, Version, Spec } = this.service(name);
    this.run(updateService(ID, Version.Index, change(Spec)));
  }

  /** Nothing happens where nothing was before. */
  rollbackService(name: string): void {
    const { ID, Version, Spec, PreviousSpec } = this.service(name);
    if (PreviousSpec) this.run(updateService(ID, Version.Index, Spec, { rollback: 'previous' }));
  }

  removeService(name: string): void {
    this.run(removeService(name));
  }

  /** When the service is looked at again though nothing happens; Infinity when never. */
  dueAt(id: string): number {
    return this.deadlines.of('service', id) ?? Infinity;
  }

  service(name: string): Service {
    const service = this.store.byName('service', name);
    if (!service) throw new Error(`no service ${name}`);
    return service;
  }

  /** Of a service that is there, or was. */
  tasks(name: string): Task[] {
    return [...this.store.list('task')].filter((task) => task.Shoal.ServiceName === name);
  }

  running(name: string): Task[] {
    return this.tasks(name).filter((task) => task.Status.State === 'running' && task.DesiredState === 'running');
  }

  /** Ends a task's container from outside. */
  kill(task: Task, state: TaskState = 'failed'): void {
    this.#report([{ task, state }]);
  }

  /** A new leader takes over: it has the objects as they were written, and nothing else. */
  failOver(): void {
    this.store.restore(decode(encode(this.store.image())));
    this.forget();
    this.happen([]);
  }

  /** Sets the clock to another time; what is under way on the nodes goes on as if it had not been, and so do the timers. */
  setClock(by: number): void {
    this.#drift -= by;
    this.#time.now += by;
  }

  /** Lets `ms` of virtual time pass. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (let steps = 0; ; steps++) {
      if (steps > 100_000) throw new Error('virtual time does not pass');
      const next = Math.min(this.#timerAt(), ...this.#events().map((event) => event.at - this.#drift));
      if (next > until) break;
      this.#time.now = Math.max(this.now, next);
      this.#report(this.#events().filter((event) => event.at - this.#drift <= this.now));
    }
    this.#time.now = until;
  }

  /** Commits what no use case brings, with all that follows from it. */
  happen(actions: readonly Action[]): void {
    this.turn(actions, this.#timerAt() <= this.now ? Math.max(this.#timer?.deadline ?? 0, this.now) : this.now);
  }

  /** As a stage is given it. */
  contextOf(scope: Scope): StageContext {
    return { ...this.context(), scope, room: this.room() };
  }

  /** Taken in as the dispatcher takes in what nodes say. */
  #report(reports: readonly Report[]): void {
    const Timestamp = timeText(this.now);
    this.happen(
      reports.flatMap(({ task, state }) =>
        acceptStatuses(this.store, task.NodeID, [{ taskId: task.ID, status: { Timestamp, State: state, Message: state } }], this.now),
      ),
    );
  }

  /** When the timer of the earliest deadline runs out, by the present clock: it was set for a time to pass, and not for an hour of the day. */
  #timerAt(): number {
    const deadline = this.deadlines.next();
    if (deadline === undefined) return Infinity;
    if (this.#timer?.deadline !== deadline) this.#timer = { deadline, at: deadline + this.#drift };
    return this.#timer.at - this.#drift;
  }

  /** What each node will report next if nothing else happens. */
  #events(): { at: number; task: Task; state: TaskState }[] {
    const events: { at: number; task: Task; state: TaskState }[] = [];
    for (const task of this.store.list('task')) {
      const node = this.store.get('node', task.NodeID);
      const state = task.Status.State;
      if (!node || node.Status.State === 'down' || isTerminal(state) || compareStates(state, 'assigned') < 0) continue;
      const step = nextStep(task, this.behaviour(task));
      if (!step) continue;
      const key = `${task.ID} ${step.phase}`;
      const since = this.#since.get(key) ?? this.now + this.#drift;
      this.#since.set(key, since);
      events.push({ at: since + step.afterMs, task, state: step.state });
    }
    return events;
  }

  #tell(events: readonly StoreEvent[]): void {
    const lines: string[] = [];
    for (const event of events) {
      if (event.kind === 'service' && event.object) {
        const text = event.object.UpdateStatus?.State;
        if (text && text !== event.previous?.UpdateStatus?.State) lines.push(`${event.object.Spec.Name} ${text}: ${event.object.UpdateStatus?.Message}`);
      }
      if (event.kind === 'task') lines.push(...this.#taskLines(event.object, event.previous));
    }
    const time = ((this.now - startTime) / 1000).toFixed(1);
    for (const line of lines) this.story.push(`${time} ${line}`.replaceAll(/t\d{6}/g, (id) => this.#names.get(id) ?? id));
  }

  #taskLines(task: Task | undefined, previous: Task | undefined): string[] {
    if (!task) return previous ? [`${this.#nameOf(previous)} deleted`] : [];
    const name = this.#nameOf(task);
    const lines: string[] = [];
    if (!previous) lines.push(`${name} created ${task.DesiredState} ${task.Spec.ContainerSpec?.Image ?? ''}`.trim());
    const told: readonly TaskState[] = ['running', 'complete', 'shutdown', 'failed', 'rejected'];
    if (task.Status.State !== previous?.Status.State && told.includes(task.Status.State)) lines.push(`${name} is ${task.Status.State}`);
    // One entry may hold both: what became of the task, and what is wanted of it since.
    if (previous && task.DesiredState !== previous.DesiredState) lines.push(`${name} to ${task.DesiredState}`);
    return lines;
  }

  /** SERVICE.SLOT#NTH: ids are no pleasure to read. */
  #nameOf(task: Task): string {
    const known = this.#names.get(task.ID);
    if (known) return known;
    const place = `${task.Shoal.ServiceName}.${task.Slot ?? (task.NodeID || '0')}`;
    const nth = (this.#counts.get(place) ?? 0) + 1;
    this.#counts.set(place, nth);
    this.#names.set(task.ID, `${place}#${nth}`);
    return `${place}#${nth}`;
  }
}

function nextStep(task: Task, plan: Behaviour): { phase: string; state: TaskState; afterMs: number } | undefined {
  const state = task.Status.State;
  if (compareStates(task.DesiredState, 'complete') > 0) return { phase: 'stop', state: 'shutdown', afterMs: plan.stopMs };
  if (state === 'assigned') return { phase: 'prepare', state: plan.end === 'rejected' ? 'rejected' : 'ready', afterMs: plan.prepareMs };
  if (state === 'ready' && task.DesiredState !== 'ready') return { phase: 'start', state: 'running', afterMs: plan.startMs };
  if (state === 'running' && plan.runMs !== undefined) return { phase: 'run', state: plan.end, afterMs: plan.runMs };
  return undefined;
}

/** A replicated service's spec in few words. */
export function specOf(name: string, image: string, rest: Partial<ServiceSpec> & { task?: Partial<ServiceSpec['TaskTemplate']> } = {}): ServiceSpec {
  const { task, ...spec } = rest;
  return { Name: name, TaskTemplate: { ContainerSpec: { Image: image }, ...task }, ...spec };
}

export function withImage(image: string): (spec: ServiceSpec) => ServiceSpec {
  return (spec) => ({ ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec: { ...spec.TaskTemplate.ContainerSpec, Image: image } } });
}

export function withReplicas(count: number): (spec: ServiceSpec) => ServiceSpec {
  return (spec) => ({ ...spec, Mode: { Replicated: { Replicas: count } } });
}
