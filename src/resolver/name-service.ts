/** The name servers of one node and what they answer from, as the last daemon told. */
import type { Counters, NameServer } from '#network/contract';
import type { NameTable } from '#network/names';
import { Answers } from './answers.ts';
import { DnsServer } from './dns/dns-server.ts';
import { HeldNames } from './held-names.ts';
import type { Applied, ApplyMessage, AskedServers, Legacy, ServedNetwork } from './protocol.ts';
import { Upstream, type UpstreamOptions } from './upstream.ts';

/** Above what the kernel gives away by itself (32768–60999) and what people publish. */
const firstPort = 64_053;
/** So many ports are tried before a network is a problem. */
const portsTried = 100;
/** A network whose bridge was not there is tried again after so long. */
const retryMs = 1000;

interface Served extends ServedNetwork {
  server?: DnsServer;
  problem?: string;
}

export class NameService {
  readonly #answers: Answers;
  readonly #served = new Map<string, Served>();
  readonly #names = new HeldNames();
  #asks: AskedServers = {};
  #retry: NodeJS.Timeout | undefined;
  #earlier: Counters = {};
  /** One change at a time. */
  #changing: Promise<void> = Promise.resolve();

  constructor(upstream: UpstreamOptions) {
    this.#answers = new Answers(new Upstream(upstream));
  }

  /** Goes on where another process leaves: with its sockets, and its table if it had one. */
  async take(legacy: Legacy, firstDescriptor: number): Promise<void> {
    this.#earlier = legacy.counters;
    for (const [name, count] of Object.entries(legacy.lookups ?? {})) this.#answers.lookups.set(name, count);
    for (const network of legacy.networks) this.#served.set(network.networkId, { ...network });
    this.#names.take(legacy.services, legacy.silent);
    this.#asks = legacy.asks ?? {};
    this.#use();
    for (const [index, { networkId, address }] of legacy.servers.entries()) {
      const place = { udp: firstDescriptor + 2 * index, tcp: firstDescriptor + 2 * index + 1 };
      this.#served.set(networkId, { networkId, address, server: await DnsServer.open(place, this.#answererOf(networkId)) });
    }
  }

  /** Names change in this turn; resolves when every network that can be listened on is. */
  apply(message: ApplyMessage): Promise<void> {
    const table = this.#names.apply(message);
    this.#asks = message.asks ?? {};
    if (message.complete || message.removed.length > 0) this.#forgetGone(table);
    this.#changing = this.#changing.then(() => this.#listen(message.networks));
    this.#use(message.networks);
    return this.#changing;
  }

  state(): Pick<Applied, 'servers' | 'problems' | 'counters'> {
    const all = [...this.#served.values()];
    return {
      servers: serversOf(all),
      problems: all.flatMap(({ networkId, problem }) => (problem === undefined ? [] : [{ networkId, text: problem }])),
      counters: this.#counters(),
    };
  }

  /** How often each service was asked for. */
  lookups(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#answers.lookups);
  }

  /** What a successor needs, and the descriptors that go with it; undefined where sockets cannot be handed on. */
  legacy(): { legacy: Legacy; descriptors: readonly number[] } | undefined {
    const all = [...this.#served.values()];
    const descriptors = all.flatMap(({ server }) => (server ? [server.descriptors()] : []));
    if (descriptors.includes(undefined)) return undefined;
    const legacy: Legacy = {
      servers: serversOf(all),
      networks: all.map(({ networkId, address }) => ({ networkId, address })),
      silent: this.#names.silent,
      asks: this.#asks,
      ...(this.#names.table && { services: this.#names.table.services() }),
      counters: this.#counters(),
      lookups: this.lookups(),
    };
    return { legacy, descriptors: descriptors.flatMap((each) => (each ? [each.udp, each.tcp] : [])) };
  }

  /** Takes no more queries; resolves when those taken are answered. */
  async drain(): Promise<void> {
    clearTimeout(this.#retry);
    await Promise.all([...this.#served.values()].map(async ({ server }) => server?.drain()));
  }

  #forgetGone(table: NameTable): void {
    const names = new Set(table.services().map(({ Name }) => Name));
    this.#answers.forget((name) => !names.has(name));
  }

  #counters(): Counters {
    const own = Object.entries(this.#answers.counters).map(([name, count]) => [name, count + (this.#earlier[name] ?? 0)]);
    return Object.fromEntries(own);
  }

  #use(networks: readonly ServedNetwork[] = [...this.#served.values()]): void {
    this.#answers.use(this.#names.table, new Set(networks.map(({ address }) => address)), {
      asks: new Map(Object.entries(this.#asks)),
      here: new Set(networks.map(({ networkId }) => networkId)),
    });
  }

  async #listen(networks: readonly ServedNetwork[]): Promise<void> {
    const wanted = new Map(networks.map((network) => [network.networkId, network]));
    for (const [id, { server, address }] of this.#served) {
      if (wanted.get(id)?.address === address) continue;
      server?.close();
      this.#served.delete(id);
    }
    for (const network of networks) if (!this.#served.get(network.networkId)?.server) await this.#open(network);
    clearTimeout(this.#retry);
    if ([...this.#served.values()].some(({ problem }) => problem !== undefined)) this.#retry = setTimeout(() => this.#again(), retryMs);
  }

  /** Bridges come back by themselves, when their engine does. */
  #again(): void {
    const networks = [...this.#served.values()].map(({ networkId, address }) => ({ networkId, address }));
    this.#changing = this.#changing.then(() => this.#listen(networks));
  }

  async #open(network: ServedNetwork): Promise<void> {
    const { networkId, address } = network;
    let reason = '';
    for (let port = firstPort; port < firstPort + portsTried; port++) {
      try {
        const server = await DnsServer.open({ address, port }, this.#answererOf(networkId));
        this.#served.set(networkId, { ...network, server });
        return;
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        reason = code === 'EADDRNOTAVAIL' ? 'no interface of this host has that address' : message;
        if (code !== 'EADDRINUSE') break;
      }
    }
    this.#served.set(networkId, { ...network, problem: reason });
  }

  #answererOf(networkId: string): (message: Uint8Array, asker: string, overUdp: boolean) => Promise<Buffer | undefined> {
    return (message, asker, overUdp) => this.#answers.answer(message, asker, networkId, overUdp);
  }
}

function serversOf(all: readonly Served[]): NameServer[] {
  return all.flatMap(({ networkId, address, server }) => (server ? [{ networkId, address, port: server.port }] : []));
}
