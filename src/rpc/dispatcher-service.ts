/** Serves dispatcher sessions over gRPC: a stream of assignments to each node, and the node's calls beside it. */
import { randomUUID } from 'node:crypto';
import type { sendUnaryData, ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { decodeForeign } from '#base/codec';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { AttachmentChange, DispatcherSession, OpenSession, TaskStatusUpdate } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';
import type { Caller } from './authorization.ts';
import { toPieces } from './assignment-wire.ts';
import {
  DispatcherServiceService,
  type DispatcherServiceServer,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type SessionRequest,
  type SessionResponse,
  type UpdateTaskStatusRequest,
  type UpdateTaskStatusResponse,
} from './generated/shoal/v1/dispatcher.ts';
import { unavailable } from './forward/node-tunnels.ts';
import { contentBytes } from './limits.ts';
import { toServiceError } from './refusals.ts';
import { callerOf, type RpcServer } from './rpc-server.ts';

type Stream = ServerWritableStream<SessionRequest, SessionResponse>;

export interface DispatcherServiceParts {
  openSession: OpenSession;
  /** HOST:PORT of the leader as far as it is known here: who asks about a session of another manager hears it. */
  leader: () => string | undefined;
  logger: Logger;
}

interface Line {
  session: DispatcherSession;
  /** Whose it is: nobody else's calls are about it. */
  nodeId: string;
  stream: Stream;
}

export class DispatcherService {
  readonly #streams = new Set<Stream>();
  readonly #lines = new Map<string, Line>();
  /** The line of each node that was opened last. */
  readonly #newest = new Map<string, Line>();
  readonly #parts: DispatcherServiceParts;

  constructor(parts: DispatcherServiceParts) {
    this.#parts = parts;
  }

  /** May be served at several doors. */
  addTo(server: RpcServer): void {
    server.add(DispatcherServiceService, this.#handlers());
  }

  /** Ends every session: nodes are told. */
  end(): void {
    for (const stream of this.#streams) stream.end();
  }

  /** Asks a node to open the tunnel `id` to this manager. Refuses `unavailable` where it cannot. */
  readonly askForTunnel = (nodeId: string, id: string): void => {
    const stream = this.#newest.get(nodeId)?.stream;
    if (!stream || stream.destroyed || stream.cancelled) throw unavailable(nodeId, `node ${nodeId} is not available`);
    if (!stream.request.tunnels) {
      throw unavailable(nodeId, `node ${nodeId} is not available: it runs a version of shoal that shows nothing of its containers to others; upgrade it`);
    }
    stream.write({ response: { $case: 'tunnel', value: { id } } });
  };

  #handlers(): DispatcherServiceServer {
    return {
      session: (stream) => void this.#serve(stream),
      heartbeat: answering(this.#beat),
      beats: answeringEach(this.#beat),
      updateTaskStatus: answering(this.#report),
      reports: answeringEach(this.#report),
      updateDescription: answering(async ({ sessionId, description }, caller) => {
        await this.#sessionOf(sessionId, caller).updateDescription(decodeForeign<NodeDescription>(description, contentBytes.description));
        return {};
      }),
      acknowledge: answering(async ({ sessionId, resultsIn }, caller) => {
        await this.#sessionOf(sessionId, caller).acknowledge(resultsIn);
        return {};
      }),
      withdrawn: answering(async ({ sessionId, taskId }, caller) => {
        await this.#sessionOf(sessionId, caller).withdrawn(taskId);
        return {};
      }),
      changeAttachment: answering(async ({ sessionId, change }, caller) => ({
        taskId: await this.#sessionOf(sessionId, caller).changeAttachment(decodeForeign<AttachmentChange>(change, contentBytes.attachment)),
      })),
      pause: answering(async ({ sessionId, leaves }, caller) => {
        const session = this.#sessionOf(sessionId, caller);
        await (leaves ? session.leave() : session.pause());
        return {};
      }),
    };
  }

  readonly #beat = async ({ sessionId }: HeartbeatRequest, caller: Caller): Promise<HeartbeatResponse> => ({
    periodMs: await this.#sessionOf(sessionId, caller).heartbeat(),
  });

  readonly #report = async ({ sessionId, updates }: UpdateTaskStatusRequest, caller: Caller): Promise<UpdateTaskStatusResponse> => {
    await this.#sessionOf(sessionId, caller).updateTaskStatus(decodeForeign<TaskStatusUpdate[]>(updates, contentBytes.reports));
    return {};
  };

  #sessionOf(id: string, { nodeId }: Caller): DispatcherSession {
    const line = this.#lines.get(id);
    if (line?.nodeId === nodeId) return line.session;
    const leader = this.#parts.leader();
    throw new Refusal('invalidArgument', 'session invalid', leader === undefined ? {} : { leader });
  }

  /** One node's session from its opening until either side ends it. */
  async #serve(stream: Stream): Promise<void> {
    const id = randomUUID();
    const closed = new Promise<void>((resolve) => stream.once('close', resolve));
    stream.on('error', (error) => this.#parts.logger.debug({ error: error.message }, 'the stream to a node broke; its agent opens another one'));
    this.#streams.add(stream);
    try {
      const { nodeId, address } = callerOf(stream);
      const wanted = (): boolean => !stream.cancelled && !stream.destroyed;
      const session = await this.#parts.openSession(
        nodeId,
        decodeForeign<NodeDescription>(stream.request.description, contentBytes.description),
        address,
        wanted,
      );
      const line = { session, nodeId, stream };
      this.#lines.set(id, line);
      this.#newest.set(nodeId, line);
      await send(stream, { $case: 'opened', value: { sessionId: id, beats: true, reports: true } });
      await Promise.race([pump(stream, session), closed]);
      stream.end();
    } catch (error) {
      stream.emit('error', toServiceError(error));
    } finally {
      this.#streams.delete(stream);
      const line = this.#lines.get(id);
      line?.session.close();
      this.#lines.delete(id);
      if (line && this.#newest.get(line.nodeId) === line) this.#newest.delete(line.nodeId);
    }
  }
}

/** A handler whose every failure, thrown or rejected, is the call's answer. */
function answering<Request, Response>(work: (request: Request, caller: Caller) => Promise<Response>) {
  return (call: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>): void => {
    Promise.resolve()
      .then(() => work(call.request, callerOf(call)))
      .then(
        (response) => answer(null, response),
        (error: unknown) => answer(toServiceError(error)),
      );
  };
}

/** Answers what comes on a call, in its order; the first failure ends it. Who does not hear the answers is heard no further. */
function answeringEach<Request, Response>(work: (request: Request, caller: Caller) => Promise<Response>) {
  return (call: ServerDuplexStream<Request, Response>): void => {
    const caller = callerOf(call);
    let over = false;
    const end = (): void => void (over = true);
    const answer = (response: Response): void => {
      if (over || call.write(response)) return;
      call.pause();
      call.once('drain', () => call.resume());
    };
    const fail = (error: unknown): void => {
      if (!over) call.emit('error', toServiceError(error));
    };
    let last = Promise.resolve();
    call.on('data', (request: Request) => {
      last = Promise.all([work(request, caller), last]).then(([response]) => answer(response), fail);
    });
    call.on('end', () => call.end());
    for (const event of ['error', 'end', 'cancelled', 'close']) call.on(event, end);
  };
}

async function pump(stream: Stream, session: DispatcherSession): Promise<void> {
  for await (const message of session.assignments()) {
    // Between pieces others get their turn: a whole set may be large.
    for (const piece of toPieces(message)) {
      await send(stream, { $case: 'assignments', value: piece });
      if (!piece.last) await nextTurn();
    }
  }
}

/** Waits while the stream is full: a slow reader slows its own assignments, nobody else's. */
async function send(stream: Stream, response: NonNullable<SessionResponse['response']>): Promise<void> {
  if (stream.destroyed || stream.cancelled) return;
  if (stream.write({ response })) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.once('drain', done);
    stream.once('close', done);
  });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
