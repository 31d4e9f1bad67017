/**
 * Go's sort.Slice (pattern-defeating quicksort). It is not stable, and Docker sorts ports by it with the published port
 * alone: which of several ports without one comes first decides whether a redeploy changes a service.
 */

type Less = (a: number, b: number) => boolean;

const insertionLimit = 12;

/** A sorted copy, equals in the very order that Go leaves them in. */
export function sortLikeGo<T>(items: readonly T[], less: (a: T, b: T) => boolean): T[] {
  const data = [...items];
  const sorter = new Sorter(data, less);
  sorter.sort();
  return data;
}

type Hint = 'unknown' | 'increasing' | 'decreasing';

class Sorter<T> {
  private readonly less: Less;

  constructor(
    private readonly data: T[],
    compare: (a: T, b: T) => boolean,
  ) {
    this.less = (a, b) => compare(data[a] as T, data[b] as T);
  }

  sort(): void {
    this.quick(0, this.data.length, 32 - Math.clz32(this.data.length));
  }

  private swap(a: number, b: number): void {
    [this.data[a], this.data[b]] = [this.data[b] as T, this.data[a] as T];
  }

  private quick(start: number, end: number, budget: number): void {
    let [a, b, limit, balanced, partitioned] = [start, end, budget, true, true];
    for (;;) {
      const length = b - a;
      if (length <= insertionLimit) return this.insertion(a, b);
      if (limit === 0) return this.heap(a, b);
      if (!balanced) {
        this.breakPatterns(a, b);
        limit -= 1;
      }
      let { pivot, hint } = this.choosePivot(a, b);
      if (hint === 'decreasing') {
        this.reverse(a, b);
        pivot = b - 1 - (pivot - a);
        hint = 'increasing';
      }
      if (balanced && partitioned && hint === 'increasing' && this.partialInsertion(a, b)) return;
      if (a > 0 && !this.less(a - 1, pivot)) {
        a = this.partitionEqual(a, b, pivot);
        continue;
      }
      const middle = this.partition(a, b, pivot);
      partitioned = middle.already;
      const [left, right] = [middle.at - a, b - middle.at];
      balanced = Math.min(left, right) >= Math.floor(length / 8);
      if (left < right) {
        this.quick(a, middle.at, limit);
        a = middle.at + 1;
      } else {
        this.quick(middle.at + 1, b, limit);
        b = middle.at;
      }
    }
  }

  private insertion(a: number, b: number): void {
    for (let i = a + 1; i < b; i += 1) for (let j = i; j > a && this.less(j, j - 1); j -= 1) this.swap(j, j - 1);
  }

  private heap(first: number, end: number): void {
    const size = end - first;
    for (let i = Math.floor((size - 1) / 2); i >= 0; i -= 1) this.siftDown(i, size, first);
    for (let i = size - 1; i >= 0; i -= 1) {
      this.swap(first, first + i);
      this.siftDown(0, i, first);
    }
  }

  private siftDown(low: number, high: number, first: number): void {
    for (let root = low; ;) {
      let child = 2 * root + 1;
      if (child >= high) return;
      if (child + 1 < high && this.less(first + child, first + child + 1)) child += 1;
      if (!this.less(first + root, first + child)) return;
      this.swap(first + root, first + child);
      root = child;
    }
  }

  private breakPatterns(a: number, b: number): void {
    const length = b - a;
    if (length < 8) return;
    let random = BigInt(length);
    const modulus = 1 << (32 - Math.clz32(length));
    const index = a + Math.floor(length / 4) * 2 - 1;
    for (let i = 0; i < 3; i += 1) {
      random ^= BigInt.asUintN(64, random << 13n);
      random ^= random >> 7n;
      random = BigInt.asUintN(64, random ^ (random << 17n));
      let other = Number(random & BigInt(modulus - 1));
      if (other >= length) other -= length;
      this.swap(index - 1 + i, a + other);
    }
  }

  private choosePivot(a: number, b: number): { pivot: number; hint: Hint } {
    const length = b - a;
    const quarter = Math.floor(length / 4);
    const swaps = { count: 0 };
    let [i, j, k] = [a + quarter, a + quarter * 2, a + quarter * 3];
    if (length >= 50) {
      i = this.median(i - 1, i, i + 1, swaps);
      j = this.median(j - 1, j, j + 1, swaps);
      k = this.median(k - 1, k, k + 1, swaps);
    }
    if (length >= 8) j = this.median(i, j, k, swaps);
    if (swaps.count === 0) return { pivot: j, hint: 'increasing' };
    return { pivot: j, hint: swaps.count === 12 ? 'decreasing' : 'unknown' };
  }

  private median(a: number, b: number, c: number, swaps: { count: number }): number {
    const order = (x: number, y: number): [number, number] => {
      if (!this.less(y, x)) return [x, y];
      swaps.count += 1;
      return [y, x];
    };
    const [low, high] = order(a, b);
    const [middle] = order(high, c);
    return order(low, middle)[1];
  }

  private reverse(a: number, b: number): void {
    for (let [i, j] = [a, b - 1]; i < j; [i, j] = [i + 1, j - 1]) this.swap(i, j);
  }

  private partialInsertion(a: number, b: number): boolean {
    let i = a + 1;
    for (let step = 0; step < 5; step += 1) {
      while (i < b && !this.less(i, i - 1)) i += 1;
      if (i === b) return true;
      if (b - a < 50) return false;
      this.swap(i, i - 1);
      if (i - a >= 2) for (let j = i - 1; j >= 1 && this.less(j, j - 1); j -= 1) this.swap(j, j - 1);
      if (b - i >= 2) for (let j = i + 1; j < b && this.less(j, j - 1); j += 1) this.swap(j, j - 1);
    }
    return false;
  }

  private partitionEqual(a: number, b: number, pivot: number): number {
    this.swap(a, pivot);
    let [i, j] = [a + 1, b - 1];
    for (;;) {
      while (i <= j && !this.less(a, i)) i += 1;
      while (i <= j && this.less(a, j)) j -= 1;
      if (i > j) return i;
      this.swap(i, j);
      i += 1;
      j -= 1;
    }
  }

  private partition(a: number, b: number, pivot: number): { at: number; already: boolean } {
    this.swap(a, pivot);
    let [i, j] = [a + 1, b - 1];
    const advance = (): void => {
      while (i <= j && this.less(i, a)) i += 1;
      while (i <= j && !this.less(j, a)) j -= 1;
    };
    advance();
    if (i > j) {
      this.swap(j, a);
      return { at: j, already: true };
    }
    for (;;) {
      this.swap(i, j);
      i += 1;
      j -= 1;
      advance();
      if (i > j) break;
    }
    this.swap(j, a);
    return { at: j, already: false };
  }
}
