/** Who is rendered next: one at a time, a commit that is followed before one that somebody asked about, and of repositories the one that waited longest since its last turn. */

interface Waiting {
  repository: string;
  /** Of a commit that is followed. */
  followed: boolean;
  go: () => void;
}

export class RenderTurns {
  readonly #waiting: Waiting[] = [];
  /** Those that had a turn while others waited, the last one at the end. */
  readonly #served = new Set<string>();
  #busy = false;

  /** Does `work` in the repository's turn. */
  async take<T>(repository: string, followed: boolean, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((go) => {
      this.#waiting.push({ repository, followed, go });
      this.#next();
    });
    try {
      return await work();
    } finally {
      this.#busy = false;
      this.#next();
    }
  }

  #next(): void {
    if (this.#busy) return;
    const places = [...this.#served];
    const rank = ({ repository, followed }: Waiting): number => (followed ? 0 : places.length + 1) + places.indexOf(repository) + 1;
    // Of one repository those that came first go first.
    const first = this.#waiting.reduce<Waiting | undefined>((best, each) => (best && rank(best) <= rank(each) ? best : each), undefined);
    if (!first) return this.#served.clear();
    this.#waiting.splice(this.#waiting.indexOf(first), 1);
    this.#served.delete(first.repository);
    this.#served.add(first.repository);
    this.#busy = true;
    first.go();
  }
}
