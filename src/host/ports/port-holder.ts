/** Holds all published ports of a node, and says which of them belong to someone else. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '#base/logger';
import { Places } from '#base/pace/places';
import type { PortClash } from '#model/object/node';
import { holderKey, type PublishedPort } from '#network/published-ports';
import { holdPort, listenedPorts, portOwner, type PortListener } from './port-listener.ts';

/** Ports taken or let go of in one turn of the event loop. */
const portsPerTurn = 32;

export class PortHolder {
  readonly #logger: Logger;
  readonly #limit: number;
  readonly #places: Places;
  readonly #kernel: string | undefined;
  readonly #held = new Map<string, PortListener>();
  /** As they are wanted now. */
  #wanted: ReadonlyMap<string, PublishedPort> = new Map();
  readonly #clashes = new Map<string, string>();

  #beyond = 0;

  /**
   * @param limit ports that may be held, and clients that may be forwarded: each costs the process two descriptors, and the log and the engine need theirs
   * @param kernel the folder of its settings of connections, where that is not the usual one
   */
  constructor(logger: Logger, limit: number, kernel?: string) {
    this.#logger = logger;
    this.#limit = limit;
    this.#kernel = kernel;
    this.#places = new Places(limit);
  }

  /** Ports that a process of the host has: key → a sentence that names it. */
  get clashes(): ReadonlyMap<string, string> {
    return this.#clashes;
  }

  /** The same with the services that they are published for. */
  get clashing(): readonly PortClash[] {
    return [...this.#clashes].map(([key, Text]) => ({ Service: this.#wanted.get(key)?.serviceName ?? '', Text }));
  }

  /** Takes what is in `ports` and not held yet, up to the limit; ports that clashed before are tried again. */
  async hold(ports: readonly PublishedPort[]): Promise<void> {
    const wanted = new Map(ports.map((port) => [holderKey(port), port]));
    this.#wanted = wanted;
    for (const key of this.#clashes.keys()) if (!wanted.has(key)) this.#clashes.delete(key);
    const missing = [...wanted].filter(([key]) => !this.#held.has(key));
    const staying = wanted.size - missing.length;
    const taken = missing.slice(0, Math.max(0, this.#limit - staying));
    for (const [index, [key, port]] of taken.entries()) {
      if (index % portsPerTurn === portsPerTurn - 1) await nextTurn();
      await this.#take(key, port);
    }
    await this.#serveUnheld(missing.slice(taken.length));
  }

  /** Lets go of what is not in `ports`: after the rules no longer lead there. */
  async release(ports: readonly PublishedPort[]): Promise<void> {
    const wanted = new Set(ports.map(holderKey));
    const leaving = [...this.#held].filter(([key]) => !wanted.has(key));
    for (const [index, [key, listener]] of leaving.entries()) {
      if (index % portsPerTurn === portsPerTurn - 1) await nextTurn();
      listener.close();
      this.#held.delete(key);
    }
  }

  /** Ports beyond the limit are served all the same, but for those on which somebody listens already: a range must not take over a host's ssh. */
  async #serveUnheld(beyond: readonly (readonly [string, PublishedPort])[]): Promise<void> {
    const listened = beyond.length > 0 ? await listenedPorts() : new Set<string>();
    for (const [key, port] of beyond) {
      if (port.source === 'proxy')
        this.#clashes.set(key, `cannot publish port ${key} of service ${port.serviceName}: no more ports can be held open for PROXY headers`);
      else if (listened?.has(`${port.port}/${port.protocol}`) === false) this.#clashes.delete(key);
      else this.#clashes.set(key, `cannot publish port ${key} of service ${port.serviceName}: a process of this host may have it`);
    }
    if (beyond.length !== this.#beyond && beyond.length > 0) {
      const services = [...new Set(beyond.map(([, { serviceName }]) => serviceName))].slice(0, 5);
      const facts = { ports: beyond.length, services, limit: this.#limit };
      this.#logger.warn(
        facts,
        'more ports are published than this process may hold open: the others are served to IPv4 clients only, and not at all where a program of this host listens',
      );
    }
    this.#beyond = beyond.length;
  }

  async #take(key: string, port: PublishedPort): Promise<void> {
    try {
      this.#held.set(key, await holdPort(port, this.#places, () => this.#wanted.get(key) ?? { ...port, targets: [] }, this.#kernel));
      if (this.#clashes.delete(key)) this.#logger.info({ port: key }, 'a published port that was taken is free: it is served from now on');
    } catch (error) {
      const known = this.#clashes.get(key);
      const text = await clashText(key, port, error as NodeJS.ErrnoException);
      this.#clashes.set(key, text);
      if (known !== text) this.#logger.warn({ port: key, service: port.serviceName }, text);
    }
  }
}

async function clashText(key: string, port: PublishedPort, error: NodeJS.ErrnoException): Promise<string> {
  const head = `cannot publish port ${key} of service ${port.serviceName}`;
  return error.code === 'EADDRINUSE' ? `${head}: it is in use by ${await portOwner(port)}` : `${head}: ${error.message}`;
}
