/** Virtual time for code that awaits: after each event everything that it sets off comes to rest before the next. */
import type { Clock } from '#base/clock';
import type { Random } from '#base/random';
import { EventQueue } from '../event-queue.ts';

const start = Date.UTC(2026, 0, 1);

export class WorldTime {
  readonly #queue: EventQueue;

  constructor(random: Random) {
    this.#queue = new EventQueue(random);
  }

  /** Milliseconds since the world began. */
  get now(): number {
    return this.#queue.now;
  }

  after(delayMs: number, run: () => void): void {
    this.#queue.after(delayMs, run);
  }

  /** Runs what is due within `ms`. */
  async run(ms: number): Promise<void> {
    const end = this.now + ms;
    let over = false;
    this.#queue.after(ms, () => (over = true));
    while (!over && this.#queue.step()) await rest();
    if (this.now < end) throw new Error('time stands still');
  }

  /** Runs all that is due by now, and what follows from it at once. */
  async settle(): Promise<void> {
    await rest();
    for (let step = 0; this.#queue.next !== undefined && this.#queue.next <= this.now; step++) {
      if (step > 1_000_000) throw new Error('something goes on for ever without time passing');
      this.#queue.step();
      await rest();
    }
  }

  /** A clock for one life of a process: its timers die with it. */
  clock(life: Life): Clock {
    const guarded = (run: () => void) => () => {
      if (life.alive) run();
    };
    return {
      now: () => start + Math.floor(this.now),
      monotonicNow: () => this.now,
      after: (delayMs, run) => {
        let cancelled = false;
        this.#queue.after(
          delayMs,
          guarded(() => {
            if (!cancelled) run();
          }),
        );
        return () => (cancelled = true);
      },
      soon: (run) => this.#queue.after(0, guarded(run)),
    };
  }
}

/** From one start of a process to its end. */
export interface Life {
  alive: boolean;
}

/** Promises are done when the loop turns: nothing in the world does any real input or output. */
function rest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
