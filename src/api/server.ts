/** The API's server on its unix socket: routes of ours, all else passed through to the engine. */
import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import { Refusal } from '#base/refusal';
import type { Context } from './context.ts';
import type { Dependencies } from './dependencies.ts';
import { EngineClient, localEngine } from './engine-client.ts';
import { failureOf, HttpError } from './errors.ts';
import { eventRoutes } from './stream/events.ts';
import { configRoutes, secretRoutes } from './routes/secrets-and-configs.ts';
import { logRoutes } from './stream/logs.ts';
import { Metrics } from './routes/metrics.ts';
import { networkRoutes } from './routes/networks.ts';
import { nodeRoutes } from './routes/nodes.ts';
import { RecentRemovals } from './routes/recent-removals.ts';
import { router, type Answer, type Call } from './router.ts';
import { serviceRoutes } from './routes/services.ts';
import { observationRoutes, repositoryRoutes, stackRoutes } from './routes/shoal.ts';
import { SwarmEvents } from './stream/swarm-events.ts';
import { swarmRoutes } from './routes/swarm.ts';
import { commonHeaders, pingRoutes, systemRoutes } from './routes/system.ts';
import { taskRoutes } from './routes/tasks.ts';
import { splitVersion } from './version.ts';

export interface ApiOptions {
  /** Replaced when nobody answers on it. */
  socketPath: string;
  /** Of shoal, such as `0.1.0`. */
  version: string;
  /** The swarm is the engine's own: of the routes only those of stacks and repositories are ours. */
  besideSwarm?: boolean;
}

const socketMode = 0o660;
/** Go's clients send filters with hundreds of ids in the URL, and registries long tokens: the limit is Go's own. */
const headerLimitBytes = 1024 * 1024;
/** Longer than the idle time of Go's clients, so that it is they who close. */
const keepAliveMs = 120_000;
const stopGraceMs = 2_000;
/** Paths that are never the engine's business. */
const ownPaths = /^\/(swarm|nodes|services|tasks|secrets|configs|shoal|metrics|healthz)(\/|$)/;
const ownPathsBesideSwarm = /^\/(shoal|metrics|healthz)(\/|$)/;
/** Texts of our own routes carry no prefix of Docker's. */
const ownErrors = /^(\/v[0-9.]+)?\/shoal\//;

export class ApiServer {
  readonly #options: ApiOptions;
  readonly #context: Context;
  readonly #metrics: Metrics;
  readonly #find: ReturnType<typeof router>;
  readonly #ownPaths: RegExp;
  readonly #server: Server;
  readonly #stopping = new AbortController();
  /** Connections that were upgraded: the server does not know them any more. */
  readonly #pipes = new Set<Duplex>();

  constructor(options: ApiOptions, dependencies: Dependencies) {
    const engine = new EngineClient(dependencies.engineEndpoint ?? localEngine(dependencies.engineSocket), dependencies.clock);
    const events = new SwarmEvents(dependencies.cluster, () => dependencies.clock.now());
    const removals = new RecentRemovals(dependencies.cluster);
    this.#options = options;
    this.#context = { ...dependencies, version: options.version, engine, events, removals };
    this.#metrics = new Metrics(this.#context);
    const ours = [...[stackRoutes, repositoryRoutes].flatMap((routes) => routes(this.#context)), ...observationRoutes(this.#context, this.#metrics)];
    this.#find = router([...(options.besideSwarm ? pingRoutes(this.#context) : engineRoutes(this.#context)), ...ours]);
    this.#ownPaths = options.besideSwarm ? ownPathsBesideSwarm : ownPaths;
    this.#server = createServer({ maxHeaderSize: headerLimitBytes, keepAliveTimeout: keepAliveMs, requestTimeout: 0 });
    this.#server.on('request', (request, response) => void this.#handle(request, response));
    this.#server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
  }

  /** Resolves when the socket answers. Refuses when another program answers on it. */
  async start(): Promise<void> {
    const { socketPath } = this.#options;
    await mkdir(dirname(socketPath), { recursive: true });
    await removeStaleSocket(socketPath);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      // The socket must never be open to more people than it will be, not even for a moment.
      const mask = process.umask(0o777 & ~socketMode);
      this.#server.listen(socketPath, resolve);
      process.umask(mask);
    });
    await chmod(socketPath, socketMode);
    this.#metrics.start();
  }

  /** Ends streams and connections, and removes the socket. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const cancel = this.#context.clock.after(stopGraceMs, () => this.#server.closeAllConnections());
    for (const pipe of this.#pipes) pipe.destroy();
    await closed;
    cancel();
    this.#metrics.stop();
    this.#context.events.stop();
    this.#context.removals.stop();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path, search] = splitUrl(request.url ?? '/');
    // A connection that falls idle while we stop would keep the server open.
    response.once('close', () => this.#stopping.signal.aborted && setImmediate(() => this.#server.closeIdleConnections()));
    try {
      for (const [name, value] of Object.entries(await commonHeaders(this.#context))) response.setHeader(name, value as string);
      const target = splitVersion(path);
      const found = this.#find(request.method ?? 'GET', target.path);
      if (!found && this.#ownPaths.test(target.path)) throw new HttpError(404, 'page not found');
      if (!found) return await this.#context.engine.passThrough(request, response, target, search);
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
      const call: Call = { request, response, target, query: new URLSearchParams(search), parameters: found.parameters, signal };
      send(response, await found.handler(call));
    } catch (error) {
      this.#fail(request, response, error, path);
    }
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown, path: string): void {
    if (response.destroyed) return;
    const { status, message } = failureOf(error, ownErrors.test(path));
    const facts = { method: request.method, path, status };
    const expected = error instanceof Refusal || error instanceof HttpError;
    if (expected) this.#context.logger.debug(facts, `request refused: ${message}`);
    else this.#context.logger.error({ ...facts, stack: (error as Error).stack }, `request failed: ${message}`);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    // What the client still sends of the body would be read as the next request.
    if (!request.complete) response.setHeader('Connection', 'close');
    send(response, { status, json: { message } });
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const [path, search] = splitUrl(request.url ?? '/');
    this.#pipes.add(socket);
    socket.once('close', () => this.#pipes.delete(socket));
    try {
      const target = splitVersion(path);
      if (this.#ownPaths.test(target.path)) throw new HttpError(400, 'this path knows no upgrade');
      await this.#context.engine.upgrade(request, socket, head, target, search);
    } catch (error) {
      const { status, message } = failureOf(error, false);
      const body = JSON.stringify({ message });
      socket.end(
        `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      );
    }
  }
}

function engineRoutes(context: Context) {
  const kinds = [systemRoutes, swarmRoutes, nodeRoutes, serviceRoutes, logRoutes, taskRoutes, secretRoutes, configRoutes, networkRoutes, eventRoutes];
  return kinds.flatMap((routes) => routes(context));
}

/** Path and query, with its question mark. */
function splitUrl(url: string): [string, string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark)];
}

function send(response: ServerResponse, answer: Answer): void {
  if (answer === 'sent') return;
  const text = answer.json === undefined ? '' : `${JSON.stringify(answer.json)}\n`;
  if (text !== '') response.setHeader('Content-Type', 'application/json');
  if (answer.status !== 204) response.setHeader('Content-Length', Buffer.byteLength(text));
  response.writeHead(answer.status);
  response.end(text);
}

/** Removes a socket that a dead daemon left; refuses when it answers, or when the path is something else. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket()) throw new Refusal('alreadyExists', `${path} is there and is no socket`);
  if (await answers(path)) throw new Refusal('alreadyExists', `another daemon answers on ${path}`);
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
