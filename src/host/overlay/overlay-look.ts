/** What the kernel has of our networks between hosts, read by three processes whatever their number. */
import { addressNumber } from '#model/ipv4';
import { overlayBytes } from '#network/encryption';
import type { SeenBridge, SeenDevice, SeenOverlay } from '#network/overlay-repair';
import { run } from '../run.ts';

const limits = { timeoutMs: 10_000 };
const usualMtu = 1500;

interface Link {
  ifname: string;
  ifalias?: string;
  mtu: number;
  flags: readonly string[];
  master?: string;
  address?: string;
  linkinfo?: {
    info_kind?: string;
    info_data?: { id?: number; port?: number; local?: string; link?: string };
    info_slave_data?: Readonly<Record<string, unknown>>;
  };
  addr_info?: readonly { local?: string; prefixlen?: number }[];
}

interface SeenEntry {
  mac: string;
  ifname: string;
  dst?: string;
  viaIf?: string;
  master?: string;
  state?: string;
}

/** Which of this host's addresses others send to, and how large a packet may be. */
export interface Ground {
  /** Empty where no interface has the address that others know, as behind a translation of addresses. */
  local: string;
  mtu: number;
  /** Of the interface itself. */
  linkMtu: number;
}

/** What leaves room for what carries it, by the interface that has `address`. */
export async function groundOf(mark: string, address: string): Promise<Ground> {
  return groundIn(await list<Link>('ip', ['-j', 'addr', 'show', 'to', address]), mark, address);
}

/** `mark` tells devices of this node from others'. */
export async function lookAtOverlay(mark: string, address: string): Promise<{ seen: SeenOverlay; ground: Ground }> {
  const [links, forwards, neighbours] = await Promise.all([
    list<Link>('ip', ['-j', '-d', 'addr', 'show']),
    list<SeenEntry>('bridge', ['-j', 'fdb', 'show']),
    list<{ dst: string; dev: string; lladdr?: string }>('ip', ['-j', 'neigh', 'show', 'nud', 'permanent']),
  ]);
  const devices = devicesIn(links, mark);
  const bridges = bridgesIn(links, devices);
  const seenNeighbours = new Map<string, Map<string, string>>();
  for (const { dst, dev, lladdr = '' } of neighbours) {
    if (bridges.has(dev) && addressNumber(dst) !== undefined) seenNeighbours.set(dev, (seenNeighbours.get(dev) ?? new Map<string, string>()).set(dst, lladdr));
  }
  return { ground: groundIn(links, mark, address), seen: { bridges, devices, neighbours: seenNeighbours, forwards: forwardsIn(forwards, devices) } };
}

function groundIn(links: readonly Link[], mark: string, address: string): Ground {
  // What encrypts has the address, too, and is not where others send.
  const link = links.find(({ ifalias, addr_info = [] }) => ifalias !== mark && addr_info.some(({ local }) => local === address));
  const linkMtu = link?.mtu ?? usualMtu;
  return { local: link ? address : '', mtu: linkMtu - overlayBytes, linkMtu };
}

function devicesIn(links: readonly Link[], mark: string): Map<string, SeenDevice> {
  const devices = new Map<string, SeenDevice>();
  for (const { ifname, ifalias, mtu, flags, master = '', linkinfo } of links) {
    if (linkinfo?.info_kind !== 'vxlan' || ifalias !== mark) continue;
    const { id = 0, port = 0, local = '', link = '' } = linkinfo.info_data ?? {};
    const slave = linkinfo.info_slave_data ?? {};
    const silent = ['learning', 'flood', 'mcast_flood', 'bcast_flood'].every((flag) => slave[flag] === false);
    devices.set(ifname, { number: id, port, local, via: link, mtu, master, well: flags.includes('UP') && silent && slave['neigh_suppress'] === true });
  }
  return devices;
}

function bridgesIn(links: readonly Link[], devices: ReadonlyMap<string, SeenDevice>): Map<string, SeenBridge> {
  const mtus = new Map<string, number>();
  for (const { ifname, master, mtu } of links) {
    if (master !== undefined && !devices.has(ifname)) mtus.set(master, Math.max(mtus.get(master) ?? 0, mtu));
  }
  const ours = links.filter(({ ifname, linkinfo }) => linkinfo?.info_kind === 'bridge' && ifname.startsWith('sh-'));
  return new Map(
    ours.map(({ ifname, address = '', addr_info = [] }) => {
      const answers = new Set(addr_info.flatMap(({ local, prefixlen }) => (local !== undefined && prefixlen === 32 ? [local] : [])));
      return [ifname, { mac: address, answers, portMtu: mtus.get(ifname) ?? 0 }];
    }),
  );
}

/** Each way is two entries: which host (`self`), and that it is behind this port (`master`). */
function forwardsIn(entries: readonly SeenEntry[], devices: ReadonlyMap<string, SeenDevice>): Map<string, Map<string, string>> {
  const hosts = new Map<string, Map<string, string>>();
  const bridged = new Set<string>();
  for (const { mac, ifname, dst, viaIf, master, state } of entries) {
    if (!devices.has(ifname)) continue;
    if (dst !== undefined) hosts.set(ifname, (hosts.get(ifname) ?? new Map<string, string>()).set(mac, viaIf === undefined ? dst : `${dst} via ${viaIf}`));
    else if (master !== undefined && state === 'static') bridged.add(`${ifname} ${mac}`);
  }
  for (const key of bridged) {
    const [device = '', mac = ''] = key.split(' ');
    const known = hosts.get(device) ?? new Map<string, string>();
    if (!known.has(mac)) hosts.set(device, known.set(mac, ''));
  }
  for (const [device, macs] of hosts) for (const mac of macs.keys()) if (!bridged.has(`${device} ${mac}`)) macs.set(mac, '');
  return hosts;
}

async function list<T>(command: string, args: readonly string[]): Promise<readonly T[]> {
  const { code, stdout, stderr } = await run(command, args, limits);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr.trim()}`);
  // Some versions show things that are not there as empty objects.
  return stdout.trim() === '' ? [] : (JSON.parse(stdout) as T[]).filter((each) => Object.keys(each as object).length > 0);
}
