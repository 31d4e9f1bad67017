/** Handshakes that are under way: each is some milliseconds of the event loop, and a thousand nodes that seek another leader begin theirs together. Some at a time are begun, and the others wait. */

/** Under way at a time: what comes of them in one turn of the event loop leaves room for others. */
const mostAtOnce = 4;
/** Longer than a handshake takes: after it the next one begins whatever became of this one, so that who says no more keeps out nobody. */
const usualGreetingMs = 40;

interface Connection {
  readonly destroyed: boolean;
}

interface Waiting<C> {
  connection: C;
  end: string;
  left: () => void;
}

export class Greetings<C extends Connection> {
  readonly #letIn: (connection: C) => void;
  /** By the other end. */
  readonly #underWay = new Map<string, { timer: NodeJS.Timeout; left: () => void }>();
  /** By source, each in its order: whoever opens many waits behind himself. */
  readonly #line = new Map<string, Waiting<C>[]>();

  /** @param greetingMs how long one may keep its place, in milliseconds */
  constructor(
    letIn: (connection: C) => void,
    readonly greetingMs = usualGreetingMs,
  ) {
    this.#letIn = letIn;
  }

  /**
   * Lets it in now, or when it is its turn and it is still there. `end`: whose it is, as `over` is told of it.
   * @param left is called when it has its place no more
   */
  take(connection: C, source: string, end: string, left = (): void => undefined): void {
    const own = this.#line.get(source);
    const waiting = { connection, end, left };
    if (own) own.push(waiting);
    else this.#line.set(source, [waiting]);
    this.#next();
  }

  /** The handshake is over, well or not. */
  over(end: string): void {
    const place = this.#underWay.get(end);
    if (!place) return;
    clearTimeout(place.timer);
    this.#underWay.delete(end);
    place.left();
    this.#next();
  }

  #next(): void {
    while (this.#underWay.size < mostAtOnce) {
      const next = this.#shift();
      if (!next) return;
      const { connection, end, left } = next;
      if (connection.destroyed) continue;
      this.#underWay.set(end, { timer: setTimeout(() => this.over(end), this.greetingMs).unref(), left });
      this.#letIn(connection);
    }
  }

  /** Of each source one, and then again of the first. */
  #shift(): Waiting<C> | undefined {
    for (const [source, own] of this.#line) {
      const next = own.shift();
      this.#line.delete(source);
      if (own.length > 0) this.#line.set(source, own);
      return next;
    }
    return undefined;
  }
}
