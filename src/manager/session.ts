/** One node's stream of assignments: the whole set, then what changed since the message before. */
import { assignmentDelta, assignmentItems, type AssignmentSet } from '#stages/dispatcher/assignments';
import type { Endpoints } from '#stages/dispatcher/endpoints';
import type { AssignmentMessage } from '#model/assignment';
import type { View } from '#store/view';

/** Nothing is queued: a reader that is slow gets one delta over all that it missed. */
export class Session {
  readonly nodeId: string;
  /** As the heartbeats know it. */
  readonly number: number;
  readonly #view: View;
  readonly #endpoints: () => Endpoints;
  #stale = false;
  #ended = false;
  #wake: () => void = () => {};

  constructor(nodeId: string, number: number, view: View, endpoints: () => Endpoints) {
    this.nodeId = nodeId;
    this.number = number;
    this.#view = view;
    this.#endpoints = endpoints;
  }

  /** The set may have changed: the reader looks in this turn of the event loop. */
  renew(): void {
    this.#stale = true;
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *messages(): AsyncGenerator<AssignmentMessage> {
    let sent = this.#items();
    let sequence = 1;
    yield { type: 'complete', appliesTo: 0, resultsIn: sequence, changes: [...sent.values()] };
    while (await this.#changed()) {
      const items = this.#items();
      const changes = assignmentDelta(sent, items);
      sent = items;
      if (changes.length === 0) continue;
      yield { type: 'incremental', appliesTo: sequence, resultsIn: ++sequence, changes };
    }
  }

  #items(): AssignmentSet {
    this.#stale = false;
    return assignmentItems(this.#view, this.nodeId, this.#endpoints());
  }

  /** Waits for something new; false when the session is over. */
  async #changed(): Promise<boolean> {
    if (!this.#stale && !this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    return !this.#ended;
  }
}
