/** The API's server on its unix socket: routes of ours, all else passed through to the engine. */
import { chmod, chown, lstat, mkdir, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Meter } from '#base/meter';
import { Refusal } from '#base/refusal';
import { socketEndpoint } from '#http/endpoint';
import { contained } from './contained.ts';
import type { Context } from './context.ts';
import type { Dependencies } from './dependencies.ts';
import { EngineClient } from './engine/engine-client.ts';
import { failureOf, HttpError } from './errors.ts';
import { Guard } from './guard.ts';
import { Allowance, HalfOpen, limitsFor, openFilesLimit, type Limits } from './limits.ts';
import { Ending } from './ending.ts';
import { Carrier } from './leader/carrier.ts';
import { isLeaders } from './leader/places.ts';
import { upgradeAnywhere } from './nodes/anywhere.ts';
import { NodeDoor, refuseUpgrade } from './nodes/node-door.ts';
import { isOwned, mayUpgrade } from './ownership.ts';
import { allRoutes } from './routes/all.ts';
import { Metrics } from './metrics/metrics.ts';
import { RecentRemovals } from './routes/recent-removals.ts';
import { commonHeaders } from './routes/system.ts';
import { answers } from '#http/answers';
import { sendAnswer, sendJson } from './answer.ts';
import { linger } from './request/linger.ts';
import { parseInTurnsOf } from './request/body.ts';
import { isStale } from './request/stale.ts';
import { router, type Answer, type Call, type Handler } from './router.ts';
import { SwarmEvents } from './stream/swarm-events.ts';
import { MetricsDoor, type MetricsPlace } from './metrics/metrics-door.ts';
import { answerWatcher } from './routes/observation.ts';
import { readTarget, type RequestTarget } from './target.ts';

export interface ApiOptions {
  /** Replaced when nobody answers on it. */
  socketPath: string;
  /** Id of the group whose members may use it; absent: that of the process. */
  socketGroup?: number | undefined;
  /** Of shoal, such as `0.1.0`. */
  version: string;
  /** The swarm is the engine's own: of the routes only those of stacks and repositories are ours. */
  besideSwarm?: boolean;
  /** Made from the process's limit of open files unless given. */
  limits?: Limits;
  /** Where metrics are read over TCP; absent: nowhere. */
  metricsPlace?: MetricsPlace;
  /** How long a request waits for the next leader; absent: five seconds. */
  leaderPatienceMs?: number;
}

const socketMode = 0o660;
/** A burst of clients waits here for us to accept them; beyond it (or beyond net.core.somaxconn) they get EAGAIN. */
const backlog = 4096;
/** Go's clients send filters with hundreds of ids in the URL, and registries long tokens: the limit is Go's own. */
const headerLimitBytes = 1024 * 1024;
/** Longer than the idle time of Go's clients, so that it is they who close. */
const keepAliveMs = 120_000;
const stopGraceMs = 2_000;
/** A flood of one kind of failure is told once in so long. */
const repeatMs = 10_000;
/** Texts of our own routes carry no prefix of Docker's. */
const ownErrors = /^(\/v[0-9.]+)?\/shoal\//;

const connectionCloses = { follows: 'this connection is closed, the daemon goes on' };

export class ApiServer {
  readonly #options: ApiOptions;
  readonly #context: Context;
  readonly #metrics: Metrics;
  readonly #guard: Guard;
  readonly #find: ReturnType<typeof router>;
  /** The same routes over what this node holds itself. */
  readonly #findStale: ReturnType<typeof router>;
  readonly #carrier: Carrier | undefined;
  readonly #server: Server;
  readonly #limits: Limits;
  /** Requests that are being answered: over when the server stops. */
  readonly #open = new Set<Ending>();
  /** Connections that were upgraded: the server does not know them any more. */
  readonly #pipes = new Set<Duplex>();
  readonly #metricsDoor: MetricsDoor | undefined;
  readonly #halfOpen = new HalfOpen();
  readonly #toldAt = new Map<string, number>();
  #stopping = false;

