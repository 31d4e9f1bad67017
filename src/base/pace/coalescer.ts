/** One change at a time; of the changes that wait, only the newest is carried out. */

export class Coalescer<T> {
  readonly #carryOut: (value: T) => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  #waiting: { value: T; done: Promise<void> } | undefined;

  constructor(carryOut: (value: T) => Promise<void>) {
    this.#carryOut = carryOut;
  }

  /** Resolves when `value`, or a newer one, has been carried out; rejects as that one did. */
  submit(value: T): Promise<void> {
    if (this.#waiting) {
      this.#waiting.value = value;
      return this.#waiting.done;
    }
    const waiting = { value, done: this.#running.then(() => this.#next()) };
    this.#waiting = waiting;
    this.#running = waiting.done.catch(() => undefined);
    return waiting.done;
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#running;
  }

  async #next(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) await this.#carryOut(waiting.value);
  }
}
