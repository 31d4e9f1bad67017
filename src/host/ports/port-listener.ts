/** Holds one published port: nobody else can take it, and IPv6 clients, whom the kernel's IPv4 rules do not see, are forwarded. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Places } from '#base/pace/places';
import { withoutZone } from '#model/address';
import { ruleAddressOf, type PublishedPort } from '#network/published-ports';
import { run } from '../run.ts';
import { forwardWithHeader, Turns } from './proxy-forwarder.ts';
import { forwardConnection } from './tcp-forwarder.ts';
import { forwardDatagrams } from './udp-forwarder.ts';

export interface PortListener {
  close(): void;
}

/** An address family or address that this host does not have is no clash. */
const absentCodes = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT']);

/** Binds the port; rejects with EADDRINUSE when a process of the host has it. SCTP has no sockets here and is not held, and is refused where the kernel does not lead it. */
export async function holdPort(
  held: PublishedPort,
  places: Places,
  current: () => PublishedPort = () => held,
  kernel = conntrackFolder,
): Promise<PortListener> {
  const { protocol, port, hostAddress } = held;
  const open: PortListener[] = [];
  const close = (): void => open.forEach((listener) => listener.close());
  if (protocol === 'sctp') {
    if (lacksSctp(kernel)) throw new Error('the kernel of this host leads no SCTP connections (it is built without CONFIG_NF_CT_PROTO_SCTP)');
    return { close };
  }
  const v4 = hostAddress ?? '0.0.0.0';
  const v6 = hostAddress ?? '::';
  const inner = hostAddress === undefined ? '127.0.0.1' : ruleAddressOf(hostAddress);
  const listen = protocol === 'tcp' ? listenTcp : listenUdp;
  try {
    if (!v4.includes(':')) await listen({ address: v4, port, inner, places, current }, open);
    if (v6.includes(':')) await listen({ address: v6, port, inner, places, current }, open);
  } catch (error) {
    close();
    throw error;
  }
  return { close };
}

/** Settings of the kernel's connections, where it has any; among them those of each protocol that it knows. */
const conntrackFolder = '/proc/sys/net/netfilter';

function lacksSctp(folder: string): boolean {
  return existsSync(join(folder, 'nf_conntrack_max')) && !existsSync(join(folder, 'nf_conntrack_sctp_timeout_established'));
}

interface Place {
  address: string;
  port: number;
  /** Where the rules for IPv4 have it, on loopback. */
  inner: string;
  places: Places;
  /** The port as it is wanted now. */
  current: () => PublishedPort;
}

async function listenTcp({ address, port, inner, places, current }: Place, open: PortListener[]): Promise<void> {
  const isV6 = address.includes(':');
  const connections = new Set<Socket>();
  const turns = new Turns();
  // By IPv4 only those come here who are to be told in a header, or slipped through before the rules were loaded.
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const wanted = current();
    const told = wanted.source === 'proxy';
    const leave = isV6 || told ? places.take() : undefined;
    if (!leave) return socket.resetAndDestroy();
    connections.add(socket);
    socket.on('close', () => {
      connections.delete(socket);
      leave();
    });
    return told ? forwardWithHeader(socket, turns.order(wanted, withoutZone(socket.remoteAddress ?? ''))) : forwardConnection(socket, inner, port);
  });
  server.listen({ host: address, port, ipv6Only: isV6 });
  if (!(await bound(server))) return;
  open.push({
    close() {
      server.close();
      for (const socket of connections) socket.destroy();
    },
  });
}

async function listenUdp({ address, port, inner, places }: Place, open: PortListener[]): Promise<void> {
  const isV6 = address.includes(':');
  const socket = createSocket({ type: isV6 ? 'udp6' : 'udp4', ipv6Only: isV6 });
  socket.bind({ address, port });
  if (!(await bound(socket))) return;
  const stopForwarding = isV6 ? forwardDatagrams(socket, inner, port, places) : () => undefined;
  open.push({
    close() {
      stopForwarding();
      socket.close();
    },
  });
}

/** False when the host does not have such an address. */
async function bound(socket: NodeJS.EventEmitter): Promise<boolean> {
  try {
    await once(socket, 'listening');
    socket.on('error', () => undefined);
    return true;
  } catch (error) {
    if (absentCodes.has((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** Who has the port, such as `nginx (process 812)`, for people to read. */
export async function portOwner({ protocol, port }: PublishedPort): Promise<string> {
  const { stdout } = await run('ss', ['-H', '-n', '-p', protocol === 'udp' ? '-ulA' : '-tlA', protocol, `sport = :${port}`], { timeoutMs: 5000 });
  const owners = [...stdout.matchAll(/\("([^"]+)",pid=(\d+)/g)].map(([, name, pid]) => `${name} (process ${pid})`);
  return owners.length > 0 ? [...new Set(owners)].join(', ') : 'another process of this host';
}

/** Ports on which a process of this host listens, as `8080/tcp`; undefined when nobody can say. */
export async function listenedPorts(): Promise<ReadonlySet<string> | undefined> {
  const { code, stdout } = await run('ss', ['-H', '-n', '-l', '-t', '-u'], { timeoutMs: 5000 });
  if (code !== 0) return undefined;
  return new Set([...stdout.matchAll(/^(tcp|udp)\s+\S+\s+\d+\s+\d+\s+\S*:(\d+)\s/gm)].map(([, protocol, port]) => `${port}/${protocol}`));
}
