/** One service and its tasks while a pass works on them: rules change the draft, and what differs in the end becomes actions. */
import type { Pace, Steps } from '#base/pace/steps';
import { milliseconds } from '#base/text/duration';
import type { Node } from '#model/object/node';
import { modeOf, type Service } from '#model/object/service';
import { differsInPlacementOnly, isDirty } from '#model/task-fulfils';
import type { Task } from '#model/object/task';
import { create, remove, update, type Action } from '#store/action';
import type { StageContext } from '#store/stage';
import type { View } from '#store/view';
import { SlotBook, type Slot } from './slots.ts';

/** What the rules need beside the service: read once a pass. */
export interface Surroundings {
  view: View;
  context: StageContext;
  /** All nodes in the order in which they joined. */
  nodes: readonly Node[];
  /** Asked for by every task: what it says is found once a pass. */
  spot(nodeId: string): Spot;
  /** Tells the tasks of a service that no rule which goes by a task alone has anything to do for; undefined where only the rules can say. */
  restTest(service: Service): ((task: Task) => boolean) | undefined;
  /** A service may have any number of tasks: rules that go through them pause when it says so. */
  pace: Pace;
}

/** What one service needs. */
export interface Decision {
  decided: readonly Action[];
  /** When (ms) to look again. */
  at?: number | undefined;
  hasMore: boolean;
}

/** A node as a place for tasks. */
export interface Spot {
  node: Node | undefined;
  /** Its tasks must leave. */
  lost: boolean;
  /** Ids of the tasks that it has no room for any more. */
  outgrown: ReadonlySet<string>;
}

interface SomeSlots {
  slots: ReadonlySet<number>;
  /** How many others there are. */
  resting: number;
}

/** So many ids are put in order; of more, those that have one are picked from all. */
const sortedAtOnce = 1000;

export class Draft {
  readonly surroundings: Surroundings;
  readonly mode: ReturnType<typeof modeOf>;
  readonly #originalService: Service;
  readonly #tasks = new Map<string, Task>();
  #service: Service;
  #revision = 0;
  /** Made from #tasks, until they change. */
  #list: readonly Task[] | undefined;
  #restlessList: readonly Task[] | undefined;
  /** Ids of tasks that are not at rest, or were changed; undefined: any may be one. */
  #restless: Set<string> | undefined;
  readonly #slots: SlotBook;
  #wakeAt: number | undefined;
  /** Ids of tasks that differ from the stored ones. */
  readonly #changed = new Set<string>();
  readonly #limit: number;
  readonly #some: SomeSlots | undefined;
  #hasMore = false;
  #needsAll = false;

  /** `limit`: how many tasks may be written. Rules look at `isFull` before each slot or task that they take up, and finish it then. */
  private constructor(service: Service, surroundings: Surroundings, limit: number, some: SomeSlots | undefined) {
    this.#limit = limit;
    this.#some = some;
    this.surroundings = surroundings;
    this.mode = modeOf(service.Spec);
    this.#originalService = this.#service = service;
    this.#slots = new SlotBook(this.isGlobal);
  }

  /** The draft of a service as the view has it, or of `some` of its slots: in the others is nothing to do. */
  static *of(service: Service, surroundings: Surroundings, limit = Infinity, some?: SomeSlots): Steps<Draft> {
    const draft = new Draft(service, surroundings, limit, some);
    const rests = surroundings.restTest(service);
    const restless = new Set<string>();
    if (rests) draft.#restless = restless;
    for (const task of surroundings.view.tasksOfService(service.ID)) {
      if (surroundings.pace.isDue) yield;
      if (some && !some.slots.has(task.Slot ?? 0)) continue;
      if (rests && !rests(task)) restless.add(task.ID);
      draft.#tasks.set(task.ID, task);
      draft.#slots.put(task, undefined);
    }
    return draft;
  }

  /** Rules that go through all tasks or slots end a step when it says so. */
  get pace(): Pace {
    return this.surroundings.pace;
  }

  get now(): number {
    return this.surroundings.context.now;
  }

  get service(): Service {
    return this.#service;
  }

  /** Grows with every change: a round that leaves it alone had nothing to do. */
  get revision(): number {
    return this.#revision;
  }

  get wakeAt(): number | undefined {
    return this.#wakeAt;
  }

