/**
 * What a daemon and the resolver beside it say to one another: JSON, a message a line, over a unix socket in the run folder.
 * `hello`, `welcome`, `handOver`, `handedOver`, `refused` and `end` never change their meaning: by them a daemon of any version takes over a resolver of any other.
 */
import type { Counters, NameServer } from '#network/contract';
import type { NamedService } from '#network/names';

/** Grows when `apply` or `applied` change so that the other side would misunderstand them. */
export const protocolVersion = 1;

/** A network that names are served on, by the node's address in it. */
export interface ServedNetwork {
  networkId: string;
  address: string;
}

export type ToResolver =
  | { type: 'hello'; protocol: number; instance: string; owner: string }
  | ApplyMessage
  /** What listens, and the counters; answered by `applied`. */
  | { type: 'look'; sequence: number }
  /** Keep a socket at `path` that leads to the daemon's at `leadsTo`; answered by `applied`. */
  | { type: 'door'; sequence: number; path: string; leadsTo: string }
  /** Start `command` in your place, give it your sockets and your table, and end when it answers. */
  | { type: 'handOver'; command: readonly string[] }
  | { type: 'end' };

export interface ApplyMessage {
  type: 'apply';
  sequence: number;
  /** All of them; what listens on others is closed. */
  networks: readonly ServedNetwork[];
  /** Networks that names are never found on. */
  silent: readonly string[];
  /** `set` is all there is; otherwise it changes what is there. */
  complete: boolean;
  set: readonly NamedService[];
  removed: readonly string[];
  /** Askers, by address, for whom names that are not ours are asked of servers of their own: all of them. Absent from daemons that did not tell. */
  asks?: AskedServers;
}

export type AskedServers = Readonly<Record<string, readonly string[]>>;

export interface Welcome {
  type: 'welcome';
  protocol: number;
  /** What the program was made of: another one takes over from it. */
  build: string;
  instance: string;
  /** The node in the cluster whose names these are. */
  owner: string;
  pid: number;
}

export interface Applied {
  type: 'applied';
  sequence: number;
  servers: readonly NameServer[];
  problems: readonly { networkId: string; text: string }[];
  counters: Counters;
  /** By service's name, how often it was asked for; with the answer to `look` alone, and not of resolvers that did not count. */
  lookups?: Readonly<Record<string, number>>;
}

export type FromResolver = Welcome | Applied | { type: 'handedOver' } | { type: 'refused'; reason: string } | LogMessage;

export interface LogMessage {
  type: 'log';
  level: 'info' | 'warn' | 'error';
  facts: Record<string, unknown>;
  message: string;
}

/** What a resolver leaves to its successor, on its standard input. The descriptors of `servers` begin at 3, UDP before TCP; that of the door is the last. */
export interface Legacy {
  servers: readonly NameServer[];
  networks: readonly ServedNetwork[];
  silent: readonly string[];
  /** Absent while no daemon wanted one, and from resolvers that had none. */
  door?: { path: string; leadsTo: string };
  asks?: AskedServers;
  /** Absent while no daemon has told any. */
  services?: readonly NamedService[];
  counters: Counters;
  /** Absent from resolvers that did not count. */
  lookups?: Readonly<Record<string, number>>;
}

/** The first line that a successor writes to its standard output when it answers. */
export const readyLine = 'ready';
