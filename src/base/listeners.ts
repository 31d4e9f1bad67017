/** Those who hear of something: one that throws is told of in the log and costs itself that one word, never who tells, nor the others. */
import type { Logger } from './logger.ts';

export class Listeners<T> {
  readonly #all = new Set<(said: T) => void>();
  readonly #logger: Pick<Logger, 'error'>;
  readonly #what: string;

  /** `what` is listened to, for the log. */
  constructor(logger: Pick<Logger, 'error'>, what: string) {
    this.#logger = logger;
    this.#what = what;
  }

  /** Returns the way out. */
  add(listener: (said: T) => void): () => void {
    const own = harmless(listener, this.#logger, this.#what);
    this.#all.add(own);
    return () => void this.#all.delete(own);
  }

  tell(said: T): void {
    for (const listener of this.#all) listener(said);
  }
}

/** `listener` as one that cannot throw. */
export function harmless<T>(listener: (said: T) => void, logger: Pick<Logger, 'error'>, what: string): (said: T) => void {
  return (said) => {
    try {
      listener(said);
    } catch (error) {
      const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
      logger.error({ error: message, stack }, `a listener to ${what} failed: it misses what it was told; the others and the daemon go on`);
    }
  };
}
