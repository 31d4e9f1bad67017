/** A socket that containers keep, though the daemon behind it comes and goes: whoever connects is led to the daemon that is there, or waits a while for the next. */
import { chmodSync, chownSync, renameSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** `leadsTo`: path of the daemon's own socket. */
export interface DoorPlace {
  path: string;
  leadsTo: string;
}

/** A daemon that restarts is back by then. */
const patienceMs = 30_000;
const retryMs = 100;
const connectionLimit = 1024;

export class Door {
  readonly #server: Server;
  #place: DoorPlace;
  /** Of the socket's file. */
  #inode: number | undefined;

  private constructor(place: DoorPlace) {
    this.#place = place;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => void this.#lead(client));
    this.#server.maxConnections = connectionLimit;
    // Accepting may fail when descriptors run out; whoever asks waits.
    this.#server.on('error', () => undefined);
  }

  /** @param descriptor of a predecessor's socket, which lies at the path already */
  static async open(place: DoorPlace, descriptor?: number): Promise<Door> {
    const door = new Door(place);
    // Made beside and moved, so that what closes first removes nothing of what came after.
    const own = `${place.path}.${process.pid}`;
    if (descriptor === undefined) rmSync(own, { force: true });
    await new Promise<void>((resolve, reject) => {
      door.#server.once('error', reject);
      door.#server.listen(descriptor === undefined ? { path: own } : { fd: descriptor }, resolve);
    });
    if (descriptor === undefined) {
      admitAs(own, place.leadsTo);
      renameSync(own, place.path);
    }
    door.#inode = inodeOf(place.path);
    return door;
  }

  get place(): DoorPlace {
    return this.#place;
  }

  /** Whoever opens the path comes here: nobody has removed the socket, or put another in its place. */
  get stands(): boolean {
    return this.#inode !== undefined && inodeOf(this.#place.path) === this.#inode;
  }

  /** The same socket leads to another daemon's from now on. */
  leadTo(leadsTo: string): void {
    this.#place = { ...this.#place, leadsTo };
    admitAs(this.#place.path, leadsTo);
  }

  /** For a process that takes the socket over; undefined where this Node does not tell it. */
  descriptor(): number | undefined {
    const fd = (this.#server as unknown as { _handle?: { fd?: number } })._handle?.fd;
    return fd !== undefined && fd >= 0 ? fd : undefined;
  }

  /** Takes no more clients; those that are led stay. */
  close(): void {
    this.#server.close();
  }

  async #lead(client: Socket): Promise<void> {
    client.on('error', () => client.destroy());
    const daemon = await this.#reached(client);
    if (!daemon) return void client.destroy();
    daemon.on('error', () => daemon.destroy());
    daemon.once('close', () => client.destroy());
    client.once('close', () => daemon.destroy());
    client.pipe(daemon);
    daemon.pipe(client);
  }

  async #reached(client: Socket): Promise<Socket | undefined> {
    for (const end = performance.now() + patienceMs; performance.now() < end && !client.destroyed;) {
      const daemon = await reach(this.#place.leadsTo);
      if (daemon) return daemon;
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
    return undefined;
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

function reach(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const daemon = connect({ path, allowHalfOpen: true });
    daemon.once('connect', () => resolve(daemon.removeAllListeners('error')));
    daemon.once('error', () => resolve(undefined));
  });
}

/** Whoever may use the daemon's socket may use this one. While there is no daemon, root may. */
function admitAs(path: string, daemonSocket: string): void {
  const like = statSync(daemonSocket, { throwIfNoEntry: false });
  chmodSync(path, like ? like.mode & 0o777 : 0o600);
  if (like) chownSync(path, like.uid, like.gid);
}
