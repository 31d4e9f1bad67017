/** How much may be open and held at a time: the daemon's own files, the log above all, must never find the table of descriptors full. */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Places } from '#base/pace/places';
import { HttpError } from './errors.ts';

/** Connections of clients at a time, however many descriptors there are. */
const mostConnections = 4096;
const fewestConnections = 16;
const mostHeldPorts = 8192;
/** One for each address family; of a forwarded client, one for each side. */
const descriptorsPerPort = 2;
/** Descriptors kept for the log, the agent, git and their like, or a quarter where there are few. */
const reservedDescriptors = 512;
/** A client that means to ask does so at once. */
const patienceMs = 5000;
/** When the process's limit cannot be read. */
const usualDescriptors = 1024;

export interface Limits {
  /** Connections of clients to our socket. */
  connections: number;
  /** Connections of ours to the engine on behalf of clients, and log streams. */
  outgoing: number;
}

/** Half of what is neither reserved nor the published ports' and their forwarders' for each side: a client's connection may need one to the engine. */
export function limitsFor(descriptors: number): Limits {
  const reserved = Math.min(reservedDescriptors, Math.ceil(descriptors / 4));
  const free = descriptors - reserved - 2 * heldPortsFor(descriptors) * descriptorsPerPort;
  const each = Math.min(mostConnections, Math.max(fewestConnections, Math.floor(free / 2)));
  return { connections: each, outgoing: each };
}

/** Published ports for which the process may keep sockets, and clients whom it may forward to them: an eighth of its descriptors each. */
export function heldPortsFor(descriptors: number): number {
  return Math.min(mostHeldPorts, Math.floor(descriptors / 8 / descriptorsPerPort));
}

/** The process's limit of open files. */
export function openFilesLimit(limits: () => string = () => readFileSync('/proc/self/limits', 'utf8')): number {
  try {
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits())?.[1];
    return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft ?? usualDescriptors);
  } catch {
    return usualDescriptors;
  }
}

/** What clients may hold at a time; what more they want is refused with 503. */
export class Allowance {
  readonly #places: Places;

  /** @param refusal what a client is told when no more can be had */
  constructor(
    limit: number,
    readonly refusal: string,
  ) {
    this.#places = new Places(limit);
  }

  get taken(): number {
    return this.#places.taken;
  }

  /** Takes `amount` and gives the way to hand it back, once. */
  take(amount = 1): () => void {
    const handBack = this.#places.take(amount);
    if (!handBack) throw new HttpError(503, this.refusal);
    return handBack;
  }
}

/** Connections that have not asked anything yet. When places become few, those go that had time enough to ask. */
export class HalfOpen {
  /** Since when, by the monotonic clock; the oldest first. */
  readonly #since = new Map<Socket, number>();

  add(socket: Socket, nowMs: number): void {
    this.#since.set(socket, nowMs);
    socket.once('close', () => this.#since.delete(socket));
  }

  /** The head of a request came over it. */
  asked(socket: Socket): void {
    this.#since.delete(socket);
  }

  endOld(nowMs: number): void {
    for (const [socket, since] of this.#since) {
      if (nowMs - since < patienceMs) return;
      socket.destroy();
    }
  }
}
