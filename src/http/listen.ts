/** A server takes its port, or says why it cannot. */
import type { AddressInfo, Server } from 'node:net';

/** Where it listens. Rejects with what `refused` makes of the reason. */
export function listenAt(server: Server, { host, port }: { host: string; port: number }, refused: (why: string) => Error): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(refused(error.message));
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      resolve(server.address() as AddressInfo);
    });
  });
}
