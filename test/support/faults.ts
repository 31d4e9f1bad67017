/** What goes wrong in one run, as data: every fault has a name that stays its own whatever else is left out. */

export class Faults {
  readonly #only: ReadonlySet<string> | undefined;
  readonly #met = new Map<string, () => string>();

  /** All faults that the seed decides on, or `only` those named. */
  constructor(only?: Iterable<string>) {
    this.#only = only && new Set(only);
  }

  /** True when the fault, which the seed decided on, is to happen; it is noted with what it is, for people. */
  strikes(name: string, what: () => string): boolean {
    if (this.#only?.has(name) === false) return false;
    this.#met.set(name, what);
    return true;
  }

  /** Names of the faults that happened, in order. */
  get names(): string[] {
    return [...this.#met.keys()];
  }

  /** One line for each fault that happened. */
  get lines(): string[] {
    return [...this.#met].map(([name, what]) => `${name}: ${what()}`);
  }
}
