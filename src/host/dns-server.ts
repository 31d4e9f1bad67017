/** The name server on one network's gateway address: UDP and TCP. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { readFrame, writeFrame } from './dns-frame.ts';

/** Answers one query of `asker` (an address); undefined when it deserves no answer. */
export type Answerer = (message: Uint8Array, asker: string, overUdp: boolean) => Promise<Buffer | undefined>;

const idleMs = 10_000;
const connectionLimit = 256;

export interface DnsServer {
  close(): void;
}

/** Listens on `address`; rejects with the system's error, such as EADDRNOTAVAIL while the bridge is not there. */
export async function serveDns(address: string, port: number, answerer: Answerer): Promise<DnsServer> {
  // A message that no codec can take must not end the daemon; it gets no answer.
  const answer: Answerer = (...query) => answerer(...query).catch(() => undefined);
  const udp = createSocket('udp4');
  const tcp = createServer({ noDelay: true }, (socket) => serveConnection(socket, answer));
  tcp.maxConnections = connectionLimit;
  const sockets = new Set<Socket>();
  tcp.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  udp.on('message', (message, from) => void answerDatagram(udp, message, from, answer));
  try {
    await listen(udp, tcp, address, port);
  } catch (error) {
    closeQuietly(udp, tcp);
    throw error;
  }
  // Errors of single packets (an asker that has gone) are not the server's end.
  udp.on('error', () => undefined);
  tcp.on('error', () => undefined);
  return {
    close() {
      closeQuietly(udp, tcp);
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function listen(udp: UdpSocket, tcp: Server, address: string, port: number): Promise<void> {
  udp.bind({ address, port });
  await once(udp, 'listening');
  tcp.listen({ host: address, port });
  await once(tcp, 'listening');
}

function closeQuietly(udp: UdpSocket, tcp: Server): void {
  try {
    udp.close();
  } catch {
    // A socket that failed to bind is closed already.
  }
  tcp.close();
}

async function answerDatagram(udp: UdpSocket, message: Buffer, from: RemoteInfo, answer: Answerer): Promise<void> {
  const reply = await answer(message, from.address, true);
  try {
    if (reply) udp.send(reply, from.port, from.address);
  } catch {
    // Closed meanwhile: the asker will ask again.
  }
}

function serveConnection(socket: Socket, answer: Answerer): void {
  const asker = socket.remoteAddress ?? '';
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  readFrame(socket, (message) => {
    void answer(message, asker, false).then((reply) => {
      if (reply && socket.writable) socket.write(writeFrame(reply));
      else socket.destroy();
    });
  });
}
