/** An engine on a socket that says yes to everything and keeps what reached it, request by request, upgraded or not. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export interface RecordingEngine {
  /** `METHOD target`, without the pings. */
  seen: string[];
  stop(): Promise<void>;
}

/** @param answer what it answers; `{}` with 200 unless given */
export async function startRecordingEngine(
  socketPath: string,
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => void response.writeHead(200).end('{}'),
): Promise<RecordingEngine> {
  const seen: string[] = [];
  const pipes = new Set<Duplex>();
  const server = createServer((request, response) => {
    if (request.url === '/_ping') return void response.writeHead(200, { 'Api-Version': '1.41' }).end('OK');
    seen.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  server.on('upgrade', (request, socket) => {
    seen.push(`${request.method} ${request.url}`);
    pipes.add(socket);
    socket.on('error', () => undefined);
    // As dockerd does for what it does not upgrade: a plain answer, and it goes on to read requests.
    socket.write('HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}');
    socket.on('end', () => socket.end());
    socket.on('data', (chunk: Buffer) => seen.push(`after an answer: ${chunk.toString('latin1').split('\r\n')[0]}`));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    seen,
    stop: () => {
      for (const pipe of pipes) pipe.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
