/** Whether two nodes whose certificates are of one maker would take one another: tried by a connection in memory. */
import { once } from 'node:events';
import { duplexPair, type Duplex } from 'node:stream';
import { connect, createServer, type TLSSocket } from 'node:tls';

/** Times are judged by the asker's clock, not here. */
const ofTimes = new Set(['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED']);

/** Why one end did not take the other's certificate, by OpenSSL's name for it; undefined where both did. All texts are PEM. */
export async function connectingFault(certificate: string, key: string, roots: string): Promise<string | undefined> {
  const [near, far] = duplexPair() as [Duplex, Duplex];
  const own = { cert: certificate, key, ca: roots, minVersion: 'TLSv1.3', rejectUnauthorized: false } as const;
  const server = createServer({ ...own, requestCert: true });
  const met = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  server.emit('connection', far);
  const client = connect({ ...own, socket: near, checkServerIdentity: () => undefined });
  try {
    const [[served]] = await Promise.all([met, once(client, 'secureConnect')]);
    // What it holds is a text, whatever its type says.
    const faults = [client, served].map(({ authorizationError }) => authorizationError as unknown as string | null);
    return faults.find((fault) => fault && !ofTimes.has(fault)) ?? undefined;
  } finally {
    client.destroy();
    far.destroy();
  }
}
