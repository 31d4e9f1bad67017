/** Docker's multiplexed log stream: an 8-byte head (stream, length), then the text. */

export interface LogFrame {
  stream: 'stdout' | 'stderr' | 'error';
  text: string;
}

const headBytes = 8;
const streams = ['stdout', 'stdout', 'stderr', 'error'] as const;

export class LogFrames {
  #rest: Buffer = Buffer.alloc(0);

  /** Adds bytes as they come and gives the frames that are whole. */
  push(chunk: Buffer): LogFrame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: LogFrame[] = [];
    while (this.#rest.length >= headBytes) {
      const end = headBytes + this.#rest.readUInt32BE(4);
      if (this.#rest.length < end) break;
      frames.push({ stream: streams[this.#rest.readUInt8(0)] ?? 'error', text: this.#rest.toString('utf8', headBytes, end) });
      this.#rest = this.#rest.subarray(end);
    }
    return frames;
  }
}
