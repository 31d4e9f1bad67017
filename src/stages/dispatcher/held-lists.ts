/** Lists that are made once for many who ask for the same. */
import type { AssignmentUpdate } from '#model/object/assignment';

type List = readonly AssignmentUpdate[];

/** So many are kept: who all ask for another must not leave one each. */
const keptLists = 16;

export class HeldLists {
  readonly #lists = new Map<string, List>();

  get isEmpty(): boolean {
    return this.#lists.size === 0;
  }

  /** The list of that name, made where it is not here; the one that was asked for longest ago makes room. */
  of(name: string, make: () => List): List {
    const list = this.#lists.get(name) ?? make();
    this.#lists.delete(name);
    this.#lists.set(name, list);
    for (const oldest of this.#lists.keys()) {
      if (this.#lists.size <= keptLists) break;
      this.#lists.delete(oldest);
    }
    return list;
  }

  clear(): void {
    this.#lists.clear();
  }
}
