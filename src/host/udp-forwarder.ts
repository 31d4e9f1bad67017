/** Leads IPv6 clients' datagrams to the IPv4 rules of the same port, and the answers back. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';

/** As long as the kernel remembers a UDP flow that nobody answered. */
const idleMs = 30_000;
/** Further clients are dropped until one falls silent. */
const clientLimit = 1024;

/** Forwards what `listener` receives to 127.0.0.1:`port`; the returned function ends that. */
export function forwardDatagrams(listener: Socket, port: number): () => void {
  const clients = new Map<string, { socket: Socket; timer: NodeJS.Timeout }>();
  function drop(key: string): void {
    const client = clients.get(key);
    if (!client) return;
    clients.delete(key);
    clearTimeout(client.timer);
    client.socket.close();
  }
  function socketFor(key: string, from: RemoteInfo): Socket | undefined {
    const known = clients.get(key);
    if (known) {
      known.timer.refresh();
      return known.socket;
    }
    if (clients.size >= clientLimit) return undefined;
    const socket = createSocket('udp4');
    socket.on('error', () => drop(key));
    socket.on('message', (answer) => listener.send(answer, from.port, from.address, () => undefined));
    clients.set(key, { socket, timer: setTimeout(() => drop(key), idleMs) });
    return socket;
  }
  listener.on('message', (message, from) => {
    const key = `${from.address} ${from.port}`;
    socketFor(key, from)?.send(message, port, '127.0.0.1', () => undefined);
  });
  return () => {
    for (const key of clients.keys()) drop(key);
  };
}
