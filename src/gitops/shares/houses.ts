/** Which repositories belong together: one that an operator added, and all that it declares, whoever of them does. */
import type { Repository } from '#model/object/repository';

export class Houses {
  readonly #known = new Map<string, { parent: string | undefined; name: string }>();

  note({ ID, Parent, Spec }: { ID: string; Parent?: string; Spec: Pick<Repository['Spec'], 'Name'> }): void {
    this.#known.set(ID, { parent: Parent, name: Spec.Name });
  }

  forget(id: string): void {
    this.#known.delete(id);
  }

  /** Id of the one that an operator added. */
  of(id: string): string {
    const parent = this.#known.get(id)?.parent;
    return parent === undefined ? id : this.of(parent);
  }

  /** All that are with `id` in its house, and the name of the first of them. */
  with(id: string): { name: string; ids: readonly string[] } {
    const house = this.of(id);
    return { name: this.#known.get(house)?.name ?? house, ids: [...this.#known.keys()].filter((each) => this.of(each) === house) };
  }
}
