/** What came lately: a delivery counts once, and a flood of them asks for few looks. */
import type { Clock } from '#base/clock';

/** Ids that are remembered, and for how long: forges repeat what failed within minutes. */
const mostIds = 10_000;
const rememberedMs = 24 * 3_600_000;

/** Deliveries that were seen already. */
export class Seen {
  readonly #at = new Map<string, number>();
  readonly #clock: Pick<Clock, 'monotonicNow'>;

  constructor(clock: Pick<Clock, 'monotonicNow'>) {
    this.#clock = clock;
  }

  /** Whether it is new; it is not new again. */
  note(id: string): boolean {
    const now = this.#clock.monotonicNow();
    const before = this.#at.get(id);
    if (before !== undefined && now - before < rememberedMs) return false;
    this.#at.delete(id);
    this.#at.set(id, now);
    for (const oldest of this.#at.keys()) {
      if (this.#at.size <= mostIds) break;
      this.#at.delete(oldest);
    }
    return true;
  }
}

/** After a look the next one waits until nobody asked for so long. */
const quietMs = 1_000;
/** But no longer than this after the last one began. */
const longestMs = 10_000;

/** Looks at a repository: the first is at once, those that follow soon come together. */
export class Looks {
  readonly #look: (name: string) => Promise<void>;
  readonly #clock: Pick<Clock, 'monotonicNow' | 'after'>;
  readonly #states = new Map<string, { begunAt: number; cancel?: () => void }>();

  constructor(look: (name: string) => Promise<void>, clock: Pick<Clock, 'monotonicNow' | 'after'>) {
    this.#look = look;
    this.#clock = clock;
  }

  ask(name: string): void {
    const now = this.#clock.monotonicNow();
    const known = this.#states.get(name);
    if (!known || now - known.begunAt >= longestMs) {
      known?.cancel?.();
      return this.#begin(name);
    }
    known.cancel?.();
    known.cancel = this.#clock.after(Math.min(quietMs, known.begunAt + longestMs - now), () => this.#begin(name));
  }

  stop(): void {
    for (const { cancel } of this.#states.values()) cancel?.();
    this.#states.clear();
  }

  #begin(name: string): void {
    this.#states.set(name, { begunAt: this.#clock.monotonicNow() });
    void this.#look(name);
  }
}
