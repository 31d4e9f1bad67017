/** One node's stream of assignments: the whole set, then what changed since the message before. */
import { assert } from '#base/assert';
import { inOrder, keyOfChange } from '#stages/dispatcher/item';
import type { AssignmentChange, AssignmentMessage, AssignmentUpdate } from '#model/object/assignment';

/** Changes that may wait for a slow reader, one a key; beyond, it is sent the whole set again. Changes of one key are made one at twice as many. */
const waitingLimit = 10_000;

export class Session {
  readonly nodeId: string;
  /** As the heartbeats know it. */
  readonly number: number;
  readonly #whole: () => readonly AssignmentUpdate[];
  /** Lists as they were added: most are shared with many other sessions. Each holds a key once. */
  #waiting: (readonly AssignmentChange[])[] = [];
  #waitingChanges = 0;
  #wantsWhole = true;
  #ended = false;
  #wake: () => void = () => {};
  /** Who waits for the node's word: with a message that is still to go out, and with ones that it has not acknowledged. */
  #asking: ((applied: boolean) => void)[] = [];
  #asked: { resultsIn: number; resolve: (applied: boolean) => void }[] = [];

  /** `whole` gives the node's set as it is when it is called. */
  constructor(nodeId: string, number: number, whole: () => readonly AssignmentUpdate[]) {
    this.nodeId = nodeId;
    this.number = number;
    this.#whole = whole;
  }

  /** Queues changes, each of another key, in order; the last one about a key counts. They go out once the session is woken. */
  add(changes: readonly AssignmentChange[]): void {
    if (this.#wantsWhole) return;
    this.#waiting.push(changes);
    this.#waitingChanges += changes.length;
    if (this.#waitingChanges > 2 * waitingLimit) this.#compact();
  }

  /** What was sent counts no more: the whole set goes out again, once the session is woken. */
  renew(): void {
    this.#wantsWhole = true;
    this.#waiting = [];
    this.#waitingChanges = 0;
  }

  /** Resolves when the node has in force what it was told up to now; with false when the session ends before. The question goes out once the session is woken. */
  applied(): Promise<boolean> {
    return this.#ended ? Promise.resolve(false) : new Promise((resolve) => this.#asking.push(resolve));
  }

  acknowledged(resultsIn: number): void {
    for (const asked of this.#asked) if (asked.resultsIn <= resultsIn) asked.resolve(true);
    this.#asked = this.#asked.filter((asked) => asked.resultsIn > resultsIn);
  }

  /** What waits goes out; returns how much that is. */
  wake(): number {
    const waiting = this.#waitingChanges;
    this.#wake();
    return waiting;
  }

  end(): void {
    this.#ended = true;
    for (const resolve of [...this.#asking.splice(0), ...this.#asked.splice(0).map((asked) => asked.resolve)]) resolve(false);
    this.#wake();
  }

  async *messages(): AsyncGenerator<AssignmentMessage> {
    for (let sequence = 0; await this.#changed(); sequence++) {
      this.#compact();
      if (this.#wantsWhole) {
        this.#wantsWhole = false;
        yield { type: 'complete', appliesTo: 0, resultsIn: sequence + 1, changes: this.#whole(), ...this.#question(sequence + 1) };
      } else {
        assert(sequence > 0, `node ${this.nodeId} is told what changed before it has the whole`);
        const [changes = []] = this.#waiting;
        this.#waiting = [];
        this.#waitingChanges = 0;
        yield { type: 'incremental', appliesTo: sequence, resultsIn: sequence + 1, changes, ...this.#question(sequence + 1) };
      }
    }
  }

  #question(resultsIn: number): { acknowledge?: true } {
    if (this.#asking.length === 0) return {};
    for (const resolve of this.#asking.splice(0)) this.#asked.push({ resultsIn, resolve });
    return { acknowledge: true };
  }

  /** Makes one list of those that wait; when it is too long, the whole set is what goes out. */
  #compact(): void {
    if (this.#waiting.length > 1) {
      const last = new Map<string, AssignmentChange>();
      for (const changes of this.#waiting) for (const change of changes) last.set(keyOfChange(change), change);
      this.#waiting = [inOrder(last.values())];
    }
    this.#waitingChanges = this.#waiting[0]?.length ?? 0;
    if (this.#waitingChanges > waitingLimit) this.renew();
  }

  /** Waits for something new; false when the session is over. */
  async #changed(): Promise<boolean> {
    while (!this.#wantsWhole && this.#waiting.length === 0 && this.#asking.length === 0 && !this.#ended)
      await new Promise<void>((resolve) => (this.#wake = resolve));
    return !this.#ended;
  }
}
