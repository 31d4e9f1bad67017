/** Leads an IPv6 client's connection to the IPv4 rules of the same port. */
import { connect, type Socket } from 'node:net';

/** Joins `client` with `port` of a loopback address. Where nobody answers there, the client sees a reset, as he would by IPv4. */
export function forwardConnection(client: Socket, host: string, port: number): void {
  const server = connect({ host, port, noDelay: true, allowHalfOpen: true });
  client.on('error', () => server.destroy());
  server.on('error', () => client.resetAndDestroy());
  client.on('close', () => server.destroy());
  server.on('close', () => client.destroy());
  client.pipe(server);
  server.pipe(client);
}
