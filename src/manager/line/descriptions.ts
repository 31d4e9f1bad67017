/** What one node says of itself: the first word is written at once, of those that follow the newest once in a while, for each is an entry of the log. */
import { pause, type Clock } from '#base/clock';
import { Coalescer } from '#base/pace/coalescer';
import type { NodeDescription } from '#model/object/node';

/** Between two that are written. */
const spacingMs = 1000;

export class Descriptions {
  readonly #turns: Coalescer<NodeDescription>;
  #writtenAt = -Infinity;

  /** `write` says whether there was anything new. */
  constructor(clock: Clock, write: (description: NodeDescription) => Promise<boolean>) {
    this.#turns = new Coalescer(async (description) => {
      const waitMs = this.#writtenAt + spacingMs - clock.monotonicNow();
      if (waitMs > 0) await pause(clock, waitMs);
      if (await write(description)) this.#writtenAt = clock.monotonicNow();
    });
  }

  /** Resolves when this one is written, or a newer one. */
  say(description: NodeDescription): Promise<void> {
    return this.#turns.submit(description);
  }
}
