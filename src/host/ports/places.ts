/** How many clients are forwarded at a time, over all ports of a node: each costs the process descriptors that others need too. */

export class Places {
  #taken = 0;

  constructor(readonly limit: number) {}

  /** The way to hand the place back, once; undefined when none is left. */
  take(): (() => void) | undefined {
    if (this.#taken >= this.limit) return undefined;
    this.#taken += 1;
    let held = true;
    return () => {
      if (held) this.#taken -= 1;
      held = false;
    };
  }
}
