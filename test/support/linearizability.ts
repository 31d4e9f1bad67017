/** Decides whether a history of concurrent operations could have happened one after the other: the search of Wing, Gong and Lowe. */

export interface Operation<I, O> {
  /** When it was asked. Times order the history; equal times count as concurrent. */
  readonly call: number;
  /** When its outcome was known; Infinity when it never was: it may then take effect at any later time, or never. */
  readonly done: number;
  readonly input: I;
  /** What came back; of no meaning without an outcome. */
  readonly output: O | undefined;
}

export interface Model<S, I, O> {
  readonly initial: S;
  /** The state after `input`; undefined when `output` is impossible in `state`. An operation of unknown outcome may return anything. */
  step(state: S, input: I, output: O | undefined, known: boolean): S | undefined;
  /** Equal states have equal texts. */
  text(state: S): string;
}

export type Verdict = 'linearizable' | 'impossible' | 'unknown';

interface Event {
  readonly at: number;
  readonly operation: number;
  readonly returns: boolean;
}

function eventsOf(history: readonly Operation<unknown, unknown>[]): Event[] {
  const events = history.flatMap(({ call, done }, operation): Event[] => [
    { at: call, operation, returns: false },
    ...(done === Infinity ? [] : [{ at: done, operation, returns: true }]),
  ]);
  // Calls before returns at one time: who cannot be told apart is concurrent.
  return events.sort((a, b) => a.at - b.at || Number(a.returns) - Number(b.returns));
}

/**
 * Tries to bring the operations into one order that the model allows and in which nothing moves before its call or behind
 * its return. Gives up as unknown after `maxSteps` tries. Partition the history by key before: the search is exponential.
 */
export function checkHistory<S, I, O>(model: Model<S, I, O>, history: readonly Operation<I, O>[], maxSteps = 1_000_000): Verdict {
  let left = eventsOf(history);
  let state = model.initial;
  let taken = 0n;
  const seen = new Set<string>();
  const stack: { left: Event[]; state: S; taken: bigint; next: number }[] = [];
  let from = 0;
  for (let steps = 0; ; steps++) {
    if (steps > maxSteps) return 'unknown';
    // Operations without an outcome may stay out: only returns must be met.
    if (!left.some((event) => event.returns)) return 'linearizable';
    const found = candidate(left, from);
    if (found < 0) {
      const back = stack.pop();
      if (!back) return 'impossible';
      ({ left, state, taken } = back);
      from = back.next;
      continue;
    }
    from = found + 1;
    const { operation } = left[found] as Event;
    const { input, output, done } = history[operation] as Operation<I, O>;
    const next = model.step(state, input, output, done !== Infinity);
    if (next === undefined) continue;
    const after = taken | (1n << BigInt(operation));
    const key = `${after} ${model.text(next)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    stack.push({ left, state, taken, next: from });
    left = left.filter((event) => event.operation !== operation);
    [state, taken, from] = [next, after, 0];
  }
}

/** The next call from `from` on that may come first: none behind a return may. */
function candidate(left: readonly Event[], from: number): number {
  for (let at = 0; at < left.length; at++) {
    if (left[at]?.returns) return -1;
    if (at >= from) return at;
  }
  return -1;
}
