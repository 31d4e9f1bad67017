/** A node's end of the line: sessions over gRPC that behave as those in the same process do. */
import type { Duplex } from 'node:stream';
import {
  connectivityState,
  credentials,
  Metadata,
  type CallOptions,
  type ChannelCredentials,
  type ClientReadableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { encode } from '#base/codec';
import { Refusal } from '#base/refusal';
import type { AssignmentMessage, AttachmentChange, DispatcherSession, OpenSession } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';
import { Pieces } from './assignment-wire.ts';
import { TunnelClient } from './forward/tunnel-client.ts';
import { channelOptions } from './channel-options.ts';
import { contentBytes } from './limits.ts';
import { OneCall } from './one-call.ts';
import {
  DispatcherServiceClient,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type ReportsRequest,
  type ReportsResponse,
  type SessionResponse,
} from './generated/shoal/v1/dispatcher.ts';
import { toRefusal } from './refusals.ts';
import { besideSpare, type Spare } from './spare-line.ts';

type Stream = ClientReadableStream<SessionResponse>;
type Answer<T> = (error: ServiceError | null, response: T) => void;

const peer = 'the dispatcher';
/** Messages that may wait for the agent; it takes each in one turn, so more say that it is stuck. */
const waitingLimit = 1000;
const callLimitMs = 30_000;
/** For a manager to say who leads. */
const leaderLimitMs = 1000;

export interface DispatcherConnection {
  openSession: OpenSession;
  /** HOST:PORT of the leader as the manager knows it; undefined: it knows of none, does not answer soon, or runs a version that does not say. */
  leader: () => Promise<string | undefined>;
  /** Whether it is connected now. */
  stands: () => boolean;
  close: () => void;
}

/**
 * Sessions with the dispatcher at `address`: `unix:PATH` on this host, or `HOST:PORT` with the credentials of this node.
 * Whose they are is known there by the socket or the certificate.
 * @param connected is given each tunnel that the manager asks for; absent: it is told not to ask
 */
export function connectDispatcher(
  address: string,
  secured: ChannelCredentials = credentials.createInsecure(),
  connected?: (tunnel: Duplex) => void,
): DispatcherConnection {
  const client = new DispatcherServiceClient(address, secured, channelOptions);
  // A connection of its own and not one that others share: theirs may be stuck. On this host nothing breaks.
  const spare = address.startsWith('unix:') ? undefined : { address, open: () => new DispatcherServiceClient(address, secured, channelOptions) };
  const tunnels = connected && new TunnelClient(address, secured, connected);
  const close = (): void => {
    client.close();
    tunnels?.end();
  };
  const stands = (): boolean => client.getChannel().getConnectivityState(false) === connectivityState.READY;
  return { openSession: (_nodeId, description) => openRemote(client, spare, description, tunnels), leader: () => leaderBy(client), stands, close };
}

/** A manager that is asked about a session that it does not have says who would. */
function leaderBy(client: DispatcherServiceClient): Promise<string | undefined> {
  return new Promise((resolve) => {
    client.heartbeat({ sessionId: '' }, new Metadata(), { deadline: Date.now() + leaderLimitMs }, (error) => {
      const leader = error ? toRefusal(error, peer).facts['leader'] : undefined;
      resolve(typeof leader === 'string' ? leader : undefined);
    });
  });
}

async function openRemote(
  client: DispatcherServiceClient,
  spare: Spare<DispatcherServiceClient> | undefined,
  description: NodeDescription,
  tunnels: TunnelClient | undefined,
): Promise<DispatcherSession> {
  const session = new RemoteSession(client, spare, client.session({ description: encode(description), tunnels: tunnels !== undefined }), tunnels);
  try {
    await session.opened;
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

class RemoteSession implements DispatcherSession {
  readonly opened: Promise<void>;
  readonly #client: DispatcherServiceClient;
  readonly #spare: Spare<DispatcherServiceClient> | undefined;
  readonly #stream: Stream;
  readonly #tunnels: TunnelClient | undefined;
  readonly #pieces = new Pieces();
  readonly #messages: AssignmentMessage[] = [];
  #sessionId = '';
  /** Absent: the manager takes each beat on a call of its own. A session that lost its beats is over. */
  #beats: OneCall<HeartbeatRequest, HeartbeatResponse> | undefined;
  #takesReports = false;
  /** Of one that was refused the next report begins another. */
  #reports: OneCall<ReportsRequest, ReportsResponse> | undefined;
  #wake: () => void = () => {};
  #ended: Error | undefined;
  #refuseOpening: (reason: Error) => void = () => {};

  constructor(client: DispatcherServiceClient, spare: Spare<DispatcherServiceClient> | undefined, stream: Stream, tunnels: TunnelClient | undefined) {
    this.#client = client;
    this.#spare = spare;
    this.#stream = stream;
    this.#tunnels = tunnels;
    this.opened = new Promise((resolve, reject) => {
      this.#refuseOpening = reject;
      stream.on('data', ({ response }: SessionResponse) => this.#heard(response, resolve));
    });
    stream.on('error', (error: ServiceError) => this.#end(toRefusal(error, peer)));
    stream.on('end', () => this.#end(new Refusal('unavailable', `${peer} ended the session`)));
  }

  async *assignments(): AsyncGenerator<AssignmentMessage> {
    for (;;) {
      const message = this.#messages.shift();
      if (message) {
        if (this.#messages.length < waitingLimit) this.#stream.resume();
        yield message;
      } else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async updateTaskStatus(updates: Parameters<DispatcherSession['updateTaskStatus']>[0]): Promise<void> {
    const request = { sessionId: this.#sessionId, updates: encode(updates) };
    const isShort = request.updates.length <= contentBytes.shortReports;
    if (this.#takesReports && isShort) await this.#report(request);
    else await this.#call((options, answer) => this.#client.updateTaskStatus(request, ...options, answer));
  }

  async #report(request: ReportsRequest): Promise<void> {
    if (this.#ended) throw this.#ended;
    if (!this.#reports || this.#reports.isOver) this.#reports = new OneCall(() => this.#client.reports());
    const reports = this.#reports;
    const timer = setTimeout(() => reports.end(), callLimitMs);
    await reports
      .ask(request)
      .catch(asRefusal)
      .finally(() => clearTimeout(timer));
  }

  async heartbeat(): Promise<number> {
    const request = { sessionId: this.#sessionId };
    const asked = this.#beat(request);
    const again = (line: DispatcherServiceClient, limitMs: number): Promise<HeartbeatResponse> =>
      new Promise((resolve, reject) => {
        line.heartbeat(request, new Metadata(), { deadline: Date.now() + limitMs }, (error, beat) => (error ? reject(error) : resolve(beat)));
      });
    const { periodMs } = await (this.#spare ? besideSpare(asked, this.#spare, again) : asked);
    return periodMs;
  }

  #beat(request: HeartbeatRequest): Promise<HeartbeatResponse> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (!this.#beats) return this.#call((options, answer) => this.#client.heartbeat(request, ...options, answer));
    return this.#beats.ask(request).catch(asRefusal);
  }

  async updateDescription(description: NodeDescription): Promise<void> {
    const request = { sessionId: this.#sessionId, description: encode(description) };
    await this.#call((options, answer) => this.#client.updateDescription(request, ...options, answer));
  }

  async acknowledge(resultsIn: number): Promise<void> {
    const request = { sessionId: this.#sessionId, resultsIn };
    await this.#call((options, answer) => this.#client.acknowledge(request, ...options, answer));
  }

  async withdrawn(taskId: string): Promise<void> {
    const request = { sessionId: this.#sessionId, taskId };
    await this.#call((options, answer) => this.#client.withdrawn(request, ...options, answer));
  }

  async changeAttachment(change: AttachmentChange): Promise<string> {
    const request = { sessionId: this.#sessionId, change: encode(change) };
    const { taskId } = await this.#call<{ taskId: string }>((options, answer) => this.#client.changeAttachment(request, ...options, answer));
    return taskId;
  }

  pause(): Promise<void> {
    return this.#goAway(false);
  }

  leave(): Promise<void> {
    return this.#goAway(true);
  }

  async #goAway(leaves: boolean): Promise<void> {
    const request = { sessionId: this.#sessionId, leaves };
    await this.#call((options, answer) => this.#client.pause(request, ...options, answer));
  }

  close(): void {
    this.#stream.cancel();
    this.#beats?.end();
    this.#reports?.end();
    this.#end(new Refusal('unavailable', 'the session is closed'));
  }

  #call<T>(make: (options: [Metadata, CallOptions], answer: Answer<T>) => void): Promise<T> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      make([new Metadata(), { deadline: Date.now() + callLimitMs }], (error, response) => (error ? reject(toRefusal(error, peer)) : resolve(response)));
    });
  }

  #heard(response: SessionResponse['response'], opened: () => void): void {
    if (response?.$case === 'opened') {
      this.#sessionId = response.value.sessionId;
      if (response.value.beats) this.#beats = new OneCall(() => this.#client.beats());
      this.#takesReports = response.value.reports;
      return opened();
    }
    if (response?.$case === 'tunnel') return this.#tunnels?.open(response.value.id);
    if (response?.$case !== 'assignments') return;
    try {
      const message = this.#pieces.add(response.value);
      if (message) this.#messages.push(message);
    } catch (error) {
      this.close();
      return this.#end(error as Error);
    }
    if (this.#messages.length >= waitingLimit) this.#stream.pause();
    this.#wake();
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    this.#refuseOpening(this.#ended);
    this.#wake();
  }
}

function asRefusal(error: unknown): never {
  throw error instanceof Refusal ? error : toRefusal(error as ServiceError, peer);
}
