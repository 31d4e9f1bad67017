/** One node's stream of assignments: the whole set, then what changed since the message before. */
import { assert } from '#base/assert';
import type { AssignmentChange, AssignmentMessage, AssignmentUpdate } from '#model/object/assignment';
import { merged, type Told } from './told.ts';

/** Changes that may wait for a slow reader; beyond, it is sent the whole set again. */
const waitingLimit = 10_000;
/** Of lists that wait so many changes are made one message; the others go with the next one, when the session is woken again. */
const messageChanges = 1000;

/** Who reads the messages, while it waits for the next one. */
interface Reader {
  resolve: (message: AssignmentMessage | undefined) => void;
  reject: (error: unknown) => void;
}

export class Session {
  readonly nodeId: string;
  /** As the heartbeats know it. */
  readonly number: number;
  readonly #whole: () => readonly AssignmentUpdate[];
  readonly #goOn: () => void;
  #waiting: Told[] = [];
  #waitingChanges = 0;
  #wantsWhole = true;
  #ended = false;
  /** Of the message that went out last. */
  #sequence = 0;
  #reader: Reader | undefined;
  /** Who waits for the node's word: with a message that is still to go out, and with ones that it has not acknowledged. */
  #asking: ((applied: boolean) => void)[] = [];
  #asked: { resultsIn: number; resolve: (applied: boolean) => void }[] = [];

  /** `whole` gives the node's set as it is when it is called; `goOn` is called when the session must be woken: nothing is made before. */
  constructor(nodeId: string, number: number, whole: () => readonly AssignmentUpdate[], goOn: () => void) {
    this.nodeId = nodeId;
    this.number = number;
    this.#whole = whole;
    this.#goOn = goOn;
  }

  /** Queues changes, each of another key, in order; the last one about a key counts. They go out once the session is woken. `isShared`: other sessions get the very same list. */
  add(changes: readonly AssignmentChange[], isShared: boolean): void {
    if (this.#wantsWhole) return;
    this.#waiting.push({ changes, isShared });
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

  /** Makes the next message if somebody waits for it and there is one. Returns whether there was. */
  wake(): boolean {
    const reader = this.#reader;
    if (!reader || !this.#hasNews) return false;
    this.#reader = undefined;
    // What goes wrong is this stream's, not whoever's commit woke it.
    try {
      reader.resolve(this.#ended ? undefined : this.#message());
    } catch (error) {
      reader.reject(error);
    }
    return true;
  }

  end(): void {
    this.#ended = true;
    for (const resolve of [...this.#asking.splice(0), ...this.#asked.splice(0).map((asked) => asked.resolve)]) resolve(false);
    this.wake();
  }

  async *messages(): AsyncGenerator<AssignmentMessage> {
    for (let message = await this.#next(); message; message = await this.#next()) yield message;
  }

  /** Undefined when the session is over. */
  #next(): Promise<AssignmentMessage | undefined> {
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      if (this.#ended) this.wake();
      else if (this.#hasNews) this.#goOn();
    });
  }

  get #hasNews(): boolean {
    return this.#ended || this.#wantsWhole || this.#waiting.length > 0 || this.#asking.length > 0;
  }

  #message(): AssignmentMessage {
    const appliesTo = this.#wantsWhole ? 0 : this.#sequence;
    const resultsIn = ++this.#sequence;
    if (this.#wantsWhole) {
      this.#wantsWhole = false;
      return { type: 'complete', appliesTo, resultsIn, changes: this.#whole(), ...this.#question(resultsIn) };
    }
    assert(appliesTo > 0, `node ${this.nodeId} is told what changed before it has the whole`);
    return { type: 'incremental', appliesTo, resultsIn, changes: this.#take(), ...this.#question(resultsIn) };
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
    for (const told of this.#waiting) {
      if (lists > 0 && changes + told.changes.length > messageChanges) break;
      lists++;
      changes += told.changes.length;
    }
    this.#waitingChanges -= changes;
    return merged(this.#waiting.splice(0, lists));
  }
}
