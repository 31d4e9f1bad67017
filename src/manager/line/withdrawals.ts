/** Waits that nodes ask for, of each thing one at a time: whoever asks again meanwhile shares the next one. */
import { Coalescer } from '#base/pace/coalescer';

interface Wait {
  turns: Coalescer<undefined>;
  /** Calls that are not answered. */
  asked: number;
}

export class Withdrawals {
  readonly #waits = new Map<string, Wait>();

  /** Under how many keys somebody waits. */
  get size(): number {
    return this.#waits.size;
  }

  /** Resolves when a `wait` of this key that began after this call is over: one that runs already was for less. */
  async ask(key: string, wait: () => Promise<void>): Promise<void> {
    let known = this.#waits.get(key);
    if (!known) this.#waits.set(key, (known = { turns: new Coalescer(wait), asked: 0 }));
    known.asked++;
    try {
      await known.turns.submit(undefined);
    } finally {
      known.asked--;
      if (known.asked === 0) this.#waits.delete(key);
    }
  }
}
