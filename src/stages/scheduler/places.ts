/** All nodes as one run of the scheduler fills them, and the trees that its groups share. */
import type { Pace, Steps } from '#base/pace/steps';
import type { Task } from '#model/object/task';
import type { View } from '#store/view';
import { Candidate } from './candidate.ts';
import type { Filter } from './filter.ts';
import { acceptsAll, explain, requirementOf, withMaxReplicas } from './filters.ts';
import { betterFor, groupOf, isRecentFailure } from './rank.ts';
import { GroupPlacement, spreadKey, SpreadTree } from './spread.ts';

/** What finding a place costs beside a look at a task or node. */
const looksAPlacement = 10;

export class Places {
  readonly #view: View;
  readonly #now: number;
  readonly #failureLimit: number;
  readonly #candidates = new Map<string, Candidate>();
  /** By requirement: filters that hold for all tasks with that key. */
  readonly #filters = new Map<string, readonly Filter[]>();
  /** By requirement and preferences. */
  readonly #trees = new Map<string, SpreadTree>();
  /** Nodes with tasks, or late failures, of a service. */
  readonly #known = new Map<string, Set<Candidate>>();

  readonly #pace: Pace;

  private constructor(view: View, now: number, failureLimit: number, pace: Pace) {
    this.#pace = pace;
    this.#view = view;
    this.#now = now;
    this.#failureLimit = failureLimit;
  }

  /** The nodes of the view as they are before the run. */
  static *of(view: View, now: number, failureLimit: number, pace: Pace): Steps<Places> {
    const places = new Places(view, now, failureLimit, pace);
    for (const node of view.list('node')) {
      if (pace.isDue) yield;
      places.#candidates.set(node.ID, new Candidate(node, view.loadOf(node.ID)));
    }
    return places;
  }

  /**
   * Puts as many of `tasks`, which are of one group, on nodes as fit; returns those that found none.
   * `put` makes the task that is on the node. From the first on that `mayPut` refuses nothing is known.
   */
  *placeGroup(tasks: readonly Task[], put: (task: Task, candidate: Candidate) => Task, mayPut: (task: Task) => boolean): Steps<readonly Task[]> {
    const [first] = tasks;
    if (!first) return [];
    const { key, filters } = this.#requirement(first);
    const known = yield* this.#knownOf(first.ServiceID);
    const placement = new GroupPlacement(yield* this.#tree(first, key, filters), {
      known,
      activeOn: (candidate) => candidate.activeTasksOf(first.ServiceID),
      accepts: accepting(withMaxReplicas(filters, first)),
      isBetter: betterFor(first, this.#failureLimit),
    });
    let left: readonly Task[] = [];
    for (const [position, task] of tasks.entries()) {
      if (!mayPut(task)) break;
      for (let look = 0; look < looksAPlacement; look++) if (this.#pace.isDue) yield;
      const found = placement.place((candidate) => {
        candidate.add(put(task, candidate));
        known.add(candidate);
      });
      if (found) continue;
      left = tasks.slice(position);
      break;
    }
    placement.end();
    return left;
  }

  /** Puts the task on its own node; why not, if that will not do. A node that is gone says nothing. */
  *confirm(task: Task, put: (task: Task, candidate: Candidate) => Task): Steps<(() => Steps<string>) | undefined> {
    const candidate = this.#candidates.get(task.NodeID);
    if (!candidate) return undefined;
    const known = yield* this.#knownOf(task.ServiceID);
    const filters = withMaxReplicas(this.#requirement(task).filters, task);
    if (!acceptsAll(filters, candidate)) return () => explained(filters, [candidate]);
    candidate.add(put(task, candidate));
    known.add(candidate);
    return undefined;
  }

  /** Why no node will do, as things stand. Tasks with the same requirement and no limit per node share the answer. */
  *explain(task: Task, answers: Map<string, string>): Steps<string> {
    const { key: requirement, filters } = this.#requirement(task);
    const limited = (task.Spec.Placement?.MaxReplicas ?? 0) > 0;
    const key = `${requirement} ${limited ? task.ServiceID : ''}`;
    let answer = answers.get(key);
    if (answer === undefined) {
      yield* this.#knownOf(task.ServiceID);
      answers.set(key, (answer = yield* explained(withMaxReplicas(filters, task), this.#candidates.values())));
    }
    return answer;
  }

  #requirement(task: Task): { key: string; filters: readonly Filter[] } {
    const { key, filters } = requirementOf(task);
    let known = this.#filters.get(key);
    if (!known) this.#filters.set(key, (known = filters()));
    return { key, filters: known };
  }

  *#tree(task: Task, requirement: string, filters: readonly Filter[]): Steps<SpreadTree> {
    const key = `${requirement}\n${spreadKey(task)}`;
    const known = this.#trees.get(key);
    if (known) return known;
    const tree = new SpreadTree(task, accepting(filters));
    for (const candidate of this.#candidates.values()) {
      if (this.#pace.isDue) yield;
      tree.add(candidate);
    }
    this.#trees.set(key, tree);
    return tree;
  }

  /** Counts the service's tasks and failures on their nodes the first time that it comes up. */
  *#knownOf(serviceId: string): Steps<Set<Candidate>> {
    const before = this.#known.get(serviceId);
    if (before) return before;
    const known = new Set<Candidate>();
    this.#known.set(serviceId, known);
    for (const [nodeId, count] of this.#view.activeTasks(serviceId)) {
      if (this.#pace.isDue) yield;
      const candidate = this.#candidates.get(nodeId);
      if (!candidate) continue;
      candidate.addActive(serviceId, count);
      known.add(candidate);
    }
    for (const task of this.#view.find('task', 'failed', serviceId)) {
      if (this.#pace.isDue) yield;
      const candidate = this.#candidates.get(task.NodeID);
      if (!candidate || !isRecentFailure(task, this.#now)) continue;
      candidate.addFailure(groupOf(task));
      known.add(candidate);
    }
    return known;
  }
}

/** Looks at all nodes: a step of its own. */
function* explained(filters: readonly Filter[], candidates: Iterable<Candidate>): Steps<string> {
  yield;
  return explain(filters, candidates);
}

function accepting(filters: readonly Filter[]): (candidate: Candidate) => boolean {
  return (candidate) => acceptsAll(filters, candidate);
}
