/** A binary heap: the best item first. */

export class Heap<T> {
  readonly #items: T[] = [];
  readonly #isBetter: (a: T, b: T) => boolean;

  constructor(isBetter: (a: T, b: T) => boolean) {
    this.#isBetter = isBetter;
  }

  /** The best item, which stays in. */
  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfBetter(at, parent)) return;
      at = parent;
    }
  }

  /** Takes the best item out. */
  pop(): T | undefined {
    const items = this.#items;
    const best = items[0];
    const last = items.pop();
    if (best === undefined || last === undefined || items.length === 0) return best;
    items[0] = last;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= items.length) return best;
      const right = left + 1;
      const child = right < items.length && this.#isBetter(items[right] as T, items[left] as T) ? right : left;
      if (!this.#swapIfBetter(child, at)) return best;
      at = child;
    }
  }

  #swapIfBetter(child: number, parent: number): boolean {
    const items = this.#items;
    const [lower, upper] = [items[child] as T, items[parent] as T];
    if (!this.#isBetter(lower, upper)) return false;
    items[child] = upper;
    items[parent] = lower;
    return true;
  }
}
