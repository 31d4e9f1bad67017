/** Which repositories belong together: one that an operator added, and all that it declares, whoever of them does. */
import type { Repository } from '#model/object/repository';

export class Houses {
  /** Repository → the one that declares it. */
  readonly #parents = new Map<string, string>();

  note({ ID, Parent }: Pick<Repository, 'ID' | 'Parent'>): void {
    if (Parent !== undefined) this.#parents.set(ID, Parent);
  }

  forget(id: string): void {
    this.#parents.delete(id);
  }

  /** Id of the one that an operator added. */
  of(id: string): string {
    const parent = this.#parents.get(id);
    return parent === undefined ? id : this.of(parent);
  }
}
