/** The beat by which a member measures time, while anybody is waited for: an idle process is to sleep. */
import type { Clock } from '#base/clock';

export class Pulse {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #beat: () => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, everyMs: number, beat: () => void) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#beat = beat;
  }

  /** Beats from now on, or no longer. Asked again before each further beat. */
  keep(wanted: boolean): void {
    if (!wanted) return this.stop();
    this.#cancel ??= this.#clock.after(this.#everyMs, () => {
      this.#cancel = undefined;
      this.#beat();
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
