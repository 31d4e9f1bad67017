/** A cluster in virtual time: the store, the orchestrator, and a scheduler and agents of a few lines that play a script. */
import { timeText } from '#base/clock';
import { decode, encode } from '#base/codec';
import { seededRandom } from '#base/random';
import { nodeMatches, parseConstraints } from '#model/constraint';
import type { Node } from '#model/object/node';
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import { compareStates, isTerminal, type TaskState } from '#model/object/task-state';
import { Deadlines } from '#manager/deadlines';
import { DirtySet } from '#manager/dirty';
import { orchestrate } from '#stages/orchestrator/orchestrator';
import { create, newMeta, remove, update, type Action, type StoreEvent } from '#store/action';
import { Overlay } from '#store/overlay';
import { boundlessRoom, type Room } from '#store/room';
import type { NarrowScope, Scope, StageContext } from '#store/stage';
import { Store } from '#store/store';
import type { View } from '#store/view';

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

export class World {
  readonly store = new Store();
  /** One line for each thing that happened, times in seconds since the start. */
  readonly story: string[] = [];
  now = startTime;
  behaviour: (task: Task) => Behaviour = () => wellBehaved;
  /** Called with each pass's view and result before it is committed. */
  compare: (world: World, view: View, scope: Scope, actions: readonly Action[]) => void = () => {};
  /** What a pass may write. */
  room: () => Room = boundlessRoom;
  /** Asked after an entry that was full: when it says no, the next one does not come before something else happens. */
  goesOn: () => boolean = () => true;
  /** What each entry changed. */
  readonly entries: (readonly StoreEvent[])[] = [];
  /** Called after each committed pass. */
  check: (world: World) => void = () => {};
  #ids = 0;
  #deadlines = new Deadlines();
  #rest: Partial<NarrowScope> | undefined;
  /** What must be added to the clock to get a time that never goes back. */
  #drift = 0;
  /** Set for a deadline when that became the earliest; `at` is in time that never goes back. */
  #timer: { deadline: number; at: number } | undefined;
  readonly #since = new Map<string, number>();
  readonly #names = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  addNode(id: string, change: Partial<Node['Spec']> = {}): void {
    const node: Node = {
      ...newMeta(id),
      Spec: { Role: 'worker', Availability: 'active', ...change },
      Status: { State: 'ready', Addr: '10.0.0.1' },
      Description: { Hostname: id, Platform: { Architecture: 'x86_64', OS: 'linux' }, Resources: {}, Engine: { EngineVersion: '28' } },
    };
    this.submit([create('node', node)]);
  }

  changeNode(id: string, change: Partial<Node['Spec']>, state?: Node['Status']['State']): void {
    const node = this.store.get('node', id);
    if (!node) return;
    this.submit([update('node', { ...node, Spec: { ...node.Spec, ...change }, Status: { ...node.Status, ...(state && { State: state }) } })]);
  }

  removeNode(id: string): void {
    if (this.store.get('node', id)) this.submit([remove('node', id)]);
  }

  createService(spec: ServiceSpec): void {
    const job = spec.Mode?.ReplicatedJob ?? spec.Mode?.GlobalJob;
    const JobStatus = { JobIteration: { Index: 0 }, LastExecution: timeText(this.now) };
    this.submit([create('service', { ...newMeta(spec.Name), Spec: spec, ...(job && { JobStatus }), Shoal: { SpecVersion: 0 } })]);
  }

  /** What `service update` does. */
  updateService(name: string, change: (spec: ServiceSpec) => ServiceSpec): void {
    const service = this.service(name);
    const { UpdateStatus: _status, JobStatus: job, ...kept } = service;
    const { Rollout: _rollout, ...state } = service.Shoal;
    const SpecVersion = Math.max(state.SpecVersion, state.PreviousSpecVersion ?? 0) + 1;
    const JobStatus = job && { JobIteration: { Index: job.JobIteration.Index + 1 }, LastExecution: timeText(this.now) };
    this.submit([
      update('service', {
        ...kept,
        ...(JobStatus && { JobStatus }),
        Spec: change(service.Spec),
        PreviousSpec: service.Spec,
        Shoal: { ...state, SpecVersion, PreviousSpecVersion: state.SpecVersion },
      }),
    ]);
  }

  /** What `service rollback` does. */
  rollbackService(name: string): void {
    const service = this.service(name);
    if (!service.PreviousSpec) return;
    const { Rollout: _rollout, ...state } = service.Shoal;
    this.submit([
      update('service', {
        ...service,
        Spec: service.PreviousSpec,
        PreviousSpec: service.Spec,
        UpdateStatus: { State: 'rollback_started', StartedAt: timeText(this.now), Message: 'manually requested rollback' },
        Shoal: { ...state, SpecVersion: state.PreviousSpecVersion ?? 0, PreviousSpecVersion: state.SpecVersion },
      }),
    ]);
  }

  removeService(name: string): void {
    this.submit([remove('service', name)]);
  }

  /** When the service is looked at again though nothing happens; Infinity when never. */
  dueAt(id: string): number {
    return this.#deadlines.of('service', id) ?? Infinity;
  }

  service(name: string): Service {
    const service = this.store.get('service', name);
    if (!service) throw new Error(`no service ${name}`);
    return service;
  }

  tasks(name: string): Task[] {
    return [...this.store.tasksOfService(name)];
  }

  running(name: string): Task[] {
    return this.tasks(name).filter((task) => task.Status.State === 'running' && task.DesiredState === 'running');
  }

  /** Ends a task's container from outside. */
  kill(task: Task, state: TaskState = 'failed'): void {
    this.submit([update('task', this.#withState(task, state))]);
  }

  /** A new leader takes over: it has the objects as they were written, and nothing else. */
  failOver(): void {
    this.store.restore(decode(encode(this.store.image())));
    this.#deadlines = new Deadlines();
    this.#rest = undefined;
    this.submit([]);
  }

  /** Sets the clock to another time; what is under way in the agents goes on as if it had not been, and so do the timers. */
  setClock(by: number): void {
    this.#drift -= by;
    this.now += by;
  }

  /** Lets `ms` of virtual time pass. */
  run(ms: number): void {
    const until = this.now + ms;
    for (let steps = 0; ; steps++) {
      if (steps > 100_000) throw new Error('virtual time does not pass');
      const next = Math.min(this.#timerAt(), ...this.#agentEvents().map((event) => event.at - this.#drift));
      if (next > until) break;
      this.now = Math.max(this.now, next);
      const due = this.#agentEvents().filter((event) => event.at - this.#drift <= this.now);
      this.submit(due.map(({ task, state }) => update('task', this.#withState(task, state))));
    }
    this.now = until;
  }

  /** Commits `actions` with all that follows from them in one entry, as the leader does. */
  submit(actions: readonly Action[]): void {
    const overlay = new Overlay(this.store);
    overlay.lay(actions);
    const dirty = new DirtySet();
    dirty.touch(this.store, actions);
    const due = this.#timerAt() <= this.now ? Math.max(this.#timer?.deadline ?? 0, this.now) : this.now;
    for (const { id } of this.#deadlines.take(due)) dirty.add({ services: new Set([id]) });
    if (this.#rest) dirty.add(this.#rest);
    this.#rest = undefined;
    const scope = dirty.empty ? 'all' : dirty.scope;
    const result = orchestrate(overlay, this.context(scope));
    this.compare(this, overlay, scope, result.actions);
    overlay.lay(result.actions);
    overlay.lay(this.#schedule(overlay));
    for (const wake of result.wakes ?? []) this.#deadlines.set(wake);
    this.#rest = result.rest;
    if (overlay.actions.length === 0) return;
    const events = this.store.apply(this.store.index + 1, { actions: overlay.actions, now: this.now });
    this.#tell(events);
    this.check(this);
    this.entries.push(events);
    if (this.#rest && this.goesOn()) this.submit([]);
  }

  context(scope: Scope): StageContext {
    return { now: this.now, newId: () => `t${String(++this.#ids).padStart(6, '0')}`, random: seededRandom(1), scope, room: this.room() };
  }

  #schedule(view: Overlay): Action[] {
    const actions: Action[] = [];
    const load = new Map<string, number>();
    for (const task of view.list('task')) if (!isTerminal(task.Status.State)) load.set(task.NodeID, (load.get(task.NodeID) ?? 0) + 1);
    for (const task of view.list('task')) {
      if (compareStates(task.Status.State, 'assigned') >= 0) continue;
      if (compareStates(task.DesiredState, 'complete') > 0) {
        actions.push(update('task', this.#withState(task, 'shutdown')));
        continue;
      }
      const constraints = parseConstraints(task.Spec.Placement?.Constraints ?? []);
      const fits = [...view.list('node')]
        .filter((node) => (task.NodeID === '' || task.NodeID === node.ID) && node.Status.State === 'ready' && node.Spec.Availability === 'active')
        .filter((node) => nodeMatches(constraints, node, node.Spec.Role))
        .toSorted((a, b) => (load.get(a.ID) ?? 0) - (load.get(b.ID) ?? 0));
      const node = fits[0];
      if (!node) continue;
      load.set(node.ID, (load.get(node.ID) ?? 0) + 1);
      actions.push(update('task', this.#withState({ ...task, NodeID: node.ID }, 'assigned')));
    }
    return actions;
  }

  /** When the timer of the earliest deadline runs out, by the present clock: it was set for a time to pass, and not for an hour of the day. */
  #timerAt(): number {
    const deadline = this.#deadlines.next();
    if (deadline === undefined) return Infinity;
    if (this.#timer?.deadline !== deadline) this.#timer = { deadline, at: deadline + this.#drift };
    return this.#timer.at - this.#drift;
  }

  /** What each agent will report next if nothing else happens. */
  #agentEvents(): { at: number; task: Task; state: TaskState }[] {
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

  #withState(task: Task, state: TaskState): Task {
    return { ...task, Status: { Timestamp: timeText(this.now), State: state, Message: state, Shoal: { AppliedAt: this.now } } };
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
    else if (task.DesiredState !== previous.DesiredState) lines.push(`${name} to ${task.DesiredState}`);
    const told: readonly TaskState[] = ['running', 'complete', 'shutdown', 'failed', 'rejected'];
    if (task.Status.State !== previous?.Status.State && told.includes(task.Status.State)) lines.push(`${name} is ${task.Status.State}`);
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
