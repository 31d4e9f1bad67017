/** Serves dispatcher sessions over gRPC: each stream is one node's line. */
import { chmodSync, rmSync } from 'node:fs';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { decode, encode } from '#base/codec';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import type { DispatcherSession, OpenSession, TaskStatusUpdate } from '#model/assignment';
import type { NodeDescription } from '#model/node';
import { channelLimits } from './limits.ts';
import { DispatcherServiceService, type Acknowledgement, type SessionRequest, type SessionResponse } from './generated/shoal/v1/dispatcher.ts';

type Stream = ServerDuplexStream<SessionRequest, SessionResponse>;
type Answered = Extract<SessionRequest['request'], { $case: 'statusReport' | 'heartbeat' | 'descriptionReport' }>;

export interface DispatcherServerParts {
  openSession: OpenSession;
  logger: Logger;
}

const shutdownLimitMs = 1000;

export class DispatcherServer {
  readonly #server = new Server(channelLimits);
  readonly #streams = new Set<Stream>();
  readonly #path: string;
  readonly #parts: DispatcherServerParts;

  /** `path` is a unix socket for this host's own agent; only root may connect. */
  constructor(path: string, parts: DispatcherServerParts) {
    this.#path = path;
    this.#parts = parts;
    this.#server.addService(DispatcherServiceService, { session: (stream: Stream) => void this.#serve(stream) });
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

  async #serve(stream: Stream): Promise<void> {
    let opened: Promise<DispatcherSession> | undefined;
    stream.on('error', (error) => this.#parts.logger.debug({ error: error.message }, 'a node’s stream broke'));
    stream.on('data', ({ request }: SessionRequest) => {
      if (request?.$case === 'open' && !opened) {
        opened = this.#open(stream, request.value.nodeId, decode(request.value.description));
        // The node has been told; whoever needs the session sees the reason again.
        opened.catch(() => undefined);
        return;
      }
      if (!request || request.$case === 'open' || !opened) return void stream.end();
      void answer(stream, opened, request);
    });
    this.#streams.add(stream);
    await new Promise<void>((resolve) => stream.once('close', resolve));
    this.#streams.delete(stream);
    (await opened?.catch(() => undefined))?.close();
  }

  /** Opens the session and lets its assignments flow until it ends. */
  async #open(stream: Stream, nodeId: string, description: NodeDescription): Promise<DispatcherSession> {
    try {
      const session = await this.#parts.openSession(nodeId, description);
      await send(stream, { $case: 'opened', value: {} });
      void pump(stream, session);
      return session;
    } catch (error) {
      await send(stream, { $case: 'acknowledgement', value: acknowledgement(0, error) });
      stream.end();
      throw error;
    }
  }
}

async function pump(stream: Stream, session: DispatcherSession): Promise<void> {
  for await (const { type, appliesTo, resultsIn, changes } of session.assignments()) {
    await send(stream, { $case: 'assignments', value: { complete: type === 'complete', appliesTo, resultsIn, changes: encode(changes) } });
  }
  stream.end();
}

async function answer(stream: Stream, opened: Promise<DispatcherSession>, request: Answered): Promise<void> {
  const { requestNumber } = request.value;
  try {
    const periodMs = await carryOut(await opened, request);
    await send(stream, { $case: 'acknowledgement', value: { ...acknowledgement(requestNumber), periodMs } });
  } catch (error) {
    await send(stream, { $case: 'acknowledgement', value: acknowledgement(requestNumber, error) });
  }
}

/** Milliseconds until the next beat for heartbeats, else 0. */
async function carryOut(session: DispatcherSession, request: Answered): Promise<number> {
  if (request.$case === 'heartbeat') return session.heartbeat();
  if (request.$case === 'statusReport') await session.updateTaskStatus(decode<TaskStatusUpdate[]>(request.value.updates));
  else await session.updateDescription(decode<NodeDescription>(request.value.description));
  return 0;
}

function acknowledgement(requestNumber: number, error?: unknown): Acknowledgement {
  if (error === undefined) return { requestNumber, periodMs: 0, refusalCode: '', refusalText: '' };
  const refusal = error instanceof Refusal ? error : new Refusal('unknown', error instanceof Error ? error.message : 'the request failed');
  return { requestNumber, periodMs: 0, refusalCode: refusal.code, refusalText: refusal.message };
}

/** Waits while the stream is full: a slow reader slows its own assignments, nobody else's. */
async function send(stream: Stream, response: NonNullable<SessionResponse['response']>): Promise<void> {
  if (stream.destroyed || stream.cancelled) return;
  if (stream.write({ response })) return;
  await new Promise<void>((resolve) => {
    stream.once('drain', resolve);
    stream.once('close', resolve);
  });
}
