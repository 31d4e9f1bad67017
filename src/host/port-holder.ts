/** Holds all published ports of a node, and says which of them belong to someone else. */
import type { Logger } from '#base/logger';
import { holderKey, type PublishedPort } from '#network/published-ports';
import { holdPort, portOwner, type PortListener } from './port-listener.ts';

export class PortHolder {
  readonly #logger: Logger;
  readonly #held = new Map<string, PortListener>();
  readonly #clashes = new Map<string, string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Ports that a process of the host has: key → a sentence that names it. */
  get clashes(): ReadonlyMap<string, string> {
    return this.#clashes;
  }

  /** Takes what is in `ports` and not held yet; ports that clashed before are tried again. */
  async hold(ports: readonly PublishedPort[]): Promise<void> {
    const wanted = new Map(ports.map((port) => [holderKey(port), port]));
    for (const key of this.#clashes.keys()) if (!wanted.has(key)) this.#clashes.delete(key);
    for (const [key, port] of wanted) if (!this.#held.has(key)) await this.#take(key, port);
  }

  /** Lets go of what is not in `ports`: after the rules no longer lead there. */
  release(ports: readonly PublishedPort[]): void {
    const wanted = new Set(ports.map(holderKey));
    for (const [key, listener] of this.#held) {
      if (wanted.has(key)) continue;
      listener.close();
      this.#held.delete(key);
    }
  }

  async #take(key: string, port: PublishedPort): Promise<void> {
    try {
      this.#held.set(key, await holdPort(port));
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
