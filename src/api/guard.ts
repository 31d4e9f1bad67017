/** The one wrapper around everything that calls back into the API: what throws, rejects or fails late is logged here and costs itself only. */
import type { EventEmitter } from 'node:events';
import type { Logger } from '#base/logger';

/** What becomes of a failure: said in the log, and done. */
export interface Consequence {
  /** Such as `the connection is closed`. */
  follows: string;
  /** Frees what the callback held; may fail itself. */
  undo?: (error: unknown) => void;
}

export class Guard {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** `run` as a callback that can neither throw nor leave a rejection behind. */
  callback<A extends unknown[]>(what: string, run: (...args: A) => unknown, consequence: Consequence): (...args: A) => void {
    return (...args) => {
      try {
        const result = run(...args);
        if (isThenable(result)) result.then(undefined, (error: unknown) => this.#failed(what, error, consequence));
      } catch (error) {
        this.#failed(what, error, consequence);
      }
    };
  }

  /** Starts work that nobody waits for. */
  start(what: string, run: () => unknown, consequence: Consequence): void {
    this.callback(what, run, consequence)();
  }

  /** Listens as long as the emitter lives. */
  on<A extends unknown[]>(emitter: Pick<EventEmitter, 'on'>, event: string, run: (...args: A) => unknown, consequence: Consequence): void {
    emitter.on(event, this.callback(event, run as (...args: unknown[]) => unknown, consequence));
  }

  #failed(what: string, error: unknown, { follows, undo }: Consequence): void {
    this.#logger.error({ error: textOf(error), stack: (error as Error | undefined)?.stack }, `${what} failed: ${follows}`);
    try {
      undo?.(error);
    } catch (second) {
      this.#logger.error({ error: textOf(second) }, `${what} failed, and cleaning up after it too: the daemon goes on`);
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
