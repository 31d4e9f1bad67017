/** A node's beats on one call: to open one for each would be the most of what a node costs its managers. */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { Refusal } from '#base/refusal';
import type { BeatsRequest, BeatsResponse } from './generated/shoal/v1/dispatcher.ts';

interface Asked {
  resolve: (answer: BeatsResponse) => void;
  reject: (reason: unknown) => void;
}

export class Beats {
  readonly #open: () => ClientDuplexStream<BeatsRequest, BeatsResponse>;
  #call: ClientDuplexStream<BeatsRequest, BeatsResponse> | undefined;
  /** In the order in which they are answered. */
  #asked: Asked[] = [];
  /** Why there is no answer any more. */
  #failure: unknown;

  /** @param open is called with the first beat */
  constructor(open: () => ClientDuplexStream<BeatsRequest, BeatsResponse>) {
    this.#open = open;
  }

  /** Rejects with what ended the call, and so for all that follow: a session that lost its beats is over. */
  beat(request: BeatsRequest): Promise<BeatsResponse> {
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

  #begin(): ClientDuplexStream<BeatsRequest, BeatsResponse> {
    const call = this.#open();
    call.on('data', (answer: BeatsResponse) => this.#asked.shift()?.resolve(answer));
    call.on('error', (error) => this.#fail(error));
    call.on('end', () => this.#fail(new Refusal('unavailable', 'the dispatcher takes no more beats')));
    return call;
  }

  #fail(reason: unknown): void {
    this.#failure ??= reason;
    for (const { reject } of this.#asked.splice(0)) reject(this.#failure);
  }
}
