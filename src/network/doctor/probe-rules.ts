/** The nftables text that notes from where probes come: what arrives at all, and what is left of it past every other rule of the host. */
import { probeNumber } from '#model/doctor/probe';
import type { Heard } from '#model/doctor/examination';
import { tableName } from '../rules/rule-set.ts';

/** What was noted is forgotten after so long, and the table taken away. */
export const probeMemorySeconds = 120;
/** Before IP puts fragments together, and after all others. */
const first = -450;
const last = 2 ** 31 - 1;
const places = ['arrived', 'accepted'] as const;

export function probeTableName(instance: string): string {
  return `${tableName(instance)}_doctor`;
}

export function probeRules(table: string, port: number): string {
  const set = (name: string): string => `  set ${name} { typeof ip saddr . ip length; size 65536; flags dynamic,timeout; timeout ${probeMemorySeconds}s; }`;
  const chain = (hook: string, priority: number, name: string): string =>
    `  chain ${hook} { type filter hook ${hook} priority ${priority}; policy accept; udp dport ${port} ${isProbe} update @${name} { ip saddr . ip length }; }`;
  const lines = [set('arrived'), set('accepted'), chain('prerouting', first, 'arrived'), chain('input', last, 'accepted')];
  return [`table ip ${table}`, `delete table ip ${table}`, `table ip ${table} {`, ...lines, '}', ''].join('\n');
}

/** The place of the network's number in a packet of the data path. */
const isProbe = `@th,96,24 ${probeNumber}`;

/** Of `nft -j list table`: the largest of each sender. */
export function heardIn(listing: string): Heard[] {
  const found = new Map<string, { address: string; arrived: number; accepted: number }>();
  const { nftables = [] } = JSON.parse(listing) as { nftables?: readonly { set?: { name?: string; elem?: readonly Element[] } }[] };
  for (const { set } of nftables) {
    const place = places.find((name) => name === set?.name);
    if (!place) continue;
    for (const { elem } of set?.elem ?? []) {
      const [address, length] = elem?.val?.concat ?? [];
      if (typeof address !== 'string' || typeof length !== 'number') continue;
      const known = found.get(address) ?? { address, arrived: 0, accepted: 0 };
      found.set(address, { ...known, [place]: Math.max(known[place], length) });
    }
  }
  return [...found.values()];
}

interface Element {
  elem?: { val?: { concat?: readonly unknown[] } };
}
