/** JSON in frames with a length before each: how the daemon and its worker processes talk. Both sides bound what they take in. */

const headBytes = 4;

export function encodeFrame(value: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(value), 'utf8');
  const frame = Buffer.allocUnsafe(headBytes + body.length);
  frame.writeUInt32BE(body.length, 0);
  body.copy(frame, headBytes);
  return frame;
}

/** Takes chunks as they come and gives out whole frames. */
export class FrameReader {
  readonly #largestBytes: number;
  readonly #take: (value: unknown, bytes: number) => void;
  #parts: Buffer[] = [];
  #bytes = 0;

  /** `take` hears of each frame what it says, and its bytes. */
  constructor(largestBytes: number, take: (value: unknown, bytes: number) => void) {
    this.#largestBytes = largestBytes;
    this.#take = take;
  }

  /** Throws when a frame is larger than allowed, or no JSON: the other side is not to be listened to any longer. */
  push(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    for (;;) {
      const size = this.#announced();
      if (size === undefined || this.#bytes < headBytes + size) return;
      // Joined once a frame is whole: joining with each chunk would cost the square of its size.
      const all = this.#parts.length === 1 && this.#parts[0] ? this.#parts[0] : Buffer.concat(this.#parts);
      const rest = all.subarray(headBytes + size);
      this.#parts = rest.length > 0 ? [rest] : [];
      this.#bytes = rest.length;
      this.#take(JSON.parse(all.toString('utf8', headBytes, headBytes + size)), size);
    }
  }

  #announced(): number | undefined {
    if (this.#bytes < headBytes) return undefined;
    if ((this.#parts[0]?.length ?? 0) < headBytes) this.#parts = [Buffer.concat(this.#parts)];
    const size = this.#parts[0]?.readUInt32BE(0) ?? 0;
    if (size > this.#largestBytes) throw new Error(`a frame of ${size} bytes is larger than the ${this.#largestBytes} that are allowed`);
    return size;
  }
}
