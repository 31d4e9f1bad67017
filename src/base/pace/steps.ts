/** Long work in steps: who drives it may let others have their turn between two of them. */
import { nextTurn, type Clock } from '../clock.ts';
import { turnOf } from './turn.ts';

export type Steps<T> = Generator<undefined, T>;

/** All steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

type Turns = Pick<Clock, 'monotonicNow' | 'soon'>;

/** Some steps a turn, as many as other works leave room for, the others in later ones. Ends with undefined when `goOn` says no after a pause: what the work rests on may have changed there. `turned` hears what each turn took. */
export function inTurns<T>(steps: Steps<T>, clock: Turns): Promise<T>;
export function inTurns<T>(steps: Steps<T>, clock: Turns, goOn: () => boolean, turned?: (ms: number) => void): Promise<T | undefined>;
export async function inTurns<T>(
  steps: Steps<T>,
  clock: Turns,
  goOn: () => boolean = () => true,
  turned: (ms: number) => void = () => {},
): Promise<T | undefined> {
  const turn = turnOf(clock);
  for (;;) {
    const began = turn.begin();
    const end = turn.endOf(began);
    for (let now = began; now < end; now = clock.monotonicNow()) {
      const { done, value } = steps.next();
      if (done !== true) continue;
      turned(clock.monotonicNow() - began);
      return value;
    }
    turned(clock.monotonicNow() - began);
    await nextTurn(clock);
    if (!goOn()) return undefined;
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
