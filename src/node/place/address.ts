/** Which address others reach this node by, and which it may be told to listen on. */
import { createSocket } from 'node:dgram';
import { isIP, isIPv4 } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { Refusal } from '#base/refusal';
import { hostPort, managerPort } from '#model/manager-address';
import { Greeter } from '#rpc/greeter';

const maxPort = 65_535;

interface Candidate {
  name: string;
  address: string;
}

/** Bridges and cables that engines make are no way in. */
const internalNames = /^(lo|docker|br-|veth|sh-|virbr|tun|tap)/;

/**
 * The address in `asked` (ADDRESS[:PORT] or an interface's name), or the only one that the host has.
 * Refuses when there is a choice to make.
 * @internal
 */
export function advertisedAddress(asked: string, interfaces = networkInterfaces()): string {
  const candidates = Object.entries(interfaces).flatMap(([name, addresses]): Candidate[] =>
    (addresses ?? []).filter((address) => address.family === 'IPv4' && !address.internal).map(({ address }) => ({ name, address })),
  );
  const wanted = withoutPort(asked);
  if (isUnspecified(wanted)) {
    throw noAddress('advertise address must be a non-zero IP address');
  }
  if (wanted !== '') {
    const named = addressesOf(wanted, interfaces)?.find(({ family }) => family === 'IPv4');
    if (named) return named.address;
    if (isIPv4(wanted)) return wanted;
    throw noAddress('advertise address must be a non-zero IP address');
  }
  const outer = candidates.filter((candidate) => !internalNames.test(candidate.name));
  if (outer.length > 1) {
    const choices = outer.map(({ name, address }) => `${address} on ${name}`).join(', ');
    throw new Refusal('invalidArgument', `could not choose an IP address to advertise since this system has multiple addresses (${choices})`);
  }
  return outer[0]?.address ?? '127.0.0.1';
}

/** Of the interface that `name` is; what is asked for may be any word. */
function addressesOf(name: string, interfaces: ReturnType<typeof networkInterfaces>): readonly NetworkInterfaceInfo[] | undefined {
  return Object.hasOwn(interfaces, name) ? interfaces[name] : undefined;
}

function noAddress(what: string): Refusal {
  return new Refusal('invalidArgument', `${what} or network interface (with optional port number)`, { plain: true });
}

/** Refuses what could be no host's address to listen on, nor a port. */
function checkListenForm(asked: string, interfaces: ReturnType<typeof networkInterfaces>): void {
  const wanted = withoutPort(asked);
  const port = portOf(asked) ?? managerPort;
  if (wanted !== '' && isIP(wanted) === 0 && addressesOf(wanted, interfaces) === undefined) throw noAddress('listen address must be an IP address');
  if (port <= maxPort) return;
  throw new Refusal('invalidArgument', `failed to listen on remote API address: listen tcp: address ${port}: invalid port`, { plain: true });
}

/**
 * Refuses an address to listen on that is not this host's: nobody could ever reach the node there.
 * @internal
 */
export function checkListenAddress(asked: string, interfaces = networkInterfaces()): void {
  checkListenForm(asked, interfaces);
  const wanted = withoutPort(asked);
  if (wanted === '' || isUnspecified(wanted) || isOwn(wanted, interfaces)) return;
  throw new Refusal('invalidArgument', `failed to listen on remote API address: listen tcp ${asked}: bind: cannot assign requested address`, { plain: true });
}

/**
 * Refuses an address for traffic between tasks that is not this host's.
 * @internal
 */
export function checkDataPathAddress(asked: string, interfaces = networkInterfaces()): void {
  if (asked === '' || isOwn(asked, interfaces)) return;
  const why = isUnspecified(asked) || isIP(asked) === 0 ? '' : `: ${asked} is no address of this host`;
  throw new Refusal('invalidArgument', `data path address must be a non-zero IP address or network interface (without a port number)${why}`, { plain: true });
}

