/** Who may talk to a server now: some at once, and of those that failed last time only few, so that they keep nobody waiting. */
import { Refusal } from '#base/refusal';

const mostAtOnce = 8;
const mostTroubled = 2;

interface Waiting {
  key: string;
  go: () => void;
}

export class Lanes {
  readonly #troubled = new Set<string>();
  readonly #inside: string[] = [];
  #waiting: Waiting[] = [];

  /** Resolves when it is `key`'s turn, to what must be called at the end. Refuses when `signal` ends the wait. */
  async enter(key: string, signal: AbortSignal): Promise<(how: 'well' | 'badly') => void> {
    await new Promise<void>((resolve, reject) => {
      const turn: Waiting = { key, go: resolve };
      const give = (): void => {
        this.#waiting = this.#waiting.filter((each) => each !== turn);
        reject(new Refusal('unavailable', 'the look was ended'));
      };
      if (signal.aborted) return give();
      signal.addEventListener('abort', give, { once: true });
      turn.go = () => {
        signal.removeEventListener('abort', give);
        resolve();
      };
      this.#waiting.push(turn);
      this.#admit();
    });
    return (how) => {
      this.#inside.splice(this.#inside.indexOf(key), 1);
      if (how === 'well') this.#troubled.delete(key);
      else this.#troubled.add(key);
      this.#admit();
    };
  }

  #admit(): void {
    for (const turn of this.#waiting) {
      if (this.#inside.length >= mostAtOnce) return;
      const troubled = this.#inside.filter((key) => this.#troubled.has(key)).length;
      if (this.#troubled.has(turn.key) && troubled >= mostTroubled) continue;
      this.#waiting = this.#waiting.filter((each) => each !== turn);
      this.#inside.push(turn.key);
      turn.go();
    }
  }
}
