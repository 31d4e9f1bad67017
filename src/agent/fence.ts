/** Which tasks this node stops by itself because it has not heard of its managers for too long. */
import type { Clock } from '#base/clock';
import { graceOf } from '#model/options/fence';
import type { Task } from '#model/object/task';
import type { ObservedContainer } from '#task/step';

export class Fence {
  readonly #clock: Clock;
  readonly #tasks: () => Iterable<Task>;
  readonly #due: () => void;
  /** When the call went out that was answered last (monotonic ms): no manager counts from an earlier time. */
  #heardAt: number;
  /** Until the next call was to go out then. */
  #everyMs = 0;
  #cancel: (() => void) | undefined;

  /** `due` is called when more tasks may have to stop. */
  constructor(clock: Clock, tasks: () => Iterable<Task>, due: () => void) {
    this.#clock = clock;
    this.#tasks = tasks;
    this.#due = due;
    this.#heardAt = clock.monotonicNow();
  }

  /** `nextMs`: after which time a manager wants to hear of this node again, where it said so. */
  heard(sentAt: number, nextMs = this.#everyMs): void {
    const wasOut = this.isOut();
    this.#everyMs = nextMs;
    this.#heardAt = Math.max(this.#heardAt, sentAt);
    this.plan();
    // What was kept from starting may go on.
    if (wasOut) this.#due();
  }

  /** The task may not run here, until a manager is heard again. */
  holds(task: Task): boolean {
    const grace = graceOf(task, this.#everyMs);
    return grace !== undefined && this.#silentMs() >= grace;
  }

  /** The same of a container that no manager has spoken of in this life. */
  holdsFor({ fenceMs }: Pick<ObservedContainer, 'fenceMs'>): boolean {
    return fenceMs !== undefined && this.#silentMs() >= fenceMs;
  }

  #silentMs(): number {
    return this.#clock.monotonicNow() - this.#heardAt;
  }

  /** Any of the tasks may not. */
  isOut(): boolean {
    for (const task of this.#tasks()) if (this.holds(task)) return true;
    return false;
  }

  /** To be called when tasks came, too. */
  plan(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const silentMs = this.#silentMs();
    let next = Infinity;
    for (const task of this.#tasks()) {
      const grace = graceOf(task, this.#everyMs);
      if (grace !== undefined && grace > silentMs) next = Math.min(next, grace - silentMs);
    }
    if (next === Infinity) return;
    this.#cancel = this.#clock.after(next, () => {
      this.#due();
      this.plan();
    });
  }

  stop(): void {
    this.#cancel?.();
  }
}
