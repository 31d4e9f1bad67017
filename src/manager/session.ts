/** One node's stream of assignments: the whole set, then what changed since the message before. */
import { inOrder, keyOfChange } from '#stages/dispatcher/item';
import type { AssignmentChange, AssignmentMessage, AssignmentUpdate } from '#model/object/assignment';

/** Changes that may wait for a slow reader, one a key; beyond, it is sent the whole set again. */
const waitingLimit = 10_000;

export class Session {
  readonly nodeId: string;
  /** As the heartbeats know it. */
  readonly number: number;
  readonly #whole: () => readonly AssignmentUpdate[];
  readonly #waiting = new Map<string, AssignmentChange>();
  #wantsWhole = true;
  #ended = false;
  #wake: () => void = () => {};

  /** `whole` gives the node's set as it is when it is called. */
  constructor(nodeId: string, number: number, whole: () => readonly AssignmentUpdate[]) {
    this.nodeId = nodeId;
    this.number = number;
    this.#whole = whole;
  }

  /** Queues a change; the last one about a key counts. */
  add(change: AssignmentChange): void {
    if (this.#wantsWhole) return;
    this.#waiting.set(keyOfChange(change), change);
    if (this.#waiting.size > waitingLimit) this.renew();
    this.#wake();
  }

  /** What was sent counts no more: the whole set goes out again. */
  renew(): void {
    this.#wantsWhole = true;
    this.#waiting.clear();
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *messages(): AsyncGenerator<AssignmentMessage> {
    for (let sequence = 0; await this.#changed(); sequence++) {
      if (this.#wantsWhole) {
        this.#wantsWhole = false;
        yield { type: 'complete', appliesTo: 0, resultsIn: sequence + 1, changes: this.#whole() };
      } else {
        const changes = inOrder(this.#waiting.values());
        this.#waiting.clear();
        yield { type: 'incremental', appliesTo: sequence, resultsIn: sequence + 1, changes };
      }
    }
  }

  /** Waits for something new; false when the session is over. */
  async #changed(): Promise<boolean> {
    while (!this.#wantsWhole && this.#waiting.size === 0 && !this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    return !this.#ended;
  }
}
