/** A number of things that may be held at a time, or of bytes. */

export class Places {
  #taken = 0;

  constructor(readonly limit: number) {}

  get taken(): number {
    return this.#taken;
  }

  /** The way to hand `amount` back, once; undefined when so much is not left. */
  take(amount = 1): (() => void) | undefined {
    if (this.#taken + amount > this.limit) return undefined;
    this.#taken += amount;
    let held = true;
    return () => {
      if (held) this.#taken -= amount;
      held = false;
    };
  }
}
