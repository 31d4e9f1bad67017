/** A socket that answers like an engine for images: what was asked of it is kept. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PullRequest {
  query: URLSearchParams;
  auth: string | undefined;
}

export class FakeEngineSocket {
  readonly socketPath = join(mkdtempSync(join(tmpdir(), 'shoal-fake-')), 'docker.sock');
  readonly present = new Set<string>();
  readonly pulls: PullRequest[] = [];
  /** What a pull answers; the request is held until it resolves. */
  answerPull: (response: ServerResponse) => Promise<void> = async (response) => void response.end('{"status":"done"}\n');
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  start(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.socketPath, resolve));
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(join(this.socketPath, '..'), { recursive: true });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://engine');
    if (url.pathname === '/images/create') {
      this.pulls.push({ query: url.searchParams, auth: request.headers['x-registry-auth'] as string | undefined });
      return this.answerPull(response);
    }
    const image = decodeURIComponent(url.pathname.replace(/^\/images\/(.*)\/json$/, '$1'));
    response.statusCode = this.present.has(image) ? 200 : 404;
    response.end(JSON.stringify(response.statusCode === 200 ? { Id: 'x' } : { message: `No such image: ${image}` }));
  }
}
