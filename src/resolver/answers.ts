/** Answers the queries of one node's containers: names of the cluster itself, all else from the host's resolvers, or the asker's own. */
import type { Answer } from 'dns-packet';
import type { NameTable } from '#network/names';
import { codeOf, readQuery, responseCode, writeAnswer, type Query } from './dns/dns-message.ts';
import type { Upstream } from './upstream.ts';

/** Short, so that a task that leaves is soon forgotten by askers that keep answers. */
const timeToLiveSeconds = 3;

export class Answers {
  readonly counters = { answered: 0, forwarded: 0, failed: 0 };
  /** How often each service was asked for, by name. */
  readonly lookups = new Map<string, number>();
  readonly #upstream: Upstream;
  #table: NameTable | undefined;
  #own: ReadonlySet<string> = new Set();
  #asks: ReadonlyMap<string, readonly string[]> = new Map();
  #here: ReadonlySet<string> | undefined;
  #turn = 0;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /**
   * From now on answers from `table`; `own` are the addresses that we are asked at, `asks` askers with servers of their own for names that are not ours
   * (none named: their engine goes on to these when we refuse), `here` the networks whose names we know (absent: all).
   */
  use(
    table: NameTable | undefined,
    own: ReadonlySet<string>,
    { asks = new Map(), here }: { asks?: ReadonlyMap<string, readonly string[]>; here?: ReadonlySet<string> } = {},
  ): void {
    this.#here = here;
    this.#table = table;
    this.#own = own;
    this.#asks = asks;
  }

  /** Services that are gone are not counted on: their names come and go without number. */
  forget(gone: (name: string) => boolean): void {
    for (const name of this.lookups.keys()) if (gone(name)) this.lookups.delete(name);
  }

  /** The answer to a query that came to the name server of `networkId`. */
  async answer(message: Uint8Array, asker: string, networkId: string, overUdp: boolean): Promise<Buffer | undefined> {
    const query = readQuery(message);
    if (!query) return undefined;
    const own = this.#ownAnswer(query, asker, networkId);
    if (own) {
      this.counters.answered += 1;
      return writeAnswer(query, responseCode.ok, own, overUdp);
    }
    // A query from our own address was sent here by a resolver that we would ask: it ends here.
    if (this.#own.has(asker)) return writeAnswer(query, responseCode.refused, [], overUdp);
    const servers = this.#asks.get(asker);
    if (servers?.length === 0) return writeAnswer(query, responseCode.refused, [], overUdp);
    this.counters.forwarded += 1;
    const answer = await this.#upstream.ask(message, asker, overUdp, this.#own, servers);
    // "No such name" would be a guess until the first table, and for a task of another host on a network that is not here; askers believe it for good.
    if (answer && (codeOf(answer) !== responseCode.nameUnknown || this.#knowsAllOf(asker))) return answer;
    this.counters.failed += 1;
    return writeAnswer(query, responseCode.serverFailure, [], overUdp);
  }

  #knowsAllOf(asker: string): boolean {
    return this.#table !== undefined && !(this.#here && this.#table.isElsewhereToo(asker, this.#here));
  }

  /** Undefined when the name is not ours. */
  #ownAnswer({ question }: Query, asker: string, networkId: string): Answer[] | undefined {
    if (!this.#table) return undefined;
    const { name, type } = question;
    if (type === 'PTR') {
      const data = this.#table.reverseLookUp(name, asker, networkId);
      return data === undefined ? undefined : [{ type: 'PTR', name, ttl: timeToLiveSeconds, data }];
    }
    const addresses = this.#table.lookUp(name, asker, networkId);
    if (!addresses) return undefined;
    if (type === 'A') for (const service of this.#table.servicesOf(name)) this.lookups.set(service, (this.lookups.get(service) ?? 0) + 1);
    // Other types of a name that exists have no records: an empty answer, not an error.
    if (type !== 'A') return [];
    this.#turn += 1;
    const start = addresses.length === 0 ? 0 : this.#turn % addresses.length;
    return [...addresses.slice(start), ...addresses.slice(0, start)].map((data) => ({ type: 'A', name, ttl: timeToLiveSeconds, data }));
  }
}
