/** Leads IPv6 clients' datagrams to the IPv4 rules of the same port, and the answers back. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Places } from '#base/pace/places';

/** As long as the kernel remembers a UDP flow that nobody answered. */
const idleMs = 30_000;

/** Forwards what `listener` receives to `port` of a loopback address; the returned function ends that. Without a place clients are dropped until one falls silent. */
export function forwardDatagrams(listener: Socket, host: string, port: number, places: Places): () => void {
  const clients = new Map<string, { socket: Socket; timer: NodeJS.Timeout; leave: () => void }>();
  function drop(key: string): void {
    const client = clients.get(key);
    if (!client) return;
    clients.delete(key);
    clearTimeout(client.timer);
    client.leave();
    client.socket.close();
  }
  function socketFor(key: string, from: RemoteInfo): Socket | undefined {
    const known = clients.get(key);
    if (known) {
      known.timer.refresh();
      return known.socket;
    }
    const leave = places.take();
    if (!leave) return undefined;
    const socket = createSocket('udp4');
    socket.on('error', () => drop(key));
    socket.on('message', (answer) => listener.send(answer, from.port, from.address, () => undefined));
    clients.set(key, { socket, timer: setTimeout(() => drop(key), idleMs), leave });
    return socket;
  }
  listener.on('message', (message, from) => {
    // The kernel delivers what comes from port 0, and nothing can be sent there: dgram throws.
    if (from.port === 0) return;
    const key = `${from.address} ${from.port}`;
    socketFor(key, from)?.send(message, port, host, () => undefined);
  });
  return () => {
    for (const key of clients.keys()) drop(key);
  };
}
