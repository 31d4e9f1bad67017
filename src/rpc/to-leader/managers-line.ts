/** A node's line to whoever leads the managers: the local one is asked first, the others in an order that chance gives, each of whom may name the leader. */
import { isDenial, Refusal } from '#base/refusal';
import { afterLimit } from '#base/pace/fair-limit';
import type { Random } from '#base/random';
import type { NodeDescription } from '#model/object/node';
import type { DispatcherSession, OpenSession } from '#model/object/assignment';
import type { DispatcherConnection } from '../dispatcher-client.ts';
import { Lines, type LinesParts } from './manager-connections.ts';
import { ownTimes, reaches } from '../spare-line.ts';

export interface ManagersLineParts extends LinesParts {
  /** HOST:PORT of who led when this node joined: the first search begins there. */
  leader?: string | undefined;
}

/** A manager that does not answer must not keep the node from the next one: that is asked meanwhile, and the first is given up later. One whose connection stands is there, and busy, and so is one whom another manager names as the leader: it has the longest patience, for each other whom many nodes ask meanwhile makes all of them slower. */
const patienceMs = 300;
/** Each search that fails lets the next one wait longer for each manager: when a thousand nodes seek the leader at once, whoever asks everybody makes it worse. */
const longestPatienceMs = 2400;
/** Who gives up on a leader that is busy, and asks again, throws away what was done for him: where all do so none ever gets in. Each time he waits longer, and meanwhile asks the others. */
const openLimitMs = 5000;
const longestOpenLimitMs = 60_000;

/** While a manager is silent, those who said that they do not lead are asked again after about this time: one of them may by now. */
const againMs = 1500;

/** For the kernel of a manager's host to take a connection. */
const reachMs = 2000;

/** What one search waits for. */
interface Patience {
  /** For a manager, before the next one is asked too. */
  eachMs: number;
  /** For an answer. */
  openMs: number;
}

/** Asks one manager after the other until one opens the session: only the leader does. */
export function managersLine(parts: ManagersLineParts): OpenSession {
  const lines = new Lines(parts);
  let failures = 0;
  let unanswered = 0;
  let { leader } = parts;
  return async (nodeId, description, _address, wanted = () => true) => {
    const patience: Patience = {
      eachMs: Math.min(patienceMs * 2 ** failures, longestPatienceMs),
      openMs: Math.min(openLimitMs * 2 ** unanswered, longestOpenLimitMs),
    };
    const search = new Search(parts, lines, patience, { nodeId, description, wanted, leader });
    leader = undefined;
    try {
      const session = await search.session();
      failures = 0;
      unanswered = 0;
      lines.end();
      return {
        ...session,
        // Who leads by now is asked first.
        heartbeat: () =>
          session.heartbeat().catch((error: unknown) => {
            leader = leaderNamed(error);
            throw error;
          }),
      };
    } catch (error) {
      failures++;
      if (search.unanswered) unanswered++;
      throw error;
    }
  };
}

/** Who seeks, as whom. */
interface Seeker {
  nodeId: string;
  description: NodeDescription;
  /** Whether it still does: one that left asks nobody any more. */
  wanted: () => boolean;
  /** Asked before the others; undefined: nobody is known to lead. */
  leader: string | undefined;
}

class Search {
  readonly #parts: ManagersLineParts;
  readonly #lines: Lines;
  readonly #patience: Patience;
  readonly #seeker: Seeker;
  readonly #queue: string[];
  readonly #asked = new Set<string>();
  /** They answered, and do not lead. */
  readonly #refused = new Set<string>();
  /** Who was asked and has not answered, and until when (ms) each is waited for alone while its connection stands. */
  readonly #open = new Map<DispatcherConnection, number>();
  #unanswered = false;
  /** Whom a manager named as the leader. */
  #told: string | undefined;
  #cancel: () => void = () => {};
  #failure: unknown = new Refusal('unavailable', 'this node knows no manager');

  constructor(parts: ManagersLineParts, lines: Lines, patience: Patience, seeker: Seeker) {
    this.#parts = parts;
    this.#lines = lines;
    this.#patience = patience;
    this.#seeker = seeker;
    const local = parts.local();
    const others = parts.tls() ? shuffled(parts.addresses(), parts.random) : [];
    const first = seeker.leader !== undefined && parts.tls() ? [seeker.leader] : [];
    this.#queue = [...first, ...(local === undefined ? [] : [`unix:${local}`]), ...others];
  }

