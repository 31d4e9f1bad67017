/** Where many are let go on at once, what each does next is one turn's work together: they go through some at a time. */
import type { Clock } from '../clock.ts';

export class Gate {
  readonly #clock: Pick<Clock, 'soon'>;
  readonly #atOnce: number;
  readonly #line: (() => void)[] = [];
  /** In this turn of the event loop. */
  #passed = 0;

  /** @param atOnce how many pass in one turn of the event loop */
  constructor(clock: Pick<Clock, 'soon'>, atOnce: number) {
    this.#clock = clock;
    this.#atOnce = atOnce;
  }

  /** Resolves in the order of asking: in this turn as long as few have asked in it. */
  pass(): Promise<void> {
    if (this.#passed === this.#atOnce) return new Promise((resolve) => this.#line.push(resolve));
    this.#count();
    return Promise.resolve();
  }

  #count(): void {
    this.#passed++;
    if (this.#passed === 1) this.#clock.soon(() => this.#next());
  }

  #next(): void {
    this.#passed = 0;
    for (const go of this.#line.splice(0, this.#atOnce)) {
      this.#count();
      go();
    }
  }
}
