/** A TCP port where a monitoring system reads the metrics, and nothing else. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { listenAt } from '#http/listen';
import type { Guard } from '../guard.ts';

export interface MetricsPlace {
  host: string;
  port: number;
}

/** Scrapers are few; whoever else finds the port shall not take the daemon's descriptors. */
const connectionLimit = 64;
const closes = { follows: 'this connection is closed, the daemon goes on' };

export class MetricsDoor {
  readonly #place: MetricsPlace;
  readonly #server: Server;

  /** @param answer writes the answer to a path, or says that there is none */
  constructor(place: MetricsPlace, guard: Guard, logger: Logger, answer: (path: string, response: ServerResponse) => Promise<boolean>) {
    this.#place = place;
    this.#server = createServer({ maxHeaderSize: 16 * 1024 });
    this.#server.maxConnections = connectionLimit;
    const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const path = (request.url ?? '').split('?')[0] ?? '';
      if (request.method === 'GET' && (await answer(path, response))) return;
      response.writeHead(404, { Connection: 'close' }).end('only GET /metrics and /healthz are answered here\n');
    };
    this.#server.on('request', (request, response) =>
      guard.start('a look at the metrics', () => serve(request, response), { ...closes, undo: () => response.destroy() }),
    );
    this.#server.on('clientError', (_error, socket) => socket.destroy());
    this.#server.on('error', (error) => logger.error({ error: error.message }, 'the port for metrics cannot take a connection: the next one is tried'));
  }

  /** The port that it listens on. Refuses where it cannot. */
  async start(): Promise<number> {
    const { host, port } = this.#place;
    const listening = await listenAt(this.#server, this.#place, (why) => new Refusal('failedPrecondition', `--metrics-addr ${host}:${port}: ${why}`));
    return listening.port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
