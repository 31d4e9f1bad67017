/** Runs at most `limit` things at a time; the rest wait in order. */

export interface Limiter {
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** The queue itself is bounded by who calls: one entry per task, image or network. */
export function createLimiter(limit: number): Limiter {
  const waiting: (() => void)[] = [];
  let active = 0;
  function leave(): void {
    const next = waiting.shift();
    // The place is handed over, so that nobody who comes in between takes it.
    if (next) next();
    else active--;
  }
  return {
    async run(work) {
      if (active < limit) active++;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}

/** `work` on each item, at most `limit` at a time; results in the items' order. */
export async function mapLimited<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const limiter = createLimiter(limit);
  return Promise.all(items.map((item) => limiter.run(() => work(item))));
}
