/** One node's stream of assignments: the whole set, then what changed since the message before. */
import { assert } from '#base/assert';
import { lastOfEach } from '#stages/dispatcher/item';
import type { AssignmentChange, AssignmentMessage, AssignmentUpdate } from '#model/object/assignment';

/** Changes that may wait for a slow reader; beyond, it is sent the whole set again. */
const waitingLimit = 10_000;
/** Of lists that wait so many changes are made one message; the others go with the next one, when the session is woken again. */
const messageChanges = 1000;

type Changes = readonly AssignmentChange[];

/** Made last: sessions that are woken together mostly wait for the very same lists. */
let latest: { lists: readonly Changes[]; changes: Changes } = { lists: [], changes: [] };

function merged(lists: readonly Changes[]): Changes {
  if (lists.length === 1 && lists[0]) return lists[0];
  const same = lists.length === latest.lists.length && lists.every((list, at) => list === latest.lists[at]);
  if (!same) latest = { lists, changes: lastOfEach(lists) };
  return latest.changes;
}

export class Session {
  readonly nodeId: string;
  /** As the heartbeats know it. */
  readonly number: number;
  readonly #whole: () => readonly AssignmentUpdate[];
  readonly #goOn: () => void;
  /** Lists as they were added: most are shared with many other sessions. Each holds a key once. */
  #waiting: (readonly AssignmentChange[])[] = [];
  #waitingChanges = 0;
  /** A part of what waits went out: the rest is for another turn. */
  #rests = false;
  #wantsWhole = true;
  #ended = false;
  #wake: () => void = () => {};
  /** Who waits for the node's word: with a message that is still to go out, and with ones that it has not acknowledged. */
  #asking: ((applied: boolean) => void)[] = [];
  #asked: { resultsIn: number; resolve: (applied: boolean) => void }[] = [];

  /** `whole` gives the node's set as it is when it is called; `goOn` is called when the session must be woken again. */
  constructor(nodeId: string, number: number, whole: () => readonly AssignmentUpdate[], goOn: () => void) {
    this.nodeId = nodeId;
    this.number = number;
    this.#whole = whole;
    this.#goOn = goOn;
  }

  /** Queues changes, each of another key, in order; the last one about a key counts. They go out once the session is woken. */
  add(changes: readonly AssignmentChange[]): void {
    if (this.#wantsWhole) return;
    this.#waiting.push(changes);
    this.#waitingChanges += changes.length;
    // Nothing is merged here: a commit may come to a thousand sessions that are all full.
    if (this.#waitingChanges > waitingLimit) this.renew();
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

  /** A message with what waits goes out; returns about how much that is: a whole set is taken for the longest. */
  wake(): number {
    this.#rests = false;
    this.#wake();
    return this.#wantsWhole ? waitingLimit : Math.min(this.#waitingChanges, messageChanges);
  }

  end(): void {
    this.#ended = true;
    for (const resolve of [...this.#asking.splice(0), ...this.#asked.splice(0).map((asked) => asked.resolve)]) resolve(false);
    this.#wake();
  }

  async *messages(): AsyncGenerator<AssignmentMessage> {
    for (let sequence = 0; await this.#changed(); sequence++) {
      if (this.#wantsWhole) {
        this.#wantsWhole = false;
        yield { type: 'complete', appliesTo: 0, resultsIn: sequence + 1, changes: this.#whole(), ...this.#question(sequence + 1) };
      } else {
        assert(sequence > 0, `node ${this.nodeId} is told what changed before it has the whole`);
        yield { type: 'incremental', appliesTo: sequence, resultsIn: sequence + 1, changes: this.#take(), ...this.#question(sequence + 1) };
      }
    }
  }

  /** Goes out with the last of what waits. */
  #question(resultsIn: number): { acknowledge?: true } {
    if (this.#asking.length === 0 || this.#waiting.length > 0) return {};
    for (const resolve of this.#asking.splice(0)) this.#asked.push({ resultsIn, resolve });
    return { acknowledge: true };
  }

  /** The next message's changes: of what waits as much as one takes, a list at least. */
  #take(): readonly AssignmentChange[] {
    let [lists, changes] = [0, 0];
    for (const list of this.#waiting) {
      if (lists > 0 && changes + list.length > messageChanges) break;
      lists++;
      changes += list.length;
    }
    const taken = this.#waiting.splice(0, lists);
    this.#waitingChanges -= changes;
    this.#rests = this.#waiting.length > 0;
    if (this.#rests) this.#goOn();
    return merged(taken);
  }

  /** Waits for something new; false when the session is over. */
  async #changed(): Promise<boolean> {
    while (!this.#ended && (this.#rests || (!this.#wantsWhole && this.#waiting.length === 0 && this.#asking.length === 0)))
      await new Promise<void>((resolve) => (this.#wake = resolve));
    return !this.#ended;
  }
}
