/** Virtual time: events in order of time, equal times in an order drawn from the seed. */
import type { Random } from '#base/random';

interface Event {
  readonly at: number;
  readonly tie: number;
  readonly run: () => void;
}

export class EventQueue {
  now = 0;
  readonly #heap: Event[] = [];
  readonly #ties: Random;

  constructor(ties: Random) {
    this.#ties = ties;
  }

  /** When the next event is due. */
  get next(): number | undefined {
    return this.#heap[0]?.at;
  }

  after(delay: number, run: () => void): void {
    const heap = this.#heap;
    let at = heap.push({ at: this.now + delay, tie: this.#ties.next(), run }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    const heap = this.#heap;
    const next = heap[0];
    const last = heap.pop();
    if (!next || !last) return false;
    if (heap.length > 0) {
      heap[0] = last;
      this.#sink();
    }
    this.now = next.at;
    next.run();
    return true;
  }

  #sink(): void {
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < this.#heap.length && this.#before(child, least)) least = child;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #before(a: number, b: number): boolean {
    const left = this.#heap[a] as Event;
    const right = this.#heap[b] as Event;
    return left.at < right.at || (left.at === right.at && left.tie < right.tie);
  }

  #swap(a: number, b: number): void {
    const left = this.#heap[a] as Event;
    this.#heap[a] = this.#heap[b] as Event;
    this.#heap[b] = left;
  }
}
