/** Lines of a log that would say the same again and again: each is told once in a while, with how often it was left out. */

/** Kinds that are remembered; beyond, the oldest begins anew. */
const rememberedKinds = 1000;

export class Repetition {
  readonly #everyMs: number;
  readonly #told = new Map<string, { at: number; leftOut: number }>();

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** How often this kind was left out since it was told last; undefined: it is left out now too. `now` is of a clock that nobody sets. */
  tell(kind: string, now: number): number | undefined {
    const told = this.#told.get(kind);
    if (told && now - told.at < this.#everyMs) {
      told.leftOut++;
      return undefined;
    }
    this.#told.delete(kind);
    this.#told.set(kind, { at: now, leftOut: 0 });
    for (const oldest of this.#told.keys()) {
      if (this.#told.size <= rememberedKinds) break;
      this.#told.delete(oldest);
    }
    return told?.leftOut ?? 0;
  }
}
