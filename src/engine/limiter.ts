/** Runs at most `limit` things at a time; the rest wait in order, those of different parties in turns. */

export interface Limiter {
  /** `party`: one that has much to do does not keep others waiting. */
  run<T>(work: () => Promise<T>, party?: string): Promise<T>;
}

/** The queue itself is bounded by who calls: one entry per task, image or network. */
export function createLimiter(limit: number): Limiter {
  /** The party whose turn is next stands first. */
  const waiting = new Map<string, (() => void)[]>();
  let active = 0;
  function leave(): void {
    const next = takeNext(waiting);
    // The place is handed over, so that nobody who comes in between takes it.
    if (next) next();
    else active--;
  }
  return {
    async run(work, party = '') {
      if (active < limit) active++;
      else await new Promise<void>((resolve) => join(waiting, party, resolve));
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}

function join(waiting: Map<string, (() => void)[]>, party: string, begin: () => void): void {
  const line = waiting.get(party);
  if (line) line.push(begin);
  else waiting.set(party, [begin]);
}

function takeNext(waiting: Map<string, (() => void)[]>): (() => void) | undefined {
  for (const [party, line] of waiting) {
    const next = line.shift();
    waiting.delete(party);
    if (line.length > 0) waiting.set(party, line);
    return next;
  }
  return undefined;
}

/** `work` on each item, at most `limit` at a time; results in the items' order. */
export async function mapLimited<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const limiter = createLimiter(limit);
  return Promise.all(items.map((item) => limiter.run(() => work(item))));
}
