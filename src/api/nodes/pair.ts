/** Two ends of one connection within this process: what is written at one is read at the other, no faster than that reads. */
import { Duplex } from 'node:stream';

export function connectionPair(): [Duplex, Duplex] {
  const ends: [End, End] = [new End(), new End()];
  ends[0].other = ends[1];
  ends[1].other = ends[0];
  return ends;
}

class End extends Duplex {
  other: End | undefined;
  /** Who wrote to the other end waits until this one reads. */
  #resume: (() => void) | undefined;

  override _read(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.other?.heard(bytes, done);
  }

  override _final(done: () => void): void {
    this.other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // What was said before the end is still heard.
    if (!this.writableFinished || !this.readableEnded) setImmediate(() => this.other?.destroy());
    done(error);
  }

  heard(bytes: Buffer, done: () => void): void {
    if (this.push(bytes)) done();
    else this.#resume = done;
  }
}
