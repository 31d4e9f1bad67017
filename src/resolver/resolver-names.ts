/** The names facet of a node's network: keeps a resolver running beside the daemon and tells it what it answers from. */
import { type Clock, pause } from '#base/clock';
import { Coalescer } from '#base/pace/coalescer';
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import type { Logger } from '#base/logger';
import type { ComingAttachment, Counters, Names, NameServer, Traffic } from '#network/contract';
import { ledServers } from '#network/rules/asked-names';
import type { DoorPlace } from './door.ts';
import { Connection, type ConnectionCalls } from './connection.ts';
import { killed, listenersAt, resolverCommand, type Launch, type Launched, type ResolverProgram } from './launch.ts';
import { protocolVersion, type Applied, type ApplyMessage } from './protocol.ts';

export interface ResolverOptions {
  /** Path of the socket that a resolver is found at. */
  socket: string;
  /** Keeps the daemons of one machine apart. */
  instance: string;
  /** The node in its cluster: another one's names are not ours. */
  owner: string;
  program: ResolverProgram;
  /** A socket that containers are given, and where it leads: it outlives the daemon as names do. */
  door?: DoorPlace;
}

export interface ResolverParts {
  launch: Launch;
  clock: Clock;
  logger: Logger;
}

/** A program that does not answer by then will not. */
const startLimitMs = 10_000;
const startPollMs = 20;
/** As many as an engine asks of those that a container was made with. */
const serversEach = 3;

export class ResolverNames implements Names {
  readonly #options: ResolverOptions;
  readonly #parts: ResolverParts;
  readonly #changes = new Coalescer<Traffic>((traffic) => this.#carryOut(traffic));
  #line: Connection | undefined;
  /** What the resolver at the end of the line was told; undefined: nothing by us. */
  #told: Map<string, Traffic['services'][number]> | undefined;
  #wanted: Traffic | undefined;
  /** By task: of those that have servers of their own, their addresses and these; none where their engine asks these itself. */
  readonly #asks = new Map<string, { addresses: readonly string[]; servers: readonly string[] }>();
  #state: Pick<Applied, 'servers' | 'problems' | 'counters' | 'lookups'> = { servers: [], problems: [], counters: {} };
  #disturbed: () => void = () => {};
  #stopped = true;