  constructor(options: ApiOptions, dependencies: Dependencies) {
    this.#guard = new Guard(dependencies.logger);
    this.#limits = options.limits ?? limitsFor(openFilesLimit());
    const parts = contained(dependencies, this.#guard);
    const outgoing = new Allowance(
      this.#limits.outgoing,
      `more than ${this.#limits.outgoing} connections to the engine are open: try again when some have ended`,
    );
    const engine = new EngineClient(parts.engineEndpoint ?? socketEndpoint(parts.engineSocket), parts.clock, outgoing);
    const events = new SwarmEvents(
      parts.cluster,
      parts.reconcileEvents,
      { now: () => parts.clock.now(), index: () => parts.metrics.raftIndex() },
      parts.eventLog,
    );
    const removals = new RecentRemovals(parts.cluster);
    this.#options = options;
    this.#carrier =
      parts.leader &&
      new Carrier({ leader: parts.leader, clock: parts.clock, ...(options.leaderPatienceMs !== undefined && { patienceMs: options.leaderPatienceMs }) });
    const atLeader = (call: Call, here: Handler): Promise<Answer> => this.#atLeader(call, here);
    const carried = (call: Pick<Call, 'request'>): boolean => this.#carrier?.carried(call) === true;
    const nodeDoor = new NodeDoor({
      isTask: (id) => parts.nodes?.isTask(id) === true,
      examine: async (look) => await parts.nodes?.examine(look),
      engine,
      guard: this.#guard,
    });
    this.#context = { ...parts, version: options.version, guard: this.#guard, outgoing, engine, events, removals, atLeader, carried, nodeDoor };
    this.#metrics = new Metrics(this.#context);
    const { metricsPlace } = options;
    this.#metricsDoor =
      metricsPlace && new MetricsDoor(metricsPlace, this.#guard, parts.logger, (path, response) => answerWatcher(path, response, this.#context, this.#metrics));
    this.#find = router(allRoutes(this.#context, this.#metrics, this.#besideSwarm));
    this.#findStale = router(allRoutes(staleContext(this.#context), this.#metrics, this.#besideSwarm));
    this.#server = createServer({ maxHeaderSize: headerLimitBytes, keepAliveTimeout: keepAliveMs, requestTimeout: 0 });
    this.#server.maxConnections = this.#limits.connections;
    this.#listen();
  }

  /** Where the other parts of the daemon tell what they count. */
  get meter(): Meter {
    return this.#metrics.meter;
  }

  get #besideSwarm(): boolean {
    return this.#options.besideSwarm === true;
  }

  /** Resolves when the socket answers. Refuses when another program answers on it. */
  async start(): Promise<void> {
    const { socketPath, socketGroup } = this.#options;
    await mkdir(dirname(socketPath), { recursive: true });
    await removeStaleSocket(socketPath);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      // The socket must never be open to more people than it will be, not even for a moment.
      const mask = process.umask(0o777 & ~socketMode);
      this.#server.listen({ path: socketPath, backlog }, () => {
        this.#server.off('error', reject);
        resolve();
      });
      process.umask(mask);
    });
    if (socketGroup !== undefined) await chown(socketPath, -1, socketGroup);
    await chmod(socketPath, socketMode);
    await this.#metricsDoor?.start();
    this.#metrics.start();
  }

  /** Ends streams and connections, and removes the socket. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const request of this.#open) request.come();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const cancel = this.#context.clock.after(stopGraceMs, () => this.#server.closeAllConnections());
    for (const pipe of this.#pipes) pipe.destroy();
    this.#context.nodeDoor.stop();
    await this.#metricsDoor?.stop();
    await closed;
    cancel();
    this.#metrics.stop();
    this.#context.events.stop();
    this.#context.removals.stop();
  }

  /** All that the server calls back, behind the guard. */
  #listen(): void {
    const { logger } = this.#context;
    this.#guard.on(this.#server, 'connection', (socket: Socket) => this.#accepted(socket), connectionCloses);
    this.#server.on('request', (request, response) =>
      this.#guard.start('a request', () => this.#handle(request, response), { ...connectionCloses, undo: () => response.destroy() }),
    );
    this.#server.on('upgrade', (request, socket, head) =>
      this.#guard.start('an upgrade', () => this.#upgrade(request, socket, head), { ...connectionCloses, undo: () => socket.destroy() }),
    );
    // What is no HTTP: answered as Node would, which it leaves to whoever listens.
    this.#guard.on(this.#server, 'clientError', (error: Error, socket: Duplex) => refuseGarbage(error, socket), connectionCloses);
    // Accepting may fail when descriptors run out; connections wait until some are free.
    this.#server.on('error', (error) =>
      this.#tell('accept', () =>
        logger.error({ error: error.message }, 'a connection could not be accepted: clients wait or are turned away until descriptors are free'),
      ),
    );
    this.#server.on('drop', () => {
      this.#halfOpen.endOld(this.#context.clock.monotonicNow());
      this.#tell('drop', () =>
        logger.warn({ connections: this.#limits.connections }, 'as many clients are connected as may be: further ones are turned away until some have gone'),
      );
    });
  }

  #accepted(socket: Socket): void {
    const { clock } = this.#context;
    socket.on('error', () => socket.destroy());
    this.#halfOpen.add(socket, clock.monotonicNow());
    // Before anybody is turned away those go who only keep their connection for later.
    this.#server.getConnections((_error, count) => {
      if (count <= this.#limits.connections * 0.75) return;
      this.#server.closeIdleConnections();
      this.#halfOpen.endOld(clock.monotonicNow());
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#halfOpen.asked(request.socket);
    parseInTurnsOf(request, this.#context.clock);
    request.on('error', () => undefined);
    response.on('error', () => response.destroy());
    const ending = new Ending();
    this.#open.add(ending);
    response.once('close', () => {
      this.#open.delete(ending);
      ending.come();
      // A connection that falls idle while we stop would keep the server open.
      if (this.#stopping) setImmediate(() => this.#server.closeIdleConnections());
    });
    try {
      await this.#answer(request, response, ending);
    } catch (error) {
      this.#fail(request, response, error);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, ending: Ending): Promise<void> {
    for (const [name, value] of Object.entries(await commonHeaders(this.#context))) response.setHeader(name, value as string);
    const target = readTarget(request.url ?? '/');
    await this.#checkVersion(request, target);
    const query = new URLSearchParams(target.search);
    const stale = request.method === 'GET' && isStale(query);
    const found = (stale ? this.#findStale : this.#find)(request.method ?? 'GET', target.path);
    response.once('close', () => this.#metrics.answered(request.method ?? '', found?.pattern ?? 'engine', response.statusCode));
    if (!found) {
      if (isOwned(target.path, this.#besideSwarm)) throw new HttpError(404, 'page not found');
      return this.#context.engine.passThrough(request, response, target);
    }
    const call: Call = {
      request,
      response,
      target,
      query,
      parameters: found.parameters,
      changes: 0,
      get signal() {
        return ending.signal;
      },
    };
    const answer = !stale && isLeaders(target.path) ? this.#atLeader(call, found.handler) : found.handler(call);
    await sendAnswer(response, await answer, this.#context.clock);
  }

  /** What `/version` says is what is served. What another manager carried here was asked for at his own door. */
  async #checkVersion(request: IncomingMessage, { explicit, version }: RequestTarget): Promise<void> {
    if (!explicit || this.#context.carried({ request })) return;
    const newest = await this.#context.engine.commonVersion();
    if (version > newest) throw new HttpError(400, `client version 1.${version} is too new. Maximum supported API version is 1.${newest}`);
  }

  /** Outside a cluster, and on a worker, every route says so itself. */
  async #atLeader(call: Call, here: Handler): Promise<Answer> {
    const { LocalNodeState, ControlAvailable } = this.#context.swarm.status();
    const manages = this.#carrier && LocalNodeState === 'active' && ControlAvailable;
    return manages ? await this.#carrier.answer(call, here) : await here(call);
  }

  /** A connection that another manager opened for a request of a client of its own. */
  connected(connection: Duplex): void {
    this.#carrier?.arrived(connection);
    this.#server.emit('connection', connection);
  }

  /** A connection over which the leader asks what this node shows of its containers. */
  asked(connection: Duplex): void {
    this.#context.nodeDoor.connected(connection);
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (response.destroyed) return;
    const path = (request.url ?? '').split('?')[0] ?? '';
    const { status, message } = failureOf(error, ownErrors.test(path));
    const facts = { method: request.method, path, status };
    const expected = error instanceof Refusal || error instanceof HttpError;
    if (expected) this.#context.logger.debug(facts, `request refused: ${message}`);
    else
      this.#context.logger.error(
        { ...facts, stack: (error as Error | undefined)?.stack },
        `request failed: ${message}; the client is told, the daemon goes on`,
      );
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (!request.complete) linger(request, this.#context.clock);
    sendJson(response, status, { message });
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#halfOpen.asked(request.socket);
    this.#pipes.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#pipes.delete(socket));
    try {
      const target = readTarget(request.url ?? '/');
      if (isOwned(target.path, this.#besideSwarm) || !mayUpgrade(target.path)) throw new HttpError(400, 'this path knows no upgrade');
      await upgradeAnywhere(this.#context, { request, socket, head, target });
    } catch (error) {
      refuseUpgrade(socket, error);
    }
  }

  #tell(kind: string, say: () => void): void {
    const now = this.#context.clock.now();
    if (now - (this.#toldAt.get(kind) ?? -Infinity) < repeatMs) return;
    this.#toldAt.set(kind, now);
    say();
  }
}

function staleContext(context: Context): Context {
  const { leader, cluster } = context;
  return leader ? { ...context, cluster: { ...cluster, read: async () => leader.view() } } : context;
}

function refuseGarbage(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
}

/** Removes a socket that a dead daemon left; refuses when it answers, or when the path is something else. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket()) throw new Refusal('alreadyExists', `${path} is there and is no socket`);
  if (await answers(path)) throw new Refusal('alreadyExists', `another daemon answers on ${path}`);
  await unlink(path);
}
