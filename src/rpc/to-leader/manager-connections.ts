/** A node's connections to its managers. */
import type { Duplex } from 'node:stream';
import type { Random } from '#base/random';
import type { DispatcherSession } from '#model/object/assignment';
import { clientCredentials, type LiveTls, type NodeTls } from '../credentials.ts';
import { connectDispatcher, type DispatcherConnection } from '../dispatcher-client.ts';
import { reaches } from '../spare-line.ts';
import { unlessAnotherLeads } from './other-leader.ts';

export interface LinesParts {
  /** Socket of the manager on this host; undefined on a worker. */
  local: () => string | undefined;
  /** HOST:PORT of the others as far as they are known now. */
  addresses: () => readonly string[];
  tls: () => LiveTls | undefined;
  /** Given each connection that the manager asks for. */
  connected: (tunnel: Duplex) => void;
  random: Random;
}

/** For the kernel of a leader's host to take a connection. */
const reachMs = 300;

/** Connections to managers that answered and opened no session: whoever seeks again asks over them, for a handshake costs more than a question. */
export class Lines {
  readonly #parts: LinesParts;
  readonly #idle = new Map<string, { connection: DispatcherConnection; made: NodeTls | undefined }>();
  #seeking = false;

  constructor(parts: LinesParts) {
    this.#parts = parts;
  }

  take(address: string): DispatcherConnection {
    this.#seeking = true;
    const idle = this.#idle.get(address);
    this.#idle.delete(address);
    const tls = this.#parts.tls();
    if (idle?.connection.stands() && idle.made === tls?.now) return idle.connection;
    idle?.connection.close();
    return this.#connect(address);
  }

  #connect(address: string): DispatcherConnection {
    const tls = this.#parts.tls();
    const secured = tls && !address.startsWith('unix:') ? clientCredentials(tls) : undefined;
    return connectDispatcher(address, secured, secured && this.#parts.connected);
  }

  /** It refused, and may be asked again. */
  giveBack(address: string, connection: DispatcherConnection): void {
    if (!this.#seeking || !connection.stands() || this.#idle.has(address)) return connection.close();
    this.#idle.set(address, { connection, made: this.#parts.tls()?.now });
  }

  /** A session stands: nobody is asked any more. */
  end(): void {
    this.#seeking = false;
    for (const { connection } of this.#idle.values()) connection.close();
    this.#idle.clear();
  }

  /** The connection is the session's own and ends with it. Its beats reject when the manager is silent and another one leads by then. */
  serving(session: DispatcherSession, connection: DispatcherConnection, address: string): DispatcherSession {
    const others = { silent: address, reached: () => reaches(address, reachMs), ask: this.#asking(address), random: this.#parts.random };
    return {
      assignments: () => session.assignments(),
      updateTaskStatus: (updates) => session.updateTaskStatus(updates),
      // The manager on this host says by itself that it leads no longer.
      heartbeat: () => (address.startsWith('unix:') ? session.heartbeat() : unlessAnotherLeads(session.heartbeat(), others)),
      updateDescription: (next) => session.updateDescription(next),
      pause: () => session.pause(),
      leave: () => session.leave(),
      acknowledge: (resultsIn) => session.acknowledge(resultsIn),
      withdrawn: (taskId) => session.withdrawn(taskId),
      changeAttachment: (change) => session.changeAttachment(change),
      close() {
        session.close();
        connection.close();
      },
    };
  }

  /** Asks with each call the next manager but the one at `address` who leads: the one of this host, else in turn, each over a connection of its own that ends with the answer. */
  #asking(address: string): () => Promise<string | undefined> {
    let turn = Math.floor(this.#parts.random.next() * 1000);
    return async () => {
      const local = this.#parts.local();
      const others = local === undefined ? this.#parts.addresses().filter((other) => other !== address) : [`unix:${local}`];
      const other = others[turn++ % others.length];
      if (other === undefined) return undefined;
      const connection = this.#connect(other);
      try {
        return await connection.leader();
      } finally {
        connection.close();
      }
    };
  }
}
