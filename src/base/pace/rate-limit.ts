/** How often something may happen for each of many keys within a while; what it remembers has a bound. */
interface Count {
  /** When the window began, ms. */
  since: number;
  happened: number;
}

/** Keys remembered; beyond, the oldest are forgotten. */
const longest = 10_000;

export class RateLimit {
  readonly #counts = new Map<string, Count>();

  constructor(
    readonly limit: number,
    readonly windowMs: number,
  ) {}

  /** Milliseconds until `key` may go on; 0: at once. */
  waitMs(key: string, now: number): number {
    const count = this.#counts.get(key);
    if (!count || count.happened < this.limit) return 0;
    return Math.max(0, count.since + this.windowMs - now);
  }

  count(key: string, now: number): void {
    const known = this.#counts.get(key);
    if (known && now - known.since < this.windowMs && now >= known.since) return void known.happened++;
    this.#counts.delete(key);
    this.#counts.set(key, { since: now, happened: 1 });
    if (this.#counts.size > longest) for (const oldest of this.#counts.keys()) return void this.#counts.delete(oldest);
  }
}
