/** Handshakes that are under way: each is some milliseconds of the event loop, and a thousand nodes that seek another leader begin theirs together. Some at a time are begun, and the others wait. */

/** Under way at a time: what comes of them in one turn of the event loop leaves room for others. */
const mostAtOnce = 5;
/** Longer than a handshake takes: after it the next one begins whatever became of this one, so that who says no more keeps out nobody. */
const usualGreetingMs = 60;

interface Connection {
  readonly destroyed: boolean;
}

export class Greetings<C extends Connection> {
  readonly #letIn: (connection: C) => void;
  /** By the other end. */
  readonly #underWay = new Map<string, NodeJS.Timeout>();
  /** By source, each in its order: whoever opens many waits behind himself. */
  readonly #line = new Map<string, { connection: C; end: string }[]>();

  /** @param greetingMs how long one may keep its place, in milliseconds */
  constructor(
    letIn: (connection: C) => void,
    readonly greetingMs = usualGreetingMs,
  ) {
    this.#letIn = letIn;
  }

  /** Lets it in now, or when it is its turn and it is still there. `end`: whose it is, as `over` is told of it. */
  take(connection: C, source: string, end: string): void {
    const own = this.#line.get(source);
    if (own) own.push({ connection, end });
    else this.#line.set(source, [{ connection, end }]);
    this.#next();
  }

  /** The handshake is over, well or not. */
  over(end: string): void {
    const timer = this.#underWay.get(end);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#underWay.delete(end);
    this.#next();
  }

  #next(): void {
    while (this.#underWay.size < mostAtOnce) {
      const next = this.#shift();
      if (!next) return;
      const { connection, end } = next;
      if (connection.destroyed) continue;
      this.#underWay.set(end, setTimeout(() => this.over(end), this.greetingMs).unref());
      this.#letIn(connection);
    }
  }

  /** Of each source one, and then again of the first. */
  #shift(): { connection: C; end: string } | undefined {
    for (const [source, own] of this.#line) {
      const next = own.shift();
      this.#line.delete(source);
      if (own.length > 0) this.#line.set(source, own);
      return next;
    }
    return undefined;
  }
}
