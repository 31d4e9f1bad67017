/** The answer of git's http-backend on its way to whoever asked: the head of a CGI program becomes the head of ours. */
import type { ServerResponse } from 'node:http';

/** git's own are some hundred bytes. */
const largestHead = 16 * 1024;

export class CgiAnswer {
  readonly #response: ServerResponse;
  #head = Buffer.alloc(0);
  #sent = false;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** Whether more may come at once. */
  push(part: Buffer): boolean {
    if (this.#sent) return this.#response.write(part);
    this.#head = Buffer.concat([this.#head, part]);
    const end = this.#head.indexOf('\r\n\r\n');
    if (end === -1) {
      if (this.#head.length > largestHead) this.#response.destroy();
      return true;
    }
    const fields = this.#head
      .toString('latin1', 0, end)
      .split('\r\n')
      .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
    const status = Number(fields.find(([name]) => name === 'Status')?.[1].slice(0, 3) ?? 200);
    this.#response.writeHead(status, Object.fromEntries(fields.filter(([name]) => name !== 'Status')));
    this.#response.flushHeaders();
    this.#sent = true;
    const rest = this.#head.subarray(end + 4);
    return rest.length === 0 || this.#response.write(rest);
  }

  end(): void {
    if (!this.#sent && !this.#response.headersSent) this.#response.writeHead(500);
    this.#response.end();
  }
}
