/** Where the managers ask this node about its tasks' containers: a server for their connections that knows the table of what is shown, and nothing else. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { sendJson } from '../answer.ts';
import type { NodesLine } from '../dependencies.ts';
import type { EngineClient } from '../engine/engine-client.ts';
import { failureOf, HttpError } from '../errors.ts';
import type { Guard } from '../guard.ts';
import { readTarget, type RequestTarget } from '../target.ts';
import { connectionPair } from './pair.ts';
import { inspectContainer } from './inspected.ts';
import { lookAsked, lookPath } from './network-look.ts';
import { isInspect, pathOf, shownBy, type Shown } from './shown.ts';

export interface NodeDoorParts {
  isTask: NodesLine['isTask'];
  examine: NodesLine['examine'];
  engine: EngineClient;
  guard: Guard;
}

const headerLimitBytes = 64 * 1024;
const closes = { follows: 'this connection is closed, the daemon goes on' };

export class NodeDoor {
  readonly #parts: NodeDoorParts;
  readonly #server: Server;
  readonly #connections = new Set<Duplex>();

  constructor(parts: NodeDoorParts) {
    const { guard } = parts;
    this.#parts = parts;
    this.#server = createServer({ maxHeaderSize: headerLimitBytes, requestTimeout: 0 });
    this.#server.on('request', (request, response) =>
      guard.start('a request of a manager', () => this.#answer(request, response), { ...closes, undo: () => response.destroy() }),
    );
    this.#server.on('upgrade', (request, socket, head) =>
      guard.start('an upgrade of a manager', () => this.#upgrade(request, socket, head), { ...closes, undo: () => socket.destroy() }),
    );
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** A connection over which a manager asks. */
  connected(connection: Duplex): void {
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    connection.on('error', () => connection.destroy());
    this.#parts.guard.start('a connection of a manager', () => this.#server.emit('connection', connection), { ...closes, undo: () => connection.destroy() });
  }

  /** A connection of this manager to its own node. */
  open(): Duplex {
    const [near, far] = connectionPair();
    near.on('error', () => near.destroy());
    this.connected(far);
    return near;
  }

  stop(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => undefined);
    response.on('error', () => response.destroy());
    try {
      if (request.method === 'POST' && request.url === lookPath) return sendJson(response, 200, await this.#parts.examine(await lookAsked(request)));
      const { target, shown } = await this.#shown(request);
      if (!isInspect(shown)) return await this.#parts.engine.passThrough(request, response, target);
      const { status, json } = await inspectContainer(this.#parts.engine, target);
      sendJson(response, status, json);
    } catch (error) {
      const { status, message } = failureOf(error, false);
      if (response.headersSent) return void response.destroy();
      response.setHeader('Connection', 'close');
      sendJson(response, status, { message });
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    try {
      const { target } = await this.#shown(request);
      if (!target.path.endsWith('/start')) throw new HttpError(400, 'this path knows no upgrade');
      await this.#parts.engine.upgrade(request, socket, head, target);
    } catch (error) {
      refuseUpgrade(socket, error);
    }
  }

  /** What is asked for, when it is in the table and of a container of ours: containers go by their whole id, commands by the container that they run in. */
  async #shown(request: IncomingMessage): Promise<{ target: RequestTarget; shown: Shown }> {
    const target = readTarget(request.url ?? '/');
    const shown = shownBy(request.method ?? 'GET', target.path);
    if (!shown) throw new HttpError(403, 'a node shows nothing but what its tasks do');
    if (shown.of === 'exec' && !/^[0-9a-f]{64}$/.test(shown.ref)) throw new HttpError(404, `No such exec instance: ${shown.ref}`);
    const containerId = shown.of === 'exec' ? await this.#containerOf(shown.ref) : shown.ref;
    if (!this.#parts.isTask(containerId)) {
      throw new HttpError(404, shown.of === 'exec' ? `No such exec instance: ${shown.ref}` : `No such container: ${shown.ref}`);
    }
    return { target: { ...target, path: pathOf(shown) }, shown };
  }

  async #containerOf(execId: string): Promise<string> {
    return (await this.#parts.engine.read<{ ContainerID?: string }>(`/exec/${execId}/json`))?.ContainerID ?? '';
  }
}

/** Told to who asked for an upgrade and gets none. */
export function refuseUpgrade(socket: Duplex, error: unknown): void {
  const { status, message } = failureOf(error, false);
  const body = JSON.stringify({ message });
  socket.end(`HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}
