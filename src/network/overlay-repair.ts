/** What the kernel lacks of a node's tunnels, as lines for `ip -batch` and `bridge -batch`: nothing is torn down that is as it should be. */
import { encryptedNetworkMtu } from './encryption.ts';
import type { OverlayPlan, Tunnel } from './overlay.ts';

export interface SeenBridge {
  mac: string;
  /** Single addresses that the host answers beside its own. */
  answers: ReadonlySet<string>;
  /** The largest packet of a container on it; 0 when there is none. */
  portMtu: number;
}

export interface SeenDevice {
  number: number;
  port: number;
  local: string;
  /** The device that its packets must leave by; empty: as the host sends others. */
  via: string;
  mtu: number;
  master: string;
  /** Up, learning nothing, flooding nothing. */
  well: boolean;
}

/** What there is of our networks in the kernel. */
export interface SeenOverlay {
  bridges: ReadonlyMap<string, SeenBridge>;
  /** Those that this node made. */
  devices: ReadonlyMap<string, SeenDevice>;
  /** bridge → address → hardware address. */
  neighbours: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** device → hardware address → host, and the device that leads there where one is named; an empty text where only one of the two entries is there. */
  forwards: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

export interface Underlay {
  port: number;
  /** This host's address; empty where no interface has it. */
  local: string;
  /** The largest packet of a network that leaves room for what carries it. */
  mtu: number;
  /** The device that encrypts. */
  encrypting: string;
  /** Text by which devices of this node are known again. */
  mark: string;
}

type PlannedLinks = Pick<OverlayPlan, 'bridges' | 'tunnels' | 'answers'>;

export interface Repair {
  ip: readonly string[];
  bridge: readonly string[];
  /** Bridges that get another hardware address: their containers have to hear of it. */
  renamed: readonly string[];
  /** Tunnels whose bridge is not there. */
  absent: readonly Tunnel[];
  /** The networks that something was missing of. */
  touched: readonly string[];
}

/**
 * `seen` with what the plan asks for and was not seen: bridges that the engine made since, of which nothing is known but that they are among `devices`.
 * Nobody can have laid anything on them, and their tunnels are still to be made. Undefined: somebody has to look.
 */
export function withNewBridges({ tunnels, answers }: PlannedLinks, seen: SeenOverlay, devices: ReadonlySet<string>): SeenOverlay | undefined {
  const isNew = (bridge: string): boolean => !seen.bridges.has(bridge) && devices.has(bridge);
  const isKnown = (tunnel: Tunnel): boolean => seen.bridges.has(tunnel.bridge) && seen.devices.has(tunnel.device);
  const isToCome = (tunnel: Tunnel): boolean => isNew(tunnel.bridge) && !seen.devices.has(tunnel.device) && !devices.has(tunnel.device);
  if (!tunnels.every((tunnel) => isKnown(tunnel) || isToCome(tunnel))) return undefined;
  if (!answers.every(({ bridge }) => seen.bridges.has(bridge) || isNew(bridge))) return undefined;
  const come = [...tunnels, ...answers].flatMap(({ bridge }) => (isNew(bridge) ? [bridge] : []));
  if (come.length === 0) return seen;
  const fresh: SeenBridge = { mac: '', answers: new Set(), portMtu: 0 };
  return { ...seen, bridges: new Map([...seen.bridges, ...come.map((bridge): [string, SeenBridge] => [bridge, fresh])]) };
}

/** What makes `seen` what the plan asks for. */
export function repairOverlay({ bridges: own, tunnels, answers }: PlannedLinks, seen: SeenOverlay, underlay: Underlay): Repair {
  const ip: string[] = [];
  const bridge: string[] = [];
  const renamed: string[] = [];
  const absent: Tunnel[] = [];
  const touched: string[] = [];
  const wanted = new Set(tunnels.map(({ device }) => device));
  const bridges = new Set(tunnels.map((tunnel) => tunnel.bridge));
  for (const device of seen.devices.keys()) if (!wanted.has(device)) ip.push(`link del dev ${device}`);
  for (const [name, neighbours] of seen.neighbours) if (own.includes(name) && !bridges.has(name)) ip.push(...dropped(neighbours.keys(), name));
  for (const tunnel of tunnels) {
    const known = seen.bridges.get(tunnel.bridge);
    if (!known) {
      absent.push(tunnel);
      continue;
    }
    const before = ip.length + bridge.length;
    const sameMac = known.mac === tunnel.mac;
    if (!sameMac) renamed.push(tunnel.bridge);
    // Another hardware address makes the kernel forget the neighbours, so it comes first.
    if (!sameMac) ip.push(`link set dev ${tunnel.bridge} address ${tunnel.mac}`);
    const fresh = deviceLines(tunnel, known, seen.devices.get(tunnel.device), underlay);
    ip.push(...fresh.lines);
    ip.push(...neighbourLines(tunnel, sameMac ? seen.neighbours.get(tunnel.bridge) : undefined));
    bridge.push(...forwardLines(tunnel, underlay, fresh.made ? undefined : seen.forwards.get(tunnel.device)));
    if (ip.length + bridge.length > before) touched.push(tunnel.name);
  }
  ip.push(...answerLines(own, answers, seen));
  return { ip, bridge, renamed, absent, touched };
}

function answerLines(own: readonly string[], answers: OverlayPlan['answers'], { bridges }: SeenOverlay): string[] {
  const wanted = new Map(answers.map(({ bridge, addresses }) => [bridge, new Set(addresses)]));
  return own.flatMap((bridge) => {
    const seen = bridges.get(bridge);
    if (!seen) return [];
    const addresses = wanted.get(bridge) ?? new Set<string>();
    const surplus = [...seen.answers].filter((address) => !addresses.has(address)).map((address) => `address del ${address}/32 dev ${bridge}`);
    return [...surplus, ...[...addresses].filter((address) => !seen.answers.has(address)).map((address) => `address replace ${address}/32 dev ${bridge}`)];
  });
}

/** What is there once the repair was carried out. */
export function repairedOverlay({ bridges: own, tunnels, answers }: PlannedLinks, seen: SeenOverlay, underlay: Underlay): SeenOverlay {
  const there = tunnels.filter((tunnel) => seen.bridges.has(tunnel.bridge));
  const macs = new Map(there.map(({ bridge, mac }) => [bridge, mac]));
  const addresses = new Map(answers.map((each) => [each.bridge, new Set(each.addresses)]));
  const bridges = new Map(
    [...seen.bridges].map(([bridge, { mac, portMtu, answers: seenAnswers }]) => {
      const answered = own.includes(bridge) ? (addresses.get(bridge) ?? new Set<string>()) : seenAnswers;
      return [bridge, { mac: macs.get(bridge) ?? mac, portMtu, answers: answered }];
    }),
  );
  return {
    bridges,
    devices: new Map(there.map((tunnel) => [tunnel.device, wantedDevice(tunnel, bridges.get(tunnel.bridge), underlay)])),
    neighbours: new Map(there.map(({ bridge, ways }) => [bridge, new Map([...ways].map(([address, { mac }]) => [address, mac]))])),
    forwards: new Map(there.map((tunnel) => [tunnel.device, hostsByMac(tunnel, underlay)])),
  };
}

function wantedDevice({ number, bridge, encrypted }: Tunnel, seen: SeenBridge | undefined, { port, local, mtu, encrypting }: Underlay): SeenDevice {
  const own = encrypted ? encryptedNetworkMtu(mtu) : mtu;
  // Containers of a network that was made before there were other nodes may send larger packets: the kernel tells them, or splits them.
  return { number, port, local, via: encrypted ? encrypting : '', mtu: Math.max(own, seen?.portMtu ?? 0), master: bridge, well: true };
}

function deviceLines(tunnel: Tunnel, bridge: SeenBridge, seen: SeenDevice | undefined, underlay: Underlay): { lines: string[]; made: boolean } {
  const { device } = tunnel;
  const { number, port, local, via, mtu, master } = wantedDevice(tunnel, bridge, underlay);
  const lines: string[] = [];
  // What it was made with cannot be changed while it is there.
  const same = seen !== undefined && seen.number === number && seen.port === port && seen.local === local && seen.via === via;
  if (seen && !same) lines.push(`link del dev ${device}`);
  if (!same) {
    lines.push(
      `link add ${device} mtu ${mtu} type vxlan id ${number} ${via === '' ? '' : `dev ${via} `}dstport ${port} ${local === '' ? '' : `local ${local} `}nolearning`,
    );
    lines.push(`link set dev ${device} alias ${underlay.mark}`);
  } else if (seen.mtu !== mtu) lines.push(`link set dev ${device} mtu ${mtu}`);
  if (same && seen.well && seen.master === master) return { lines, made: false };
  lines.push(`link set dev ${device} master ${master}`);
  lines.push(`link set dev ${device} type bridge_slave learning off flood off mcast_flood off bcast_flood off neigh_suppress on`);
  lines.push(`link set dev ${device} up`);
  return { lines, made: !same };
}

function neighbourLines({ bridge, ways }: Tunnel, seen: ReadonlyMap<string, string> | undefined): string[] {
  const lines: string[] = [];
  for (const [address, { mac }] of ways) if (seen?.get(address) !== mac) lines.push(`neigh replace ${address} lladdr ${mac} dev ${bridge} nud permanent`);
  const surplus = [...(seen?.keys() ?? [])].filter((address) => !ways.has(address));
  return [...lines, ...dropped(surplus, bridge)];
}

function dropped(addresses: Iterable<string>, bridge: string): string[] {
  return [...addresses].map((address) => `neigh del ${address} dev ${bridge}`);
}

function forwardLines(tunnel: Tunnel, underlay: Underlay, seen: ReadonlyMap<string, string> | undefined): string[] {
  const { device } = tunnel;
  const wanted = hostsByMac(tunnel, underlay);
  const lines: string[] = [];
  for (const mac of seen?.keys() ?? []) if (!wanted.has(mac)) lines.push(`fdb del ${mac} dev ${device} self`, `fdb del ${mac} dev ${device} master`);
  for (const [mac, host] of wanted) {
    if (seen?.get(mac) === host) continue;
    lines.push(`fdb replace ${mac} dev ${device} self permanent dst ${host}`, `fdb replace ${mac} dev ${device} master static`);
  }
  return lines;
}

/** The device of the tunnel says by itself how it listens, not how each packet leaves. */
function hostsByMac({ ways, encrypted }: Tunnel, { encrypting }: Underlay): Map<string, string> {
  return new Map([...ways.values()].map(({ mac, underlay }) => [mac, encrypted ? `${underlay} via ${encrypting}` : underlay]));
}
