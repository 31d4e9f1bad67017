/** The PROXY protocol's header, version 2, as a proxy sends it before a client's bytes (haproxy.org, proxy-protocol.txt §2.2). */
import { addressBytes } from '#model/address';

export interface End {
  address: string;
  port: number;
}

const signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** Version 2, a connection made for somebody. */
const proxied = 0x21;
const tcpOver4 = 0x11;
const tcpOver6 = 0x21;

/** Tells that `client` connected to `server` by TCP. Both are of one IP version. */
export function proxyHeader(client: End, server: End): Uint8Array {
  const addresses = [...addressBytes(client.address), ...addressBytes(server.address)];
  const four = addresses.length === 8;
  const body = [...addresses, ...[client.port, server.port].flatMap((port) => [port >> 8, port & 0xff])];
  return Uint8Array.from([...signature, proxied, four ? tcpOver4 : tcpOver6, body.length >> 8, body.length & 0xff, ...body]);
}
