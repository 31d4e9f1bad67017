/** What was asked of a cluster while things fail: what was acknowledged must be there in the end, and what was not may be. */

/** What a service is to be; undefined: it is gone. */
export type Wanted = { replicas: number; word: string; secret: string } | undefined;

export class Ledger {
  /** By service name: what it may be by now. More than one where an answer was lost. */
  readonly #possible = new Map<string, readonly Wanted[]>();
  acknowledged = 0;
  unanswered = 0;

  /** Names of services that are there, or may be. */
  get names(): string[] {
    return [...this.#possible].filter(([, possible]) => possible.some((each) => each !== undefined)).map(([name]) => name);
  }

  possible(name: string): readonly Wanted[] {
    return this.#possible.get(name) ?? [undefined];
  }

  /** Every service that was ever asked for. */
  get all(): string[] {
    return [...this.#possible.keys()];
  }

  done(name: string, wanted: Wanted): void {
    this.acknowledged++;
    this.#possible.set(name, [wanted]);
  }

  /** Nobody knows whether it took effect. */
  perhaps(name: string, wanted: Wanted): void {
    this.unanswered++;
    this.#possible.set(name, [...this.possible(name), wanted]);
  }

  /** Undefined where `seen` is what the service may be. */
  fault(name: string, seen: Wanted): string | undefined {
    const text = JSON.stringify(seen ?? null);
    const possible = this.possible(name).map((each) => JSON.stringify(each ?? null));
    return possible.includes(text) ? undefined : `${name} is ${text} and not ${possible.join(' or ')}`;
  }
}
