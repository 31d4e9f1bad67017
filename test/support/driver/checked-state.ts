/** The production state machine, watched: at each index all managers must come to the same, in the same order. */
import type { Turns } from '#base/pace/turn';
import type { Committed, Outcome } from '#replica/replicated-log';
import { ReplicatedState } from '#replica/state';
import { kinds } from '#model/object/object';
import type { Store } from '#store/store';
import { Violation } from '#test/simulation/tier';

/** What the whole world knows of the log: index → what every manager must come to there. */
export class CommonHistory {
  readonly #at = new Map<number, { effect: string; state: string; bytes: Uint8Array }>();
  /** Highest index that anybody applied. */
  last = 0;
  ignored = 0;

  /** What took effect, in order, as it was written. */
  get entries(): readonly Uint8Array[] {
    return [...this.#at.entries()].toSorted(([a], [b]) => a - b).flatMap(([, { effect, bytes }]) => (effect === 'applied' ? [bytes] : []));
  }

  note(who: string, { index, bytes }: Committed, effect: string, state: string): void {
    const known = this.#at.get(index);
    if (!known) {
      this.#at.set(index, { effect, state, bytes });
      if (effect !== 'applied') this.ignored++;
      this.last = Math.max(this.last, index);
      return;
    }
    if (known.effect !== effect) throw new Violation('one outcome', `entry ${index} is ${effect} on ${who}, and was ${known.effect} elsewhere`);
    if (known.state !== state) throw new Violation('one state', `after entry ${index} ${who} holds\n${state}\nand elsewhere it was\n${known.state}`);
  }

  /** A restored state must be the one that entries made. */
  compare(who: string, index: number, state: string): void {
    // The snapshot's own index may be that of an entry without effect, or of a term's first.
    let at = index;
    while (at > 0 && !this.#at.has(at)) at--;
    const known = this.#at.get(at);
    if (known && known.state !== state)
      throw new Violation('restored state', `${who} restored ${index} as\n${state}\nand entry ${at} had made\n${known.state}`);
  }
}

export class CheckedState extends ReplicatedState {
  readonly #who: string;
  readonly #history: CommonHistory;
  readonly #broken: (error: unknown) => void;

  constructor(who: string, history: CommonHistory, broken: (error: unknown) => void, clock: Turns) {
    super(clock);
    this.#who = who;
    this.#history = history;
    this.#broken = broken;
  }

  override apply(committed: Committed): Outcome | Promise<Outcome> {
    const outcome = super.apply(committed);
    if (outcome instanceof Promise) return outcome.then((known) => this.#note(committed, known));
    return this.#note(committed, outcome);
  }

  override async restore(index: number, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    await super.restore(index, pieces);
    this.#look(() => this.#history.compare(this.#who, index, stateText(this.store)));
  }

  #note(committed: Committed, outcome: Outcome): Outcome {
    this.#look(() => this.#history.note(this.#who, committed, outcome.applied ? 'applied' : outcome.reason, stateText(this.store)));
    return outcome;
  }

  #look(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#broken(error);
    }
  }
}

/** Hash, version, and every order in which the store hands things out. */
function stateText(store: Store): string {
  const ids = (objects: Iterable<{ ID: string }>): string => [...objects].map(({ ID }) => ID).join(' ');
  const services = [...store.list('service')].map(({ ID }) => `of ${ID}: ${ids(store.tasksOfService(ID))}`);
  const nodes = ['', ...[...store.list('node')].map(({ ID }) => ID)].map((id) => `on ${id}: ${ids(store.tasksOfNode(id))}`);
  return [store.hash(), store.index, ...kinds.map((kind) => `${kind}: ${ids(store.list(kind))}`), ...services, ...nodes].join('\n');
}
