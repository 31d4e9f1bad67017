/** Messages that wait to be answered, by who sent them: each asker has so many a turn, so that one who asks in a flood waits for himself. */

/** Messages of one asker that wait; what comes on top is dropped, as a full socket drops it, and he asks again. */
const waitingPerAsker = 128;
/** Messages that wait in all: source addresses can be forged. */
const waitingInAll = 4096;
/** Messages of one asker that are handled in a turn of the event loop. Fewer than a socket gives in one, so that a socket is emptied faster than a flood fills it. */
const perTurn = 8;

export class FairQueue<T> {
  readonly #waiting = new Map<string, T[]>();
  readonly #handle: (message: T) => void;
  #count = 0;
  #scheduled = false;

  constructor(handle: (message: T) => void) {
    this.#handle = handle;
  }

  /** Handled in a later turn, or dropped where this asker or all together have too much waiting. Returns whether it waits. */
  add(asker: string, message: T): boolean {
    const own = this.#waiting.get(asker);
    if (this.#count >= waitingInAll || (own && own.length >= waitingPerAsker)) return false;
    if (own) own.push(message);
    else this.#waiting.set(asker, [message]);
    this.#count += 1;
    this.#schedule();
    return true;
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    for (const [asker, messages] of this.#waiting) {
      const served = messages.splice(0, perTurn);
      if (messages.length === 0) this.#waiting.delete(asker);
      this.#count -= served.length;
      for (const message of served) this.#handle(message);
    }
    if (this.#count > 0) this.#schedule();
  }
}
