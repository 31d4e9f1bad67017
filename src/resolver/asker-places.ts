/** How many queries may wait for the host's own resolvers, and whose. */

/** Beyond this many at once, queries fail: a resolver that is down must not fill our memory. */
const limit = 1000;
/** One container that asks without end leaves the rest to the others. */
const perAskerLimit = 200;
/** From here on each asker has an equal share: a few that ask for what nobody answers leave the others theirs. */
const crowded = limit / 2;
/** However many they are, as long as there are places. */
const least = 4;

export class AskerPlaces {
  readonly #waiting = new Map<string, number>();
  #inAll = 0;

  /** A place for one query, to be left; undefined when there is none for this asker (an address). */
  take(asker: string): (() => void) | undefined {
    const asked = this.#waiting.get(asker) ?? 0;
    const share = this.#inAll < crowded ? perAskerLimit : Math.max(least, Math.min(perAskerLimit, Math.floor(crowded / (this.#waiting.size + 1))));
    if (this.#inAll >= limit || asked >= share) return undefined;
    this.#waiting.set(asker, asked + 1);
    this.#inAll += 1;
    return () => this.#leave(asker);
  }

  #leave(asker: string): void {
    this.#inAll -= 1;
    const left = (this.#waiting.get(asker) ?? 1) - 1;
    if (left > 0) this.#waiting.set(asker, left);
    else this.#waiting.delete(asker);
  }
}