/** `10.0.0.1:2377`, `[::1]:2377`, `eth0:2377`; a bare address of version 6 has none. */
function withoutPort(text: string): string {
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? [];
  return bracketed ?? (isIP(text) === 6 ? text : text.replace(/:\d+$/, ''));
}

function isUnspecified(address: string): boolean {
  return isIP(address) !== 0 && /^[0:.]+$/.test(address);
}

function isOwn(wanted: string, interfaces: ReturnType<typeof networkInterfaces>): boolean {
  if (addressesOf(wanted, interfaces) !== undefined || (isIPv4(wanted) && wanted.startsWith('127.'))) return true;
  return Object.values(interfaces).some((addresses) => addresses?.some(({ address }) => address === wanted));
}

export interface Place {
  /** HOST:PORT that a manager listens on. */
  listen: string;
  /** Where other nodes reach this one, without port. */
  address: string;
  /** The same with the port that they reach it on as a manager. */
  managerAddress: string;
  /** Where other nodes send what containers send to one another; absent: to `address`. */
  dataPath?: string;
}

export interface AskedPlace {
  ListenAddr?: string;
  AdvertiseAddr?: string;
  DataPathAddr?: string;
}

/**
 * Where a manager is that founds a cluster. Refuses an address that is not this host's, or that somebody else listens on.
 * @param ours HOST:PORT that this node itself listens on
 */
export async function placeOf(request: AskedPlace, ours?: string): Promise<Place> {
  checkListenAddress(request.ListenAddr ?? '');
  const place = await addressed(request);
  // Tried before anything is made: what listens later would find the cluster made already.
  if (place.listen !== ours) await (await Greeter.listen(place.listen)).close();
  return place;
}

/**
 * Where a node is that joins by the managers at `remotes`: told nothing else, it takes the address that it reaches them
 * from. `greeter` listens where it would be a manager; `unheard`: why it cannot; a worker listens to nobody.
 */
export async function joiningPlaceOf(
  request: AskedPlace,
  remotes: readonly string[],
): Promise<{ place: Place; greeter: Greeter } | { place: Place; unheard: string }> {
  if (remotes.length === 0 || remotes.some((remote) => withoutPort(remote).trim() === '')) {
    throw new Refusal('invalidArgument', 'at least 1 RemoteAddr is required to join', { plain: true });
  }
  checkListenForm(request.ListenAddr ?? '', networkInterfaces());
  const place = await addressed(request, remotes);
  try {
    checkListenAddress(request.ListenAddr ?? '');
    return { place, greeter: await Greeter.listen(place.listen) };
  } catch (error) {
    return { place, unheard: (error as Error).message };
  }
}

async function addressed({ ListenAddr = '', AdvertiseAddr = '', DataPathAddr = '' }: AskedPlace, remotes: readonly string[] = []): Promise<Place> {
  checkDataPathAddress(DataPathAddr);
  const [remote] = remotes;
  const outward = AdvertiseAddr === '' && remote !== undefined ? await addressTowards(withoutPort(remote)) : undefined;
  const address = outward ?? advertisedAddress(AdvertiseAddr);
  const port = portOf(ListenAddr) ?? managerPort;
  const host = withoutPort(ListenAddr) || '0.0.0.0';
  const [own = host] = (addressesOf(host, networkInterfaces()) ?? []).filter(({ family }) => family === 'IPv4').map((each) => each.address);
  const dataPath = DataPathAddr === '' ? address : advertisedAddress(DataPathAddr);
  return { listen: hostPort(own, port), address, managerAddress: hostPort(address, portOf(AdvertiseAddr) ?? port), ...(dataPath !== address && { dataPath }) };
}

/** The host's own address on the way to another; nothing is sent. */
export function addressTowards(host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4');
    socket.once('error', () => socket.close(() => resolve(undefined)));
    socket.connect(managerPort, host, () => {
      const { address } = socket.address();
      socket.close(() => resolve(address));
    });
  });
}

function portOf(text: string): number | undefined {
  if (isIP(text) === 6) return undefined;
  const [, digits] = /:(\d+)$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
