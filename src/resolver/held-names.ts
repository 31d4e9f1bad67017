/** The table of names that is answered from, as one daemon after the other changes it. */
import { NameTable } from '#network/names';
import type { ApplyMessage } from './protocol.ts';

export class HeldNames {
  #table: NameTable | undefined;
  #silent: readonly string[] = [];

  /** Undefined until a daemon has told any. */
  get table(): NameTable | undefined {
    return this.#table;
  }

  get silent(): readonly string[] {
    return this.#silent;
  }

  /** What another process left. */
  take(services: ReturnType<NameTable['services']> | undefined, silent: readonly string[]): void {
    this.#silent = silent;
    if (services) this.#table = new NameTable(services, silent);
  }

  apply({ set, removed, complete, silent }: Pick<ApplyMessage, 'set' | 'removed' | 'complete' | 'silent'>): NameTable {
    const before = this.#table;
    let table = before;
    // A new table is made whole before it counts: no query meets half of it.
    if (complete || !table || silent.join() !== this.#silent.join()) {
      table = new NameTable(complete || !before ? [] : before.services(), silent);
      this.#silent = silent;
    }
    for (const id of removed) table.remove(id);
    for (const service of set) table.set(service);
    this.#table = table;
    return table;
  }
}