  /** No further slot or task may be taken up in this entry; who hears so has left something to do. */
  get isFull(): boolean {
    if (this.#changed.size < this.#limit) return false;
    this.#hasMore = true;
    return true;
  }

  /** A rule has stopped early. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  get isJob(): boolean {
    return this.mode === 'replicated-job' || this.mode === 'global-job';
  }

  get isGlobal(): boolean {
    return this.mode === 'global' || this.mode === 'global-job';
  }

  /** The tasks as they are now; the list does not follow later changes. */
  tasks(): readonly Task[] {
    return (this.#list ??= [...this.#tasks.values()]);
  }

  /** Without those that are at rest, of which most services have nothing else: for rules that go by a task alone. In the order of `tasks`. */
  *restless(): Steps<readonly Task[]> {
    const restless = this.#restless;
    if (!restless) return this.tasks();
    return (this.#restlessList ??= restless.size < sortedAtOnce ? this.#inOrder(restless) : yield* this.#filtered(restless));
  }

  /** Those of few ids: the others are not looked at. */
  #inOrder(ids: ReadonlySet<string>): Task[] {
    const { view } = this.surroundings;
    const found: { task: Task; serial: number }[] = [];
    for (const id of ids) {
      const task = this.#tasks.get(id);
      // New ones come last, as they were made.
      if (task) found.push({ task, serial: view.serialOf('task', id) ?? Infinity });
    }
    return found.sort((a, b) => (a.serial === b.serial ? 0 : a.serial - b.serial)).map(({ task }) => task);
  }

  *#filtered(ids: ReadonlySet<string>): Steps<Task[]> {
    const found: Task[] = [];
    for (const task of this.tasks()) {
      if (this.pace.isDue) yield;
      if (ids.has(task.ID)) found.push(task);
    }
    return found;
  }

  task(id: string): Task | undefined {
    const task = this.#tasks.get(id);
    if (task || !this.#some || this.#changed.has(id)) return task;
    const other = this.surroundings.view.get('task', id);
    return other?.ServiceID === this.#service.ID ? other : undefined;
  }

  /** Slots that are not here, and have what they should. */
  get restingSlots(): number {
    return this.#some?.resting ?? 0;
  }

  /** What was decided does not count: it takes all slots of the service. */
  get needsAll(): boolean {
    return this.#needsAll;
  }

  /** Returns true where some slots are missing here, and notes that they are needed. */
  lacksSlots(): boolean {
    if (this.#some) this.#needsAll = true;
    return this.#needsAll;
  }

  node(id: string): Node | undefined {
    return id === '' ? undefined : this.surroundings.spot(id).node;
  }

  /** The task is not what the service asks for any more. */
  isDirty(task: Task): boolean {
    if (!isDirty(this.#service, task, this.node(task.NodeID))) return false;
    // A node that changes under a task is no update: whether it may stay there is for the enforcer to say.
    return !(isPresentSpecRolled(this.#service) && differsInPlacementOnly(this.#service, task));
  }

  /** Tasks by slot number, or by node for global services. */
  slots(): readonly Slot[] {
    return this.#slots.all();
  }

  slotOf(task: Task): Slot {
    return this.#slots.of(task);
  }

  putService(service: Service): void {
    this.lacksSlots();
    this.#service = service;
    // What was at rest for the service as it was is not for this one.
    this.#restless = undefined;
    this.#revision++;
  }

  putTask(task: Task): void {
    this.#slots.put(task, this.#tasks.get(task.ID));
    this.#tasks.set(task.ID, task);
    this.#tasksChanged(task.ID);
  }

  removeTask(id: string): void {
    const task = this.#tasks.get(id);
    if (task) this.#slots.drop(task);
    this.#tasks.delete(id);
    this.#tasksChanged(id);
  }

  /** Something is due at `at` (ms) though nothing may change until then. */
  wake(at: number): void {
    if (this.#wakeAt === undefined || at < this.#wakeAt) this.#wakeAt = at;
  }

  /** Only the deadlines of the last round count: earlier ones may be gone. */
  forgetWake(): void {
    this.#wakeAt = undefined;
  }

  actions(): Action[] {
    const actions: Action[] = this.#service === this.#originalService ? [] : [update('service', this.#service)];
    const { view } = this.surroundings;
    const created: Action[] = [];
    const [updated, removed]: [string[], string[]] = [[], []];
    for (const id of this.#changed) {
      const [original, task] = [view.get('task', id), this.#tasks.get(id)];
      if (task && !original) created.push(create('task', task));
      else if (task && original !== task) updated.push(id);
      else if (!task && original) removed.push(id);
    }
    for (const ids of [updated, removed]) ids.sort((a, b) => (view.serialOf('task', a) ?? 0) - (view.serialOf('task', b) ?? 0));
    for (const id of updated) actions.push(update('task', this.#tasks.get(id) as Task));
    return [...actions, ...created, ...removed.map((id) => remove('task', id))];
  }

  #tasksChanged(id: string): void {
    this.#changed.add(id);
    this.#restless?.add(id);
    this.#list = undefined;
    this.#restlessList = undefined;
    this.#revision++;
  }
}

/** The rollout of the present spec is over, or there was nothing to roll when it came. */
export function isPresentSpecRolled({ Shoal: { Rollout: rollout, SpecVersion }, UpdateStatus }: Service): boolean {
  if (rollout?.SpecVersion !== SpecVersion) return false;
  return rollout.Total === 0 || UpdateStatus?.State === 'completed' || UpdateStatus?.State === 'rollback_completed';
}

/** A duration of the spec in whole milliseconds. */
export function wholeMilliseconds(nanoseconds: number | undefined, fallback: number): number {
  return Math.round(milliseconds(nanoseconds, fallback));
}
