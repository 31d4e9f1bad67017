/** Answers the queries of one node's containers: names of the cluster itself, all else from the host's resolvers. */
import { readFile, stat } from 'node:fs/promises';
import type { Answer } from 'dns-packet';
import { lookUp, type NameTable, reverseLookUp } from '#network/names';
import { resolversOf } from '#network/resolvers';
import { codeOf, readQuery, responseCode, writeAnswer, type Query } from './dns-message.ts';
import { askUpstream } from './dns-upstream.ts';

/** Short, so that a task that leaves is soon forgotten by askers that keep answers. */
const timeToLiveSeconds = 3;

export interface ResolverCounters {
  answered: number;
  forwarded: number;
  failed: number;
}

export class Resolver {
  readonly counters: ResolverCounters = { answered: 0, forwarded: 0, failed: 0 };
  #table: NameTable | undefined;
  #own: ReadonlySet<string> = new Set();
  #servers: readonly string[] = [];
  #readAt = '';
  #turn = 0;

  constructor(
    readonly file = '/etc/resolv.conf',
    readonly upstreamPort = 53,
  ) {}

  /** From now on answers from `table`; `own` are the addresses that we listen on. */
  async update(table: NameTable, own: ReadonlySet<string>): Promise<void> {
    if ([...own].some((address) => !this.#own.has(address))) this.#readAt = '';
    this.#table = table;
    this.#own = own;
    await this.readServers();
  }

  /** Reads the host's resolv.conf again when it has changed. */
  async readServers(): Promise<void> {
    try {
      const { mtimeMs, ino, size } = await stat(this.file);
      const version = `${mtimeMs} ${ino} ${size}`;
      if (version === this.#readAt) return;
      this.#servers = resolversOf(await readFile(this.file, 'utf8'), this.#own);
      this.#readAt = version;
    } catch {
      this.#servers = [];
    }
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
    this.counters.forwarded += 1;
    const answer = await askUpstream(message, this.#servers, overUdp, this.upstreamPort);
    // Until the first update, "no such name" would be a guess, and askers believe it for good.
    if (answer && (this.#table || codeOf(answer) !== responseCode.nameUnknown)) return answer;
    this.counters.failed += 1;
    return writeAnswer(query, responseCode.serverFailure, [], overUdp);
  }

  /** Undefined when the name is not ours. */
  #ownAnswer({ question }: Query, asker: string, networkId: string): Answer[] | undefined {
    if (!this.#table) return undefined;
    const { name, type } = question;
    if (type === 'PTR') {
      const data = reverseLookUp(this.#table, name);
      return data === undefined ? undefined : [{ type: 'PTR', name, ttl: timeToLiveSeconds, data }];
    }
    const addresses = lookUp(this.#table, name, asker, networkId);
    if (!addresses) return undefined;
    // Other types of a name that exists have no records: an empty answer, not an error.
    if (type !== 'A') return [];
    this.#turn += 1;
    const start = addresses.length === 0 ? 0 : this.#turn % addresses.length;
    return [...addresses.slice(start), ...addresses.slice(0, start)].map((data) => ({ type: 'A', name, ttl: timeToLiveSeconds, data }));
  }
}
