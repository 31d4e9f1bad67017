/** The daemon's end of a line to a resolver that has said who it is. */
import { lstatSync } from 'node:fs';
import type { Clock } from '#base/clock';
import { OneByOne } from '#base/pace/one-by-one';
import { Refusal } from '#base/refusal';
import { connectLines, lineSocket, type LineSocket } from './line-socket.ts';
import { protocolVersion, type Applied, type ApplyMessage, type FromResolver, type LogMessage, type ToResolver, type Welcome } from './protocol.ts';

export interface ConnectionCalls {
  log(line: LogMessage): void;
  /** Also of a line whose resolver ended before it had said who it is. */
  closed(line: Connection): void;
  /** Who holds the socket did not answer in time. */
  silent(): void;
}

/** A resolver that is silent for so long is broken. */
const answerLimitMs = 10_000;
/** A hand-over starts a program. */
const handOverLimitMs = 15_000;

type Request = Omit<ApplyMessage, 'sequence'> | { type: 'look' } | { type: 'door'; path: string; leadsTo: string };

export class Connection {
  readonly #line: LineSocket<ToResolver>;
  readonly #calls: ConnectionCalls;
  readonly #clock: Clock;
  #sequence = 0;
  /** What an answer is waited for with; one at a time. */
  #waiting: ((message: FromResolver | undefined) => void) | undefined;
  readonly #exchanges = new OneByOne();
  #closed = false;

  private constructor(socket: Parameters<typeof lineSocket>[0], calls: ConnectionCalls, clock: Clock) {
    this.#calls = calls;
    this.#clock = clock;
    this.#line = lineSocket<FromResolver, ToResolver>(
      socket,
      (message) => (message.type === 'log' ? calls.log(message) : this.#waiting?.(message)),
      () => this.#ended(),
    );
  }

  /** A line to the resolver at `path`; undefined when none answers. Refuses a socket that somebody else put there. */
  static async open(
    path: string,
    identity: { instance: string; owner: string },
    calls: ConnectionCalls,
    clock: Clock,
  ): Promise<{ line: Connection; welcome: Welcome } | undefined> {
    refuseForeign(path);
    const socket = await connectLines(path);
    if (!socket) return undefined;
    const line = new Connection(socket, calls, clock);
    try {
      const welcome = await line.#exchange({ type: 'hello', protocol: protocolVersion, ...identity }, (message) => message.type === 'welcome' && message);
      return { line, welcome };
    } catch {
      line.close();
      return undefined;
    }
  }

  get open(): boolean {
    return !this.#closed;
  }

  /** Resolves with the state after `request`; rejects when there is no answer. */
  ask(request: Request): Promise<Applied> {
    const sequence = ++this.#sequence;
    return this.#exchange({ ...request, sequence }, (message) => message.type === 'applied' && message.sequence === sequence && message);
  }

  /** Resolves when a resolver made by `command` has taken over; rejects with the reason why it has not. */
  async handOver(command: readonly string[]): Promise<void> {
    const isAnswer = (message: FromResolver) => (message.type === 'handedOver' || message.type === 'refused') && message;
    const answer = await this.#exchange({ type: 'handOver', command }, isAnswer, handOverLimitMs);
    if (answer.type === 'refused') throw new Error(answer.reason);
  }

  /** Ends the resolver; resolves when it has. */
  async end(): Promise<void> {
    await this.#exchange({ type: 'end' }, () => false).catch(() => undefined);
  }

  close(): void {
    this.#line.destroy();
  }

  #exchange<T extends FromResolver>(message: ToResolver, isAnswer: (heard: FromResolver) => T | false, limitMs = answerLimitMs): Promise<T> {
    return this.#exchanges.alone(() => this.#exchangeNow(message, isAnswer, limitMs));
  }

  #exchangeNow<T extends FromResolver>(message: ToResolver, isAnswer: (heard: FromResolver) => T | false, limitMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error('the resolver has ended'));
      const finish = (): void => {
        cancel();
        this.#waiting = undefined;
      };
      const cancel = this.#clock.after(limitMs, () => {
        finish();
        this.#closed = true;
        this.#line.destroy();
        this.#calls.silent();
        reject(new Error(`the resolver did not answer within ${limitMs} ms`));
      });
      this.#waiting = (heard) => {
        const answer = heard && isAnswer(heard);
        if (heard && !answer) return;
        finish();
        if (answer) resolve(answer);
        else reject(new Error('the resolver has ended'));
      };
      this.#line.send(message);
    });
  }

  #ended(): void {
    this.#closed = true;
    this.#waiting?.(undefined);
    this.#calls.closed(this);
  }
}

/** Names decide where connections go: nobody else's process may give them. */
function refuseForeign(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found || (found.isSocket() && found.uid === process.getuid?.())) return;
  throw new Refusal('failedPrecondition', `${path} was made by somebody else (user ${found.uid}): find out who, remove it, and start the daemon again`);
}