  constructor(options: ResolverOptions, parts: ResolverParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Finds the resolver that an earlier daemon left, or starts one; where that fails, ports are served all the same and it is tried again. Refuses a stranger's. */
  async start(disturbed: () => void): Promise<void> {
    this.#stopped = false;
    this.#disturbed = disturbed;
    try {
      await this.#connected();
    } catch (error) {
      if (error instanceof Refusal) throw error;
      this.#parts.logger.error({ err: error }, 'names are not answered on this node: containers find nobody; it is tried again every 2 s');
      disturbed();
    }
  }

  /** Leaves the resolver to itself: it goes on answering. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#changes.idle();
    this.#line?.close();
  }

  /** Ends the resolver: this node leaves its cluster. */
  async tearDown(): Promise<void> {
    await this.stop();
    const found = await this.#open();
    await found?.line.end();
  }

  apply(wanted: Traffic): Promise<void> {
    this.#wanted = wanted;
    return this.#changes.submit(wanted);
  }

  async attached({ taskId, networks, asks, goesOn = false }: ComingAttachment): Promise<void> {
    const servers = ledServers(asks?.servers ?? []).slice(0, serversEach);
    const own = (servers.length > 0 || goesOn) && networks.length > 0 ? { addresses: networks.map(({ address }) => address).sort(), servers } : undefined;
    if (equal(this.#asks.get(taskId), own)) return;
    if (own) this.#asks.set(taskId, own);
    else this.#asks.delete(taskId);
    // A resolver that does not take it is told with all else as soon as there is one again.
    if (this.#wanted) await this.#changes.submit(this.#wanted).catch(() => undefined);
  }

  detached(taskId: string): void {
    this.#asks.delete(taskId);
  }

  async audit(): Promise<readonly string[]> {
    await this.#changes.idle();
    const line = this.#line;
    try {
      if (line?.open) {
        await this.#keepDoor(line);
        await this.#look(line);
      }
    } catch (error) {
      if (line?.open) throw error;
    }
    if (line?.open) return [];
    if (this.#wanted) await this.#changes.submit(this.#wanted);
    else await this.#connected();
    return ['the process that answers names had ended; another one answers now'];
  }

  servers(): readonly NameServer[] {
    return this.#state.servers;
  }

  problems(): readonly string[] {
    return this.#state.problems.map(({ networkId, text }) => {
      const local = this.#wanted?.networks.find(({ network }) => network.ID === networkId);
      return `cannot serve names of network ${local?.network.Spec.Name ?? networkId} on ${local?.gateway ?? 'its gateway'}: ${text}`;
    });
  }

  async counters(): Promise<Counters> {
    // A resolver that is away has counted what it had counted.
    if (this.#line?.open) await this.#look(this.#line).catch(() => undefined);
    return this.#state.counters;
  }

  /** How often each service was asked for, by name, as of the last `counters`. */
  get lookups(): Readonly<Record<string, number>> {
    return this.#state.lookups ?? {};
  }

  async #look(line: Connection): Promise<void> {
    this.#state = await line.ask({ type: 'look' });
  }

  async #carryOut(traffic: Traffic): Promise<void> {
    if (this.#stopped) return;
    try {
      await this.#tell(traffic);
    } catch (error) {
      if (this.#stopped || this.#line?.open) throw error;
      // The resolver ended meanwhile: the next one is told everything.
      await this.#tell(traffic);
    }
  }

  async #tell(traffic: Traffic): Promise<void> {
    const line = await this.#connected();
    const asks = Object.fromEntries([...this.#asks.values()].flatMap(({ addresses, servers }) => addresses.map((address) => [address, servers])));
    const message = { ...changeOf(this.#told, traffic), asks };
    // Whatever becomes of this message, the next one must not build on it unless it was taken.
    this.#told = undefined;
    const before = this.#state;
    const { lookups } = this.#state;
    this.#state = { ...(lookups && { lookups }), ...(await line.ask(message)) };
    this.#told = new Map(traffic.services.map((service) => [service.ServiceID, service]));
    for (const { text, networkId } of this.#state.problems) {
      if (!before.problems.some((known) => known.networkId === networkId && known.text === text))
        this.#parts.logger.warn({ network: networkId, reason: text }, 'names of a network are not served; it is tried again every second');
    }
  }

  /** The line that there is, or one to a resolver that is ours and of this version. */
  async #connected(): Promise<Connection> {
    if (this.#line?.open) return this.#line;
    this.#told = undefined;
    const line = (await this.#takeOver()) ?? (await this.#launch());
    await this.#keepDoor(line);
    this.#line = line;
    return line;
  }

  /** Makes it, or makes it anew where somebody has removed it. */
  async #keepDoor(line: Connection): Promise<void> {
    const { door } = this.#options;
    if (door) this.#state = await line.ask({ type: 'door', path: door.path, leadsTo: door.leadsTo });
  }

  /** The resolver that an earlier daemon left; undefined when there is none to go on with. */
  async #takeOver(): Promise<Connection | undefined> {
    const found = await this.#open();
    if (!found) return undefined;
    const { line, welcome } = found;
    const { owner, instance, program, socket } = this.#options;
    if (welcome.instance !== instance || welcome.owner !== owner) {
      this.#parts.logger.warn(
        { found: { instance: welcome.instance, node: welcome.owner }, socket },
        'the resolver of another cluster was left here; it is ended',
      );
      await line.end();
      return undefined;
    }
    if (welcome.build === program.build) return line;
    try {
      await line.handOver(resolverCommand(program, this.#options));
      line.close();
      const next = await this.#open();
      if (next?.welcome.build !== program.build) throw new Error('the new one is not found');
      this.#parts.logger.info({ from: welcome.build, to: program.build }, 'the resolver of another version handed its sockets and names over');
      return next.line;
    } catch (error) {
      this.#parts.logger.warn(
        { reason: (error as Error).message },
        'the resolver of another version did not hand over; it is ended, and names are not answered until the new one is there',
      );
      await (await this.#open())?.line.end();
      return undefined;
    }
  }

  async #launch(): Promise<Connection> {
    const command = resolverCommand(this.#options.program, this.#options);
    const first = this.#parts.launch(command);
    try {
      return await this.#answering(first);
    } catch (error) {
      if (!first.inScope) throw error;
      this.#parts.logger.warn(
        { reason: (error as Error).message },
        'systemd gave the process that answers names no scope of its own: give the daemon’s unit KillMode=process, or names end with it',
      );
      return this.#answering(this.#parts.launch(command, false));
    }
  }

  /** The line to what was started, as soon as it answers. */
  async #answering(started: Launched): Promise<Connection> {
    const { clock, logger } = this.#parts;
    const end = clock.monotonicNow() + startLimitMs;
    for (;;) {
      const found = await this.#open();
      if (found && found.welcome.protocol !== protocolVersion) {
        // The program's files were replaced under the daemon.
        await found.line.end();
        throw new Error('it is of another version than this daemon: start the daemon again');
      }
      if (found?.welcome.build === this.#options.program.build) {
        logger.info({ pid: found.welcome.pid }, 'started the process that answers names; it outlives the daemon');
        return found.line;
      }
      found?.line.close();
      const reason = started.ended();
      if (reason !== undefined || clock.monotonicNow() > end) throw new Error(`the process that answers names did not start: ${reason ?? 'no answer'}`);
      await pause(clock, startPollMs);
    }
  }

  #open(): ReturnType<typeof Connection.open> {
    const calls: ConnectionCalls = {
      log: ({ level, facts, message }) => this.#parts.logger[level](facts, message),
      closed: (line) => {
        // Lines that were only tried, or given up by us, are no loss.
        if (!this.#stopped && line === this.#line) this.#disturbed();
      },
      silent: () => this.#endSilent(),
    };
    return Connection.open(this.#options.socket, this.#options, calls, this.#parts.clock);
  }

  /** A process that hangs keeps the sockets that the next one needs. */
  #endSilent(): void {
    const pids = listenersAt(this.#options.socket);
    this.#parts.logger.error({ pids }, 'the process that answers names hangs: it is killed, and another one takes its place');
    for (const pid of pids) killed(pid);
  }
}

/**
 * What tells a resolver that knows `told` of `traffic`; all of it when it was told nothing.
 * @internal
 */
export function changeOf(told: ReadonlyMap<string, Traffic['services'][number]> | undefined, { services, networks }: Traffic): Omit<ApplyMessage, 'sequence'> {
  const wanted = new Set(services.map(({ ServiceID }) => ServiceID));
  const changed = services.filter((service) => {
    const known = told?.get(service.ServiceID);
    return !(known === service || (known?.Name === service.Name && equal(known.Tasks, service.Tasks) && equal(known.VirtualIPs, service.VirtualIPs)));
  });
  const named = networks.filter(({ network }) => !network.Spec.Ingress);
  return {
    type: 'apply',
    networks: named.map(({ network, gateway }) => ({ networkId: network.ID, address: gateway })),
    silent: networks.filter(({ network }) => network.Spec.Ingress).map(({ network }) => network.ID),
    complete: told === undefined,
    set: changed.map(({ ServiceID, Name, VirtualIPs, Tasks }) => ({ ServiceID, Name, ...(VirtualIPs && { VirtualIPs }), Tasks })),
    removed: [...(told?.keys() ?? [])].filter((id) => !wanted.has(id)),
  };
}
