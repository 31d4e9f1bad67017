/** Collects the nodes' reports, so that all that arrive while an entry is written go into the next one together. */
import { Refusal } from '#base/refusal';
import type { UseCase } from '#control/cluster';
import { acceptStatuses } from '#stages/dispatcher/status';
import type { TaskStatusUpdate } from '#model/object/assignment';
import type { Action } from '#store/action';
import type { View } from '#store/view';

/** Reports that may wait; the agents keep theirs and send them again. */
const waitingLimit = 100_000;

export class StatusIntake {
  readonly #submit: <R>(useCase: UseCase<R>) => Promise<R>;
  #waiting = new Map<string, TaskStatusUpdate[]>();
  #count = 0;
  #next: Promise<void> | undefined;

  constructor(submit: <R>(useCase: UseCase<R>) => Promise<R>) {
    this.#submit = submit;
  }

  /** Resolves when the reports are durable. */
  report(nodeId: string, updates: readonly TaskStatusUpdate[]): Promise<void> {
    if (this.#count + updates.length > waitingLimit) {
      return Promise.reject(new Refusal('unavailable', `the manager is busy: ${this.#count} reports wait`));
    }
    const earlier = this.#waiting.get(nodeId);
    if (earlier) earlier.push(...updates);
    else this.#waiting.set(nodeId, [...updates]);
    this.#count += updates.length;
    this.#next ??= this.#flush();
    return this.#next;
  }

  #flush(): Promise<void> {
    // A step later, so that `#next` is known before the reports are taken.
    const flush = Promise.resolve().then(() => this.#submit((view, { now }) => this.#decide(view, now)));
    flush.catch(() => {
      // Refused before it was decided on; those who wait hear of it and report again.
      if (this.#next === flush) this.#take();
    });
    return flush;
  }

  /** Takes the reports only now that the manager decides: until then more could come. */
  #decide(view: View, now: number): { actions: readonly Action[]; result: undefined } {
    const actions: Action[] = [];
    for (const [nodeId, updates] of this.#take()) actions.push(...acceptStatuses(view, nodeId, updates, now));
    return { actions, result: undefined };
  }

  #take(): Map<string, TaskStatusUpdate[]> {
    const taken = this.#waiting;
    this.#waiting = new Map();
    this.#count = 0;
    this.#next = undefined;
    return taken;
  }
}
