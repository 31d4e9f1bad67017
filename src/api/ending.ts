/** The end of a request, for those who wait for it: most are over before anybody asks, and a signal costs more than they do. */

/** Nobody reads it; one made for each request would carry a trace of the stack. */
const over = new Error('the request is over');

export class Ending {
  #controller: AbortController | undefined;
  #came = false;

  /** Aborted when the client goes away, the answer is sent, or the server stops. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#came) this.#controller.abort(over);
    }
    return this.#controller.signal;
  }

  /** It is over. */
  come(): void {
    this.#came = true;
    this.#controller?.abort(over);
  }
}
