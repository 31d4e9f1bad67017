/** Work that looks at all there is: one look at a time, and one more for everybody who asked while it was under way. */
import type { Clock } from '../clock.ts';

export class Repeater {
  readonly #look: () => Promise<void>;
  readonly #failed: (error: unknown) => void;
  readonly #clock: Pick<Clock, 'after' | 'monotonicNow'>;
  #cancel: () => void = () => {};
  /** When the look begins that was put off. */
  #dueMs = Infinity;
  #work: Promise<void> = Promise.resolve();
  #working = false;
  #again = false;
  #stopped = false;

  /** `failed` hears of a look that failed before another one begins, and says with `askIn` when that is; not after the stop. What it throws itself reaches the process. */
  constructor(look: () => Promise<void>, failed: (error: unknown) => void, clock: Pick<Clock, 'after' | 'monotonicNow'>) {
    this.#look = look;
    this.#failed = failed;
    this.#clock = clock;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Looks now, or once more when the look under way is done. */
  ask(): void {
    if (this.#stopped) return;
    this.#cancel();
    this.#dueMs = Infinity;
    this.#again = true;
    if (!this.#working) this.#work = this.#run();
  }

  /** Looks after `delayMs`, unless somebody asks before; the earliest such wish counts, and one more makes it no later. */
  askIn(delayMs: number): void {
    const dueMs = this.#clock.monotonicNow() + delayMs;
    if (this.#stopped || dueMs >= this.#dueMs) return;
    this.#cancel();
    this.#dueMs = dueMs;
    this.#cancel = this.#clock.after(delayMs, () => this.ask());
  }

  /** No look begins any more. Resolves when the one under way is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#work;
  }

  async #run(): Promise<void> {
    this.#working = true;
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#look();
      } catch (error) {
        if (!this.#stopped) this.#failed(error);
      }
    }
    // In one step with the last look at `#again`: whoever asks from now on begins anew.
    this.#working = false;
  }
}
