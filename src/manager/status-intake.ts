/** Collects the nodes' reports, so that those that arrive while an entry is written go into the next one together, as many as one takes. */
import { Refusal } from '#base/refusal';
import type { UseCase } from '#control/cluster';
import { acceptStatuses } from '#stages/dispatcher/status';
import type { TaskStatusUpdate } from '#model/object/assignment';
import type { Action } from '#store/action';
import type { View } from '#store/view';

/** Reports that may wait; the agents keep theirs and send them again. */
const waitingLimit = 100_000;
/** Reports of one entry, and what one node's part of it is cut at: a thousand nodes that come back report all their tasks at once. */
const entryLimit = 200;

interface Report {
  nodeId: string;
  updates: readonly TaskStatusUpdate[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

export class StatusIntake {
  readonly #submit: <R>(useCase: UseCase<R>) => Promise<R>;
  /** In the order in which they came, each list no longer than an entry's. */
  #waiting: Report[] = [];
  #count = 0;
  /** Takes the next reports when the manager comes to it. */
  #flushing = false;

  constructor(submit: <R>(useCase: UseCase<R>) => Promise<R>) {
    this.#submit = submit;
  }

  /** Resolves when the reports are durable. */
  report(nodeId: string, updates: readonly TaskStatusUpdate[]): Promise<void> {
    if (this.#count + updates.length > waitingLimit) {
      return Promise.reject(new Refusal('unavailable', `the manager is busy: ${this.#count} reports wait`));
    }
    if (updates.length === 0) return Promise.resolve();
    this.#count += updates.length;
    const parts: Promise<void>[] = [];
    for (let at = 0; at < updates.length; at += entryLimit) parts.push(this.#queue(nodeId, updates.slice(at, at + entryLimit)));
    return Promise.all(parts).then(() => {});
  }

  #queue(nodeId: string, updates: readonly TaskStatusUpdate[]): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ nodeId, updates, resolve, reject });
      this.#flush();
    });
  }

  /** One entry after the other, until nothing waits. */
  #flush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    let taken: readonly Report[] | undefined;
    // Taken only when the manager decides: until then more could come. It may have to decide on the same ones again.
    const decide: UseCase<undefined> = (view, { now }) => ({ actions: actionsOf(view, (taken ??= this.#take()), now), result: undefined });
    // A step later, so that all that come in this one go together.
    void Promise.resolve()
      .then(() => this.#submit(decide))
      .then(
        () => taken?.forEach(({ resolve }) => resolve()),
        // Refused before it was decided on: all who wait hear of it and report again.
        (error: unknown) => (taken ?? this.#take(Infinity)).forEach(({ reject }) => reject(error)),
      )
      .then(() => {
        this.#flushing = false;
        if (this.#waiting.length > 0) this.#flush();
      });
  }

  #take(limit = entryLimit): Report[] {
    let count = 0;
    let end = 0;
    for (let next = this.#waiting[0]; next && (end === 0 || count + next.updates.length <= limit); next = this.#waiting[end]) {
      count += next.updates.length;
      end++;
    }
    this.#count -= count;
    return this.#waiting.splice(0, end);
  }
}

/** Reports of one node are looked at together: of one task the last counts. */
function actionsOf(view: View, reports: readonly Report[], now: number): Action[] {
  const byNode = new Map<string, TaskStatusUpdate[]>();
  for (const { nodeId, updates } of reports) byNode.set(nodeId, [...(byNode.get(nodeId) ?? []), ...updates]);
  return [...byNode].flatMap(([nodeId, updates]) => acceptStatuses(view, nodeId, updates, now));
}
