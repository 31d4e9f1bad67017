/** Collects the nodes' reports, so that those that arrive while an entry is written go into the next one together, as many as one takes. */
import { Refusal } from '#base/refusal';
import type { UseCase } from '#control/cluster';
import { acceptStatuses } from '#stages/dispatcher/status';
import { busyReason, type TaskStatusUpdate } from '#model/object/assignment';
import type { Action } from '#store/action';
import type { View } from '#store/view';

/** Reports that may wait; the agents keep theirs and send them again. */
const waitingLimit = 100_000;
/** Of one node: no more than that is in the way of the others'. */
const nodeLimit = 5000;
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
  readonly #answer: (answer: () => void) => void;
  /** In the order in which they came, each list no longer than an entry's. */
  #waiting: Report[] = [];
  #count = 0;
  readonly #ofNode = new Map<string, number>();
  /** Takes the next reports when the manager comes to it. */
  #flushing = false;

  /** @param answer calls what answers a node: a thousand nodes have their reports in one entry */
  constructor(submit: <R>(useCase: UseCase<R>) => Promise<R>, answer: (answer: () => void) => void = (run) => run()) {
    this.#submit = submit;
    this.#answer = answer;
  }

  /** Resolves when the reports are durable. */
  report(nodeId: string, updates: readonly TaskStatusUpdate[]): Promise<void> {
    if (updates.length === 0) return Promise.resolve();
    const ofNode = (this.#ofNode.get(nodeId) ?? 0) + updates.length;
    if (this.#count + updates.length > waitingLimit || ofNode > nodeLimit) {
      return Promise.reject(new Refusal('unavailable', `the manager is busy: ${this.#count} reports wait`, { reason: busyReason }));
    }
    this.#count += updates.length;
    this.#ofNode.set(nodeId, ofNode);
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
        () => taken?.forEach(({ resolve }) => this.#answer(resolve)),
        // Refused before it was decided on: all who wait hear of it and report again.
        (error: unknown) => (taken ?? this.#take(Infinity)).forEach(({ reject }) => this.#answer(() => reject(error))),
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
    const taken = this.#waiting.splice(0, end);
    for (const { nodeId, updates } of taken) {
      const left = (this.#ofNode.get(nodeId) ?? 0) - updates.length;
      if (left > 0) this.#ofNode.set(nodeId, left);
      else this.#ofNode.delete(nodeId);
    }
    return taken;
  }
}

/** Reports of one node are looked at together: of one task the last counts. */
function actionsOf(view: View, reports: readonly Report[], now: number): Action[] {
  const byNode = new Map<string, TaskStatusUpdate[]>();
  for (const { nodeId, updates } of reports) byNode.set(nodeId, [...(byNode.get(nodeId) ?? []), ...updates]);
  return [...byNode].flatMap(([nodeId, updates]) => acceptStatuses(view, nodeId, updates, now));
}
