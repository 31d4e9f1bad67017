/** Serves dispatcher sessions over gRPC: a stream of assignments to each node, and the node's calls beside it. */
import { randomUUID } from 'node:crypto';
import { chmodSync, rmSync } from 'node:fs';
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { decode } from '#base/codec';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { DispatcherSession, OpenSession, TaskStatusUpdate } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';
import { toPieces } from './assignment-wire.ts';
import { channelLimits } from './limits.ts';
import { DispatcherServiceService, type DispatcherServiceServer, type SessionRequest, type SessionResponse } from './generated/shoal/v1/dispatcher.ts';
import { toServiceError } from './refusals.ts';

type Stream = ServerWritableStream<SessionRequest, SessionResponse>;

export interface DispatcherServerParts {
  openSession: OpenSession;
  logger: Logger;
}

const shutdownLimitMs = 1000;

export class DispatcherServer {
  readonly #server = new Server(channelLimits);
  readonly #streams = new Set<Stream>();
  readonly #sessions = new Map<string, DispatcherSession>();
  readonly #path: string;
  readonly #parts: DispatcherServerParts;

  /** `path` is a unix socket for this host's own agent; only root may connect. */
  constructor(path: string, parts: DispatcherServerParts) {
    this.#path = path;
    this.#parts = parts;
    this.#server.addService(DispatcherServiceService, this.#service());
  }

  async start(): Promise<void> {
    rmSync(this.#path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${this.#path}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
    });
    chmodSync(this.#path, 0o600);
  }

  /** Ends every session: nodes are told, and what does not go by itself is cut off. */
  async stop(): Promise<void> {
    for (const stream of this.#streams) stream.end();
    await new Promise<void>((resolve) => {
      const cut = setTimeout(() => this.#server.forceShutdown(), shutdownLimitMs);
      this.#server.tryShutdown(() => {
        clearTimeout(cut);
        resolve();
      });
    });
    rmSync(this.#path, { force: true });
  }

  #service(): DispatcherServiceServer {
    return {
      session: (stream) => void this.#serve(stream),
      heartbeat: answering(async ({ sessionId }) => ({ periodMs: await this.#sessionOf(sessionId).heartbeat() })),
      updateTaskStatus: answering(async ({ sessionId, updates }) => {
        await this.#sessionOf(sessionId).updateTaskStatus(decode<TaskStatusUpdate[]>(updates));
        return {};
      }),
      updateDescription: answering(async ({ sessionId, description }) => {
        await this.#sessionOf(sessionId).updateDescription(decode<NodeDescription>(description));
        return {};
      }),
    };
  }

  #sessionOf(id: string): DispatcherSession {
    const session = this.#sessions.get(id);
    if (!session) throw new Refusal('invalidArgument', 'session invalid');
    return session;
  }

  /** One node's session from its opening until either side ends it. */
  async #serve(stream: Stream): Promise<void> {
    const id = randomUUID();
    const closed = new Promise<void>((resolve) => stream.once('close', resolve));
    stream.on('error', (error) => this.#parts.logger.debug({ error: error.message }, 'the stream to a node broke; its agent opens another one'));
    this.#streams.add(stream);
    try {
      const { nodeId, description } = stream.request;
      const session = await this.#parts.openSession(nodeId, decode<NodeDescription>(description));
      this.#sessions.set(id, session);
      await send(stream, { $case: 'opened', value: { sessionId: id } });
      await Promise.race([pump(stream, session), closed]);
      stream.end();
    } catch (error) {
      stream.emit('error', toServiceError(error));
    } finally {
      this.#streams.delete(stream);
      this.#sessions.get(id)?.close();
      this.#sessions.delete(id);
    }
  }
}

/** A handler whose every failure, thrown or rejected, is the call's answer. */
function answering<Request, Response>(work: (request: Request) => Promise<Response>) {
  return ({ request }: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>): void => {
    Promise.resolve(request)
      .then(work)
      .then(
        (response) => answer(null, response),
        (error: unknown) => answer(toServiceError(error)),
      );
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
