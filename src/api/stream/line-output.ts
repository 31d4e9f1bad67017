/** Lines to a client that may read slowly or not at all: what it does not take is kept up to a limit, then it is cut off, and the log says so. */
import type { ServerResponse } from 'node:http';
import type { Logger } from '#base/logger';

export class LineOutput {
  readonly #response: ServerResponse;
  readonly #limitBytes: number;
  readonly #logger: Logger;
  readonly #over = new AbortController();

  constructor(response: ServerResponse, limitBytes: number, logger: Logger) {
    this.#response = response;
    this.#limitBytes = limitBytes;
    this.#logger = logger;
    response.once('close', () => this.#over.abort());
  }

  /** Aborted when the client is gone or cut off, or by `end`. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  write(line: string): void {
    if (this.#over.signal.aborted || this.#response.destroyed) return;
    if (this.#response.writableLength <= this.#limitBytes) {
      this.#response.write(`${line}\n`);
      return;
    }
    const facts = { path: this.#response.req.url, unread: this.#response.writableLength, limit: this.#limitBytes };
    this.#logger.warn(facts, 'a client does not read its stream: it is cut off and may ask again with `since`');
    this.#response.destroy();
    this.#over.abort();
  }

  end(): void {
    this.#over.abort();
  }
}

/** Calls `take` with each line of a stream; a line over the limit ends it. Resolves when the stream is over, however it ends. */
export function copyLines(stream: NodeJS.ReadableStream & { destroy(): unknown }, take: (line: string) => void, lineLimitBytes: number): Promise<void> {
  return new Promise((resolve) => {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('error', () => undefined);
    stream.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > lineLimitBytes) {
        rest = '';
        stream.destroy();
      }
      for (const line of lines) take(line);
    });
    stream.once('close', resolve);
  });
}
