/** What failed is tried again ever more slowly, each thing by itself. */
import type { Clock } from '../clock.ts';

export interface RetryTimes {
  /** After the first failure, ms; twice as long after each further one. */
  firstMs: number;
  slowestMs: number;
  /** Failures so long ago (ms) count no more. */
  calmMs?: number;
}

interface Failed {
  count: number;
  /** By the monotonic clock. */
  at: number;
}

export class Retries {
  readonly #times: RetryTimes;
  readonly #clock: Pick<Clock, 'monotonicNow'>;
  readonly #failed = new Map<string, Failed>();

  constructor(times: RetryTimes, clock: Pick<Clock, 'monotonicNow'>) {
    this.#times = times;
    this.#clock = clock;
  }

  /** Notes a failure; returns how many there were in a row. */
  failed(what: string): number {
    const count = (this.#known(what)?.count ?? 0) + 1;
    // What counts no more is not kept either: things may come and go under ever new names.
    if (this.#times.calmMs !== undefined) this.keep((each) => this.#known(each) !== undefined);
    this.#failed.set(what, { count, at: this.#clock.monotonicNow() });
    return count;
  }

  /** It went well, or is there no more. */
  forget(what: string): void {
    this.#failed.delete(what);
  }

  /** Forgets all that is not to be kept. */
  keep(isKept: (what: string) => boolean): void {
    for (const what of this.#failed.keys()) if (!isKept(what)) this.#failed.delete(what);
  }

  /** How long after its last failure it is tried again; undefined where it did not fail. */
  delayMs(what: string): number | undefined {
    const known = this.#known(what);
    return known && this.#delayOf(known);
  }

  isDue(what: string): boolean {
    return this.dueInMs(what) === 0;
  }

  /** In how many ms it is tried again; 0: now. */
  dueInMs(what: string): number {
    const known = this.#known(what);
    return known ? Math.max(0, known.at + this.#delayOf(known) - this.#clock.monotonicNow()) : 0;
  }

  /** In how many ms the first of all is due; undefined where nothing failed. */
  nextMs(): number | undefined {
    const now = this.#clock.monotonicNow();
    const times = [...this.#failed.values()].map((known) => known.at + this.#delayOf(known) - now);
    return times.length > 0 ? Math.max(0, Math.min(...times)) : undefined;
  }

  #known(what: string): Failed | undefined {
    const known = this.#failed.get(what);
    return known && this.#clock.monotonicNow() - known.at <= (this.#times.calmMs ?? Infinity) ? known : undefined;
  }

  #delayOf({ count }: Failed): number {
    const { firstMs, slowestMs } = this.#times;
    return Math.min(slowestMs, firstMs * 2 ** (count - 1));
  }
}