  /** Whether a manager that is there did not answer within the limit. */
  get unanswered(): boolean {
    return this.#unanswered;
  }

  session(): Promise<DispatcherSession> {
    return new Promise((resolve, reject) => {
      let over = false;
      const end = (): void => {
        over = true;
        this.#cancel();
      };
      const askNext = (): void => {
        if (over) return;
        this.#cancel();
        if (!this.#seeker.wanted()) {
          end();
          return reject(this.#failure);
        }
        const address = this.#queue.shift();
        if (address === undefined) {
          if (this.#open.size > 0) {
            this.#cancel = afterLimit(ownTimes, againMs * (0.75 + this.#parts.random.next() / 2), askAgain);
            return;
          }
          end();
          return reject(this.#failure);
        }
        if (this.#asked.has(address)) return askNext();
        this.#cancel = afterLimit(ownTimes, address === this.#told ? longestPatienceMs : this.#patience.eachMs, late);
        this.#ask(address).then(
          (session) => {
            // Another one was quicker.
            if (over) return session.close();
            end();
            resolve(session);
          },
          (error: unknown) => {
            this.#failed(error);
            askNext();
          },
        );
      };
      const late = (): void => {
        if (this.#isBusy()) this.#cancel = afterLimit(ownTimes, this.#patience.eachMs, late);
        else askNext();
      };
      const askAgain = (): void => {
        for (const address of this.#refused) {
          this.#asked.delete(address);
          this.#queue.push(address);
        }
        this.#refused.clear();
        askNext();
      };
      askNext();
    });
  }

  #isBusy(): boolean {
    const now = performance.now();
    for (const [connection, until] of this.#open) if (now < until && connection.stands()) return true;
    return false;
  }

  async #ask(address: string): Promise<DispatcherSession> {
    this.#asked.add(address);
    const connection = this.#lines.take(address);
    this.#open.set(connection, performance.now() + longestPatienceMs);
    let answered = false;
    try {
      const opening = connection.openSession(this.#seeker.nodeId, this.#seeker.description);
      const answer = (): void => void (answered = true);
      opening.then(answer, answer);
      return this.#lines.serving(await this.#within(opening, address), connection, address);
    } catch (error) {
      if (answered) this.#refused.add(address);
      // What was not answered may be yet, and must not become a session that nobody has.
      if (answered) this.#lines.giveBack(address, connection);
      else connection.close();
      throw error;
    } finally {
      this.#open.delete(connection);
    }
  }

  /** A host that is off is given up soon; one whose kernel answers while its program does not is busy, and waited for longer. */
  async #within(opening: Promise<DispatcherSession>, address: string): Promise<DispatcherSession> {
    const { openMs } = this.#patience;
    const soon = await raced(opening, openLimitMs);
    if (soon) return soon;
    this.#unanswered = address.startsWith('unix:') || (await reaches(address, reachMs));
    // What came meanwhile is taken.
    const later = await raced(opening, this.#unanswered ? openMs - openLimitMs : 0);
    if (later) return later;
    throw new Refusal('unavailable', `the manager did not open a session within ${this.#unanswered ? openMs : openLimitMs} ms`);
  }

  /** Whoever is refused for good hears that, whatever others say. */
  #failed(error: unknown): void {
    if (!isDenial(this.#failure)) this.#failure = error;
    const leader = leaderNamed(error);
    if (leader === undefined || !this.#parts.tls()) return;
    this.#told = leader;
    this.#queue.unshift(leader);
  }
}

/** Undefined when it takes longer. */
function raced<T>(work: Promise<T>, limitMs: number): Promise<T | undefined> {
  let cancel = (): void => undefined;
  const late = new Promise<undefined>((resolve) => (cancel = afterLimit(ownTimes, limitMs, () => resolve(undefined))));
  return Promise.race([work, late]).finally(cancel);
}

function shuffled(list: readonly string[], random: Random): string[] {
  return list
    .map((item) => ({ item, place: random.next() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

function leaderNamed(error: unknown): string | undefined {
  const leader = error instanceof Refusal ? error.facts['leader'] : undefined;
  return typeof leader === 'string' ? leader : undefined;
}
