/** Passes queries for names that are not ours to the host's own resolvers. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { readFrame, writeFrame } from './dns-frame.ts';

/** Three servers that are silent must be tried within the 4 s that the engine waits for us. */
const perServerMs = 1200;
/** Beyond this many at once, queries fail: a resolver that is down must not fill our memory. */
const limit = 1000;

let waiting = 0;

/** The first answer of `servers`, asked one after the other; undefined when none answers. Queries keep their id. */
export async function askUpstream(message: Uint8Array, servers: readonly string[], overUdp: boolean, port = 53): Promise<Buffer | undefined> {
  if (waiting >= limit) return undefined;
  waiting += 1;
  try {
    for (const server of servers) {
      const answer = await (overUdp ? askByUdp(message, server, port) : askByTcp(message, server, port));
      if (answer) return answer;
    }
    return undefined;
  } finally {
    waiting -= 1;
  }
}

/** A socket of its own for each query: the random source port protects against forged answers. */
function askByUdp(message: Uint8Array, server: string, port: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
    const finish = (answer?: Buffer): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(finish, perServerMs);
    socket.on('error', () => finish());
    socket.on('message', (answer) => {
      if (answer.length >= 12 && answer[0] === message[0] && answer[1] === message[1]) finish(answer);
    });
    // Connected, so that only the server's answers arrive, and a closed port is known at once.
    socket.connect(port, server, () => socket.send(message));
  });
}

function askByTcp(message: Uint8Array, server: string, port: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: server, port });
    const finish = (answer?: Buffer): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(perServerMs, () => finish());
    socket.on('error', () => finish());
    socket.on('close', () => finish());
    socket.on('connect', () => socket.write(writeFrame(message)));
    readFrame(socket, finish);
  });
}
