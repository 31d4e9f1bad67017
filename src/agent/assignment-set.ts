/** The node's assignments as the dispatcher's messages build them up. */
import type { AssignmentChange, AssignmentMessage, NetworkAssignment, ServiceEndpoint } from '#model/assignment';
import type { Config, Secret } from '#model/secret';
import type { Task } from '#model/task';
import { compareStates } from '#model/task-state';

/** A message does not follow on the last one: the session has to be opened anew for a complete set. */
class SequenceError extends Error {
  override readonly name = 'SequenceError';
}

export interface Touched {
  /** Ids of tasks that came, changed or went. */
  tasks: ReadonlySet<string>;
  /** Names or published ports may have changed. */
  network: boolean;
}

export class AssignmentSet {
  readonly tasks = new Map<string, Task>();
  readonly secrets = new Map<string, Secret>();
  readonly configs = new Map<string, Config>();
  readonly networks = new Map<string, NetworkAssignment>();
  readonly endpoints = new Map<string, ServiceEndpoint>();
  /** Tasks that went while something of them may still be here: their stop needs their spec. */
  readonly departed = new Map<string, Task>();
  /** A complete set has come: only now is an unknown container an orphan. */
  complete = false;
  #resultsIn = 0;

  /** Throws SequenceError for a message that is out of order. */
  apply(message: AssignmentMessage): Touched {
    if (message.type === 'incremental' && message.appliesTo !== this.#resultsIn) {
      throw new SequenceError(`assignments apply to ${message.appliesTo}, the last ones resulted in ${this.#resultsIn}`);
    }
    const touched = new Set<string>();
    const before = message.type === 'complete' ? this.#reset() : undefined;
    let network = message.type === 'complete';
    for (const change of message.changes) {
      if (change.kind === 'endpoint' || change.kind === 'network') network = true;
      if (change.kind === 'task') touched.add(change.action === 'remove' ? change.id : change.item.ID);
      this.#change(change, before);
    }
    for (const [id, task] of before ?? []) {
      touched.add(id);
      if (!this.tasks.has(id)) this.departed.set(id, task);
    }
    this.#resultsIn = message.resultsIn;
    this.complete = true;
    return { tasks: touched, network };
  }

  /** Nothing is assigned any more: all that is ours shall go. */
  clear(): Touched {
    return this.apply({ type: 'complete', appliesTo: 0, resultsIn: 0, changes: [] });
  }

  #reset(): ReadonlyMap<string, Task> {
    const before = new Map(this.tasks);
    for (const table of [this.tasks, this.secrets, this.configs, this.networks, this.endpoints]) table.clear();
    return before;
  }

  #change(change: AssignmentChange, before: ReadonlyMap<string, Task> | undefined): void {
    if (change.action === 'remove') return this.#remove(change.kind, change.id);
    switch (change.kind) {
      case 'task': {
        const known = before?.get(change.item.ID) ?? this.tasks.get(change.item.ID);
        this.departed.delete(change.item.ID);
        this.tasks.set(change.item.ID, withHighestDesire(change.item, known));
        break;
      }
      case 'secret':
        this.secrets.set(change.item.ID, change.item);
        break;
      case 'config':
        this.configs.set(change.item.ID, change.item);
        break;
      case 'network':
        this.networks.set(change.item.Network.ID, change.item);
        break;
      case 'endpoint':
        this.endpoints.set(change.item.ServiceID, change.item);
        break;
    }
  }

  #remove(kind: AssignmentChange['kind'], id: string): void {
    const tables = { task: this.tasks, secret: this.secrets, config: this.configs, network: this.networks, endpoint: this.endpoints };
    const task = kind === 'task' ? this.tasks.get(id) : undefined;
    if (task) this.departed.set(id, task);
    tables[kind].delete(id);
  }
}

/** What is wanted of a task only ever moves on; a late message does not bring it back. */
function withHighestDesire(task: Task, known: Task | undefined): Task {
  if (!known || compareStates(known.DesiredState, task.DesiredState) <= 0) return task;
  return { ...task, DesiredState: known.DesiredState };
}
