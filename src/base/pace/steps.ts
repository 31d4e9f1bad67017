/** Long work in steps: who drives it may let others have their turn between two of them. */
import { turnOf, type Turns } from './turn.ts';

export type Steps<T> = Generator<undefined, T>;

/** All steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

export interface InTurns {
  /** What the work rests on may have changed in a pause: whether it still stands. */
  goOn?: () => boolean;
  /** Hears what each turn took. */
  turned?: (ms: number) => void;
  /** Before all others that wait for their turn. */
  goesFirst?: boolean;
}

/** Some steps a turn, as many as other works leave room for, the others in later ones. Ends with undefined when `goOn` says no. */
export function inTurns<T>(steps: Steps<T>, clock: Turns): Promise<T>;
export function inTurns<T>(steps: Steps<T>, clock: Turns, how: InTurns): Promise<T | undefined>;
export async function inTurns<T>(steps: Steps<T>, clock: Turns, { goOn, turned, goesFirst = false }: InTurns = {}): Promise<T | undefined> {
  const turn = turnOf(clock);
  for (;;) {
    const wait = turn.enter(goesFirst);
    if (wait) await wait;
    const began = turn.begin();
    try {
      if (wait && goOn && !goOn()) return undefined;
      const end = turn.endOf(began);
      for (let now = began; now < end; now = clock.monotonicNow()) {
        const { done, value } = steps.next();
        if (done === true) return value;
      }
    } finally {
      // Whatever a listener does, the others have their turn.
      turn.leave();
      turned?.(clock.monotonicNow() - began);
    }
  }
}

/** A list of what is made one by one, each in a step of its own. */
export function* gathered<T>(items: Iterable<T>): Steps<T[]> {
  const list: T[] = [];
  for (const item of items) {
    list.push(item);
    yield;
  }
  return list;
}

/** Counts what is looked at, and says when so much was that a step ends. */
export class Pace {
  readonly #every: number;
  #looks = 0;

  constructor(every: number) {
    this.#every = every;
  }

  get isDue(): boolean {
    if (++this.#looks < this.#every) return false;
    this.#looks = 0;
    return true;
  }
}
