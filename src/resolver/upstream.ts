/** Passes queries for names that are not ours to the host's own resolvers, so many at a time. */
import { createSocket } from 'node:dgram';
import { stat, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { resolversOf } from '#network/resolvers';
import { AskerPlaces } from './asker-places.ts';
import { readFrame, writeFrame } from './dns/dns-frame.ts';

/** Three servers that are silent must be tried within the 4 s that the engine waits for us. */
const perServerMs = 1200;
/** The host's settings are looked at again at most so often. */
const settingsMs = 1000;

export interface UpstreamOptions {
  /** The host's resolv.conf. */
  file: string;
  port: number;
}

export class Upstream {
  readonly #places = new AskerPlaces();
  #servers: readonly string[] = [];
  #readAt = '';
  #lookedAt = -Infinity;
  #own: ReadonlySet<string> = new Set();

  constructor(readonly options: UpstreamOptions) {}

  /** The first answer of `servers` (absent: of the host's) without those in `own`, asked one after the other; undefined when none answers. Queries keep their id. */
  async ask(message: Uint8Array, asker: string, overUdp: boolean, own: ReadonlySet<string>, servers?: readonly string[]): Promise<Buffer | undefined> {
    const leave = this.#places.take(asker);
    if (!leave) return undefined;
    try {
      for (const server of servers?.filter((each) => !own.has(each)) ?? (await this.#current(own))) {
        const answer = await (overUdp ? askByUdp(message, server, this.options.port) : askByTcp(message, server, this.options.port));
        if (answer) return answer;
      }
      return undefined;
    } finally {
      leave();
    }
  }

  /** The servers of the host's resolv.conf, which is read again when it has changed. */
  async #current(own: ReadonlySet<string>): Promise<readonly string[]> {
    const now = performance.now();
    if (own === this.#own && now - this.#lookedAt < settingsMs) return this.#servers;
    if (own !== this.#own) this.#readAt = '';
    this.#lookedAt = now;
    this.#own = own;
    try {
      const { mtimeMs, ino, size } = await stat(this.options.file);
      const version = `${mtimeMs} ${ino} ${size}`;
      if (version !== this.#readAt) this.#servers = resolversOf(await readFile(this.options.file, 'utf8'), own);
      this.#readAt = version;
    } catch {
      this.#servers = [];
      this.#readAt = '';
    }
    return this.#servers;
  }
}

/**
 * A socket of its own for each query: the random source port protects against forged answers.
 * @internal
 */
export function askByUdp(message: Uint8Array, server: string, port: number, limitMs = perServerMs): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
    const finish = (answer?: Buffer): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(finish, limitMs);
    socket.on('error', () => finish());
    socket.on('message', (answer) => {
      if (answer.length >= 12 && answer[0] === message[0] && answer[1] === message[1]) finish(answer);
    });
    // Connected, so that only the server's answers arrive, and a closed port is known at once.
    socket.connect(port, server, () => socket.send(message));
  });
}

/** @internal */
export function askByTcp(message: Uint8Array, server: string, port: number, limitMs = perServerMs): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: server, port });
    const finish = (answer?: Buffer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    // In all, not since the last byte: a server that drips holds nobody.
    const timer = setTimeout(finish, limitMs);
    socket.on('error', () => finish());
    socket.on('close', () => finish());
    socket.on('connect', () => socket.write(writeFrame(message)));
    readFrame(socket, finish);
  });
}
