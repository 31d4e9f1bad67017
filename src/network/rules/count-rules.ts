/** The nftables text that counts connections by service. Its counters go on when ports and tasks change, and when the daemon starts anew: nothing that is there is taken away but what is gone. */
import { compareTexts } from '#base/text/text';
import type { PublishedPort } from '../published-ports.ts';
import type { VirtualService } from '../virtual-services.ts';
import { elements, hooked, type RulePart } from './rule-parts.ts';
import { publishedMark, tableName } from './rule-set.ts';

/** What is counted of a service on a node, by the first letter of its counter's name. */
const kinds = { c: 'connections', r: 'refusals', s: 'resets' } as const;
export type CountKind = (typeof kinds)[keyof typeof kinds];
export type ServiceCounts = ReadonlyMap<string, Readonly<Partial<Record<CountKind, number>>>>;

export function countTableName(instance: string): string {
  return `${tableName(instance)}_counts`;
}

/** @param known names of the counters that the kernel has */
export function countRules(table: string, ports: readonly PublishedPort[], services: readonly VirtualService[], known: ReadonlySet<string>): string {
  const led: string[] = [];
  const reset: string[] = [];
  const virtual: string[] = [];
  const names = new Set<string>();
  const counter = (kind: keyof typeof kinds, service: string): string => {
    const name = `${kind}_${service}`;
    names.add(name);
    return `"${name}"`;
  };
  // Of two services with one number, each for an address of its own, the first is meant.
  for (const { protocol, port, targets, serviceName } of new Map(ports.toReversed().map((each) => [`${each.protocol} ${each.port}`, each])).values()) {
    const key = `${protocol} . ${port}`;
    led.push(`${key} : ${counter(targets.length > 0 ? 'c' : 'r', serviceName)}`);
    if (protocol === 'tcp') reset.push(`${key} : ${counter('s', serviceName)}`);
  }
  for (const { address, targets, serviceName } of services) virtual.push(`${address} : ${counter(targets.length > 0 ? 'c' : 'r', serviceName)}`);
  const gone = [...known].filter((name) => !names.has(name) && !isKept(name, names)).toSorted(compareTexts);
  const byPort = 'counter name meta l4proto . th dport map @ports';
  const lines = [
    `add table ip ${table}`,
    ...[...names].toSorted(compareTexts).map((name) => `add counter ip ${table} ${name}`),
    ...filled(table, 'ports', 'inet_proto . inet_service', led),
    ...filled(table, 'resets', 'inet_proto . inet_service', reset),
    ...filled(table, 'virtual', 'ipv4_addr', virtual),
    // Chains for translation meet the first packet of each connection alone.
    ...chain(table, 'pre', 'nat', 'prerouting', -115, ['counter name ip daddr map @virtual', `fib daddr type local ${byPort}`]),
    ...chain(table, 'out', 'nat', 'output', -115, ['counter name ip daddr map @virtual', `fib daddr type local ${byPort}`]),
    ...chain(table, 'back', 'filter', 'forward', -5, [
      `ct mark ${publishedMark} ct direction reply tcp flags & rst == rst counter name meta l4proto . ct original proto-dst map @resets`,
    ]),
    ...gone.map((name) => `delete counter ip ${table} ${name}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Names of the counters that the kernel has once the lines of `text` were carried out where it had `known`. */
export function countersAfter(known: ReadonlySet<string>, text: string): ReadonlySet<string> {
  const names = new Set(known);
  for (const [, verb, name = ''] of text.matchAll(/^(add|delete) counter ip \S+ (\S+)$/gm)) {
    if (verb === 'add') names.add(name);
    else names.delete(name);
  }
  return names;
}

/** Of a container's own network namespace: there alone it is seen that it asks for a service's address. */
export const containerCountTable = 'shoal_counts';

/** What counts the connections of one container to the addresses of `services`, all of which keep their counters as long as they are there. */
export function containerCountParts(services: readonly VirtualService[]): RulePart[] {
  const led = services.filter(({ targets }) => targets.length > 0);
  const names = new Set(services.flatMap(({ serviceName }) => Object.keys(kinds).map((kind) => `${kind}_${serviceName}`)));
  return [
    ...[...names].toSorted(compareTexts).map((name) => ({ kind: 'counter', name }) as const),
    elements(
      'map',
      'virtual',
      'ipv4_addr : counter',
      services.map(({ address, targets, serviceName }) => `${address} : "${targets.length > 0 ? 'c' : 'r'}_${serviceName}"`),
    ),
    elements(
      'map',
      'resets',
      'ipv4_addr : counter',
      led.map(({ address, serviceName }) => `${address} : "s_${serviceName}"`),
    ),
    hooked('out', 'nat', 'output', -115, ['counter name ip daddr map @virtual;']),
    hooked('back', 'filter', 'input', -5, ['tcp flags & rst == rst ct direction reply counter name ct original ip daddr map @resets;']),
  ];
}

/** A service that is refused for a while, or was, keeps both its counts. */
function isKept(name: string, names: ReadonlySet<string>): boolean {
  const service = name.slice(2);
  return names.has(`c_${service}`) || names.has(`r_${service}`);
}

function filled(table: string, map: string, type: string, items: readonly string[]): string[] {
  const element = items.length > 0 ? [`add element ip ${table} ${map} { ${items.join(', ')} }`] : [];
  return [`add map ip ${table} ${map} { type ${type} : counter; }`, `flush map ip ${table} ${map}`, ...element];
}

function chain(table: string, name: string, type: string, hook: string, priority: number, rules: readonly string[]): string[] {
  return [
    `add chain ip ${table} ${name} { type ${type} hook ${hook} priority ${priority}; policy accept; }`,
    `flush chain ip ${table} ${name}`,
    ...rules.map((rule) => `add rule ip ${table} ${name} ${rule}`),
  ];
}

/** Of `nft -j list counters`: by the counter's name. */
export function countersIn(listing: string): Map<string, number> {
  const { nftables = [] } = JSON.parse(listing) as { nftables?: readonly { counter?: { name: string; packets: number } }[] };
  return new Map(nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets]] : [])));
}

export function serviceCounts(counters: ReadonlyMap<string, number>): ServiceCounts {
  const found = new Map<string, Partial<Record<CountKind, number>>>();
  for (const [name, count] of counters) {
    const kind = kinds[name.slice(0, 1) as keyof typeof kinds];
    const service = name.slice(2);
    found.set(service, { ...found.get(service), [kind]: count });
  }
  return found;
}

/** All of `counted` together. */
export function summedCounts(counted: readonly ServiceCounts[]): ServiceCounts {
  const sums = new Map<string, Partial<Record<CountKind, number>>>();
  for (const [service, counts] of counted.flatMap((each) => [...each])) {
    const sum = sums.get(service) ?? {};
    for (const kind of Object.values(kinds)) if (counts[kind] !== undefined) sum[kind] = (sum[kind] ?? 0) + counts[kind];
    sums.set(service, sum);
  }
  return sums;
}
