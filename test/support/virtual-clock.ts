/** A clock that stands still until it is told to go on. */
import type { Clock } from '#base/clock';

interface Timer {
  at: number;
  order: number;
  run(): void;
}

export class VirtualClock implements Clock {
  #now: number;
  #order = 0;
  readonly #timers = new Set<Timer>();
  /** What the wall shows beside what has passed. */
  #offset = 0;

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now + this.#offset;
  }

  monotonicNow(): number {
    return this.#now;
  }

  /** Somebody sets the clock on the wall; no time passes. */
  set(byMs: number): void {
    this.#offset += byMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#now + delayMs, order: this.#order++, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  /** Timers that are set. */
  get running(): number {
    return this.#timers.size;
  }

  /** Time of the earliest timer; undefined when none runs. */
  get next(): number | undefined {
    return this.#earliest()?.at;
  }

  /** Goes on by `ms`; lets everything that each timer starts come to rest before the next one. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let timer = this.#earliest(); timer && timer.at <= end; timer = this.#earliest()) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.run();
      await settle();
    }
    this.#now = end;
  }

  /** Goes on by `ms` without running any timer, as when the machine was suspended. */
  sleep(ms: number): void {
    this.#now += ms;
  }

  #earliest(): Timer | undefined {
    return [...this.#timers].sort((a, b) => a.at - b.at || a.order - b.order)[0];
  }
}

/** Turns of the event loop that a chain of in-memory steps takes at most. */
const turns = 12;

/** Lets promises and immediates that are under way finish. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}
