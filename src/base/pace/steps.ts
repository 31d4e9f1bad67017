/** Long work in steps: who drives it may let others have their turn between two of them. */
import { nextTurn, type Clock } from '../clock.ts';

export type Steps<T> = Generator<undefined, T>;

/** All steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Steps of one turn of the event loop take about so long (ms). */
const turnMs = 5;

type Turns = Pick<Clock, 'monotonicNow' | 'soon'>;

/** Some steps a turn, the others in later ones. Ends with undefined when `goOn` says no after a pause: what the work rests on may have changed there. `turned` hears what each turn took. */
export function inTurns<T>(steps: Steps<T>, clock: Turns): Promise<T>;
export function inTurns<T>(steps: Steps<T>, clock: Turns, goOn: () => boolean, turned?: (ms: number) => void): Promise<T | undefined>;
export async function inTurns<T>(
  steps: Steps<T>,
  clock: Turns,
  goOn: () => boolean = () => true,
  turned: (ms: number) => void = () => {},
): Promise<T | undefined> {
  for (let began = clock.monotonicNow(); ;) {
    const { done, value } = steps.next();
    const tookMs = clock.monotonicNow() - began;
    if (done === true) turned(tookMs);
    if (done === true) return value;
    if (tookMs < turnMs) continue;
    turned(tookMs);
    await nextTurn(clock);
    if (!goOn()) return undefined;
    began = clock.monotonicNow();
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
