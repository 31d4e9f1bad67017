/** What the host's kernel has of IPv4: its routes, their routers, and the host's own addresses. */
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { addressNumber, parseSubnet } from '#model/ipv4';

interface Route {
  device: string;
  destination: string;
  /** 0.0.0.0: none, what it leads to is on the line itself. */
  router: string;
  prefix: number;
}

/** An address that the host needs for itself. */
interface Needed {
  address: string;
  /** For people. */
  what: string;
}

/** Empty where the kernel shows none. */
export function routeTable(): Promise<string> {
  return readFile('/proc/net/route', 'utf8').catch(() => '');
}

/** CIDRs of the routes, but for the default one and those of `ownBridges`. */
export function subnetsOf(table: string, ownBridges: ReadonlySet<string>): readonly string[] {
  return routesOf(table).flatMap(({ device, destination, prefix }) => (prefix === 0 || ownBridges.has(device) ? [] : [`${destination}/${prefix}`]));
}

/**
 * Why a bridge with `subnet` would cut this host off from others, for people: the kernel would take the host's own
 * network, or its router, for the bridge's. `bridge`: its device, left over perhaps.
 */
export async function cutOffBy(subnet: string, bridge: string): Promise<string | undefined> {
  const table = await routeTable();
  return heldIn(subnet, [...ownAddresses(bridge), ...routersOf(table, bridge)]);
}

/** @internal */
export function heldIn(subnet: string, needed: readonly Needed[]): string | undefined {
  const range = parseSubnet(subnet);
  if (!range) return undefined;
  const held = needed.find(({ address }) => {
    const number = addressNumber(address) ?? -1;
    return range.first <= number && number <= range.last;
  });
  return held && `its subnet ${subnet} holds ${held.address}, ${held.what}: it would be cut off; make the network with another --subnet`;
}

function ownAddresses(bridge: string): readonly Needed[] {
  return Object.entries(networkInterfaces()).flatMap(([device, addresses = []]) =>
    device === bridge ? [] : addresses.map(({ address }) => ({ address, what: `an address of this host (${device})` })),
  );
}

/** @internal */
export function routersOf(table: string, bridge: string): readonly Needed[] {
  const others = routesOf(table).filter(({ device, router }) => device !== bridge && router !== '0.0.0.0');
  return others.map(({ device, router }) => ({ address: router, what: `a router of this host (by ${device})` }));
}

function routesOf(table: string): readonly Route[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [device = '', destination = '', router = '', , , , , mask = ''] = line.split(/\s+/);
      if (!mask) return [];
      const prefix = addressOf(mask)
        .split('.')
        .reduce((sum, part) => sum + Number(part).toString(2).replaceAll('0', '').length, 0);
      return [{ device, destination: addressOf(destination), router: addressOf(router), prefix }];
    });
}

/** The kernel writes addresses as hex numbers in host order, the first byte last. */
function addressOf(hex: string): string {
  return (hex.match(/../g) ?? [])
    .toReversed()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}
