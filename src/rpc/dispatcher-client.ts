/** A node's end of the line: sessions over gRPC that behave as those in the same process do. */
import { credentials, type ClientDuplexStream } from '@grpc/grpc-js';
import { decode, encode } from '#base/codec';
import { Refusal, type RefusalCode } from '#base/refusal';
import type { AssignmentChange, AssignmentMessage, DispatcherSession, OpenSession } from '#model/assignment';
import type { NodeDescription } from '#model/node';
import { channelLimits } from './limits.ts';
import { DispatcherServiceClient, type Acknowledgement, type SessionRequest, type SessionResponse } from './generated/shoal/v1/dispatcher.ts';

type Stream = ClientDuplexStream<SessionRequest, SessionResponse>;

/** Reports that may wait for their acknowledgement; an agent that is further behind has lost its dispatcher. */
const waitingLimit = 1000;

export interface DispatcherConnection {
  openSession: OpenSession;
  close: () => void;
}

/** Sessions with the dispatcher that serves on the unix socket `path`. */
export function connectDispatcher(path: string): DispatcherConnection {
  const client = new DispatcherServiceClient(`unix:${path}`, credentials.createInsecure(), channelLimits);
  return { openSession: (nodeId, description) => openRemote(new RemoteSession(client.session()), nodeId, description), close: () => client.close() };
}

async function openRemote(session: RemoteSession, nodeId: string, description: NodeDescription): Promise<DispatcherSession> {
  try {
    await session.open(nodeId, description);
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

interface Waiting {
  resolve(periodMs: number): void;
  reject(error: Error): void;
}

class RemoteSession implements DispatcherSession {
  readonly #stream: Stream;
  readonly #waiting = new Map<number, Waiting>();
  readonly #messages: AssignmentMessage[] = [];
  #wake: () => void = () => {};
  #requestNumber = 0;
  #ended: Error | undefined;

  constructor(stream: Stream) {
    this.#stream = stream;
    stream.on('data', ({ response }: SessionResponse) => this.#heard(response));
    stream.on('error', (error) => this.#end(new Refusal('unavailable', `the dispatcher does not answer: ${error.message}`)));
    stream.on('end', () => this.#end(new Refusal('unavailable', 'the dispatcher ended the session')));
  }

  async open(nodeId: string, description: NodeDescription): Promise<void> {
    const opened = this.#expect(0);
    this.#write({ $case: 'open', value: { nodeId, description: encode(description) } });
    await opened;
  }

  async *assignments(): AsyncGenerator<AssignmentMessage> {
    for (;;) {
      const message = this.#messages.shift();
      if (message) yield message;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async updateTaskStatus(updates: Parameters<DispatcherSession['updateTaskStatus']>[0]): Promise<void> {
    await this.#ask((requestNumber) => ({ $case: 'statusReport', value: { requestNumber, updates: encode(updates) } }));
  }

  heartbeat(): Promise<number> {
    return this.#ask((requestNumber) => ({ $case: 'heartbeat', value: { requestNumber } }));
  }

  async updateDescription(description: NodeDescription): Promise<void> {
    await this.#ask((requestNumber) => ({ $case: 'descriptionReport', value: { requestNumber, description: encode(description) } }));
  }

  close(): void {
    this.#stream.cancel();
    this.#end(new Refusal('unavailable', 'the session is closed'));
  }

  #ask(make: (requestNumber: number) => NonNullable<SessionRequest['request']>): Promise<number> {
    if (this.#waiting.size >= waitingLimit) return Promise.reject(new Refusal('unavailable', `the dispatcher left ${waitingLimit} reports unanswered`));
    this.#requestNumber += 1;
    const answer = this.#expect(this.#requestNumber);
    this.#write(make(this.#requestNumber));
    return answer;
  }

  #expect(requestNumber: number): Promise<number> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => this.#waiting.set(requestNumber, { resolve, reject }));
  }

  #write(request: NonNullable<SessionRequest['request']>): void {
    if (!this.#ended) this.#stream.write({ request });
  }

  #heard(response: SessionResponse['response']): void {
    if (response?.$case === 'opened') this.#settle(0, (waiting) => waiting.resolve(0));
    else if (response?.$case === 'acknowledgement') this.#acknowledged(response.value);
    else if (response?.$case === 'assignments') {
      const { complete, appliesTo, resultsIn, changes } = response.value;
      this.#messages.push({ type: complete ? 'complete' : 'incremental', appliesTo, resultsIn, changes: decode<AssignmentChange[]>(changes) });
      this.#wake();
    }
  }

  #acknowledged({ requestNumber, periodMs, refusalCode, refusalText }: Acknowledgement): void {
    this.#settle(requestNumber, (waiting) => {
      if (refusalCode === '') waiting.resolve(periodMs);
      else waiting.reject(new Refusal(refusalCode as RefusalCode, refusalText));
    });
  }

  #settle(requestNumber: number, act: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(requestNumber);
    this.#waiting.delete(requestNumber);
    if (waiting) act(waiting);
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended);
    this.#waiting.clear();
    this.#wake();
  }
}
