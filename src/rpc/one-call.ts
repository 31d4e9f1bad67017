/** What a node says again and again, on one call: to open one for each would be the most of what it costs its managers. */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { Refusal } from '#base/refusal';

interface Asked<Response> {
  resolve: (answer: Response) => void;
  reject: (reason: unknown) => void;
}

export class OneCall<Request, Response> {
  readonly #open: () => ClientDuplexStream<Request, Response>;
  #call: ClientDuplexStream<Request, Response> | undefined;
  /** In the order in which they are answered. */
  #asked: Asked<Response>[] = [];
  /** Why there is no answer any more. */
  #failure: unknown;

  /** @param open is called with the first question */
  constructor(open: () => ClientDuplexStream<Request, Response>) {
    this.#open = open;
  }

  /** Nothing that is asked is answered any more. */
  get isOver(): boolean {
    return this.#failure !== undefined;
  }

  /** Rejects with what ended the call, and so for all that follow. */
  ask(request: Request): Promise<Response> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure as Error);
    const call = (this.#call ??= this.#begin());
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      call.write(request);
    });
  }

  end(): void {
    this.#call?.cancel();
  }

  #begin(): ClientDuplexStream<Request, Response> {
    const call = this.#open();
    call.on('data', (answer: Response) => this.#asked.shift()?.resolve(answer));
    call.on('error', (error) => this.#fail(error));
    call.on('end', () => this.#fail(new Refusal('unavailable', 'the dispatcher takes no more on this call')));
    return call;
  }

  #fail(reason: unknown): void {
    this.#failure ??= reason;
    for (const { reject } of this.#asked.splice(0)) reject(this.#failure);
  }
}
