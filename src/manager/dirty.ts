/** What changed since the last pass: narrows the next one. */
import type { Task } from '#model/task';
import type { Action } from '#store/action';
import type { Scope } from '#store/stage';
import type { View } from '#store/view';

export class DirtySet {
  #all = false;
  readonly #services = new Set<string>();
  readonly #nodes = new Set<string>();
  readonly #tasks = new Set<string>();

  get empty(): boolean {
    return !this.#all && this.#services.size + this.#nodes.size + this.#tasks.size === 0;
  }

  get scope(): Scope {
    if (this.#all) return 'all';
    return { services: this.#services, nodes: this.#nodes, tasks: this.#tasks };
  }

  markAll(): void {
    this.#all = true;
  }

  /** Notes what `actions` touch; `before` is the view that they are about to change. */
  touch(before: View, actions: readonly Action[]): void {
    for (const action of actions) this.#touchOne(before, action);
  }

  #touchOne(before: View, action: Action): void {
    const id = action.type === 'remove' ? action.id : action.object.ID;
    if (action.kind === 'service') this.#services.add(id);
    if (action.kind === 'node') this.#nodes.add(id);
    // Both may matter to anything: free subnets to waiting networks, the history limit to every service.
    if (action.kind === 'network' || action.kind === 'cluster') this.#all = true;
    if (action.kind === 'task') {
      this.#touchTask(before.get('task', id));
      if (action.type !== 'remove') this.#touchTask(action.object);
    }
  }

  #touchTask(task: Task | undefined): void {
    if (!task) return;
    this.#tasks.add(task.ID);
    this.#services.add(task.ServiceID);
    if (task.NodeID !== '') this.#nodes.add(task.NodeID);
  }
}
