/** Joins a client with a task that is told in a PROXY header who he is. */
import { connect, type Socket } from 'node:net';
import { withoutZone } from '#model/address';
import { proxyHeader } from '#network/proxy-header';
import type { PublishedPort, Target } from '#network/published-ports';
import { placeOf, dealtOut } from '#network/rules/sticky';

/** A task whose node does not answer is given up for another after this time. */
const connectLimitMs = 3000;

/** Whom the clients of a port meet, one after the other or each always the same. */
export class Turns {
  #next = 0;

  /** All targets, the one that is meant first. */
  order({ targets, sticky }: PublishedPort, client: string): readonly Target[] {
    const keys = targets.map(({ address }) => address);
    const at = sticky ? keys.indexOf(dealtOut(keys)[placeOf(client)] ?? '') : this.#next++ % Math.max(targets.length, 1);
    return [...targets.slice(at), ...targets.slice(0, at)];
  }
}

/** Tries `targets` one after the other; the client sees a reset when none of them answers. */
export function forwardWithHeader(client: Socket, [target, ...others]: readonly Target[]): void {
  const header = headerOf(client);
  if (!target || !header) return void client.resetAndDestroy();
  const server = connect({ host: target.address, port: target.port, noDelay: true, allowHalfOpen: true });
  let met = false;
  const gone = (): void => void server.destroy();
  client.on('error', gone);
  client.on('close', gone);
  server.setTimeout(connectLimitMs, () => !met && server.destroy(new Error('no answer')));
  server.on('connect', () => {
    met = true;
    server.setTimeout(0);
    server.write(header);
    client.pipe(server);
    server.pipe(client);
  });
  server.on('error', () => {
    if (met) return void client.resetAndDestroy();
    client.off('error', gone);
    client.off('close', gone);
    if (client.destroyed) return;
    // Until somebody listens to its errors again, in this very turn.
    forwardWithHeader(client, others);
  });
  server.on('close', () => met && client.destroy());
}

/** Undefined for a client that is gone already. */
function headerOf({ remoteAddress, remotePort = 0, localAddress, localPort = 0 }: Socket): Uint8Array | undefined {
  if (remoteAddress === undefined || localAddress === undefined) return undefined;
  return proxyHeader({ address: withoutZone(remoteAddress), port: remotePort }, { address: withoutZone(localAddress), port: localPort });
}
