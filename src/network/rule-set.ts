/** The nftables text of one node: published ports to tasks. The whole text is one transaction and may be loaded again at any time. */
import { createHash } from 'node:crypto';
import { type PublishedPort, holderKey } from './published-ports.ts';
import { virtualChain, virtualTarget, type VirtualService } from './virtual-services.ts';

export interface RuleSet {
  /** Name of the tables, of family ip and ip6. */
  table: string;
  text: string;
  /** An otherwise idle chain of this name in the ip table says which text was loaded. */
  revision: string;
}

/** Connection mark of published traffic; the accept rule in DOCKER-USER knows it too. */
export const publishedMark = '0x5000';

/** Name of the tables of the daemon `instance`; the empty one is a host's only daemon. */
export function tableName(instance: string): string {
  return instance === '' ? 'shoal' : `shoal_${instance.replaceAll(/\W/g, '_')}`;
}

/** The rules that publish `ports`, and lead to the tasks behind the addresses of `services`. */
export function ruleSet(table: string, ports: readonly PublishedPort[], services: readonly VirtualService[] = []): RuleSet {
  return wholeTables(table, tableOfIPv4(ports, services), tableOfIPv6(ports));
}

/** Tables of these lines for both families, with the chain that tells their revision. */
export function wholeTables(table: string, v4: readonly string[], v6: readonly string[]): RuleSet {
  const revision = `rev_${createHash('sha256')
    .update([...v4, ...v6].join('\n'))
    .digest('hex')
    .slice(0, 16)}`;
  // Declaring before deleting lets the same text serve whether or not the table is there.
  const lines = [
    ...['ip', 'ip6'].flatMap((family) => [`table ${family} ${table}`, `delete table ${family} ${table}`]),
    `table ip ${table} {`,
    ...v4,
    `  chain ${revision} { return; }`,
    '}',
    `table ip6 ${table} {`,
    ...v6,
    '}',
  ];
  return { table, text: `${lines.join('\n')}\n`, revision };
}

function tableOfIPv4(all: readonly PublishedPort[], services: readonly VirtualService[]): string[] {
  // One bad pair must not cost all the others their rules: of two ports with one key, such as 127.0.0.1 and ::1, the first counts.
  const ports = [...new Map(all.toReversed().map((port) => [keyWithAddress(port), port])).values()].toReversed();
  const served = ports.filter(({ targets }) => targets.length > 0);
  const dead = ports.filter(({ targets }) => targets.length === 0);
  const everywhere = ({ hostAddress }: PublishedPort): boolean => hostAddress === undefined;
  const oneAddress = (port: PublishedPort): boolean => !everywhere(port);
  const toChain = (port: PublishedPort, key: string): string => `${key} : goto ${chainName(port)}`;
  const led = services.filter(({ targets }) => targets.length > 0);
  const lookup = ['ip daddr . meta l4proto . th dport vmap @addrports;', 'fib daddr type local meta l4proto . th dport vmap @ports;'];
  return [
    elements(
      'map ports',
      'inet_proto . inet_service : verdict',
      served.filter(everywhere).map((port) => toChain(port, keyOf(port))),
    ),
    elements(
      'map addrports',
      'ipv4_addr . inet_proto . inet_service : verdict',
      served.filter(oneAddress).map((port) => toChain(port, keyWithAddress(port))),
    ),
    elements('set dead', 'inet_proto . inet_service', dead.filter(everywhere).map(keyOf)),
    elements('set addrdead', 'ipv4_addr . inet_proto . inet_service', dead.filter(oneAddress).map(keyWithAddress)),
    // From the containers of its own network, and from the host: other networks' containers are to reach it no more than its tasks.
    elements(
      'map vips',
      'ifname . ipv4_addr : verdict',
      led.map((service) => `"${service.bridge}" . ${service.address} : goto ${virtualChain(service)}`),
    ),
    elements(
      'map hostvips',
      'ipv4_addr : verdict',
      led.map((service) => `${service.address} : goto ${virtualChain(service)}`),
    ),
    elements(
      'set virtual',
      'ipv4_addr',
      services.map(({ address }) => address),
    ),
    ...served.map(portChain),
    ...led.map((service) => `  chain ${virtualChain(service)} { ct mark set ${publishedMark}; ${virtualTarget(service)}; }`),
    refusalChain,
    // Publishing on loopback needs route_localnet on the bridges; containers must not reach the host's 127.0.0.0/8 through it.
    hooked('guard', 'filter', 'prerouting', -300, ['iifname "sh-*" ip daddr 127.0.0.0/8 drop;']),
    // Before Docker's own lookups at -100.
    hooked('pre', 'nat', 'prerouting', -110, ['iifname . ip daddr vmap @vips;', ...lookup]),
    hooked('out', 'nat', 'output', -110, ['ip daddr vmap @hostvips;', ...lookup]),
    hooked('input', 'filter', 'input', 0, [
      // Nothing of the host listens there: who comes so far meets no ready task, or has no business with it. Answers to the host itself do come.
      'ct state new ip daddr @virtual goto refuse;',
      'ip daddr . meta l4proto . th dport @addrdead goto refuse;',
      'fib daddr type local meta l4proto . th dport @dead goto refuse;',
    ]),
    // The task answers the host, whichever way the client came: from outside, loopback, another bridge or the task itself.
    hooked('post', 'nat', 'postrouting', 90, [`ct mark ${publishedMark} ct status dnat masquerade;`]),
  ];
}

/** IPv6 clients are served by a forwarder in user space; only the refusal at once is the kernel's. */
function tableOfIPv6(ports: readonly PublishedPort[]): string[] {
  const dead = ports.filter(({ targets, hostAddress }) => targets.length === 0 && hostAddress === undefined);
  return [
    elements('set dead', 'inet_proto . inet_service', dead.map(keyOf)),
    refusalChain,
    hooked('input', 'filter', 'input', 0, ['fib daddr type local meta l4proto . th dport @dead goto refuse;']),
  ];
}

const refusalChain = '  chain refuse { meta l4proto tcp reject with tcp reset; reject; }';

/** Connections go to the targets one after the other, so that few of them already reach all. */
function portChain(port: PublishedPort): string {
  const [first] = port.targets;
  const list = port.targets.map(({ address, port: number }, index) => `${index} : ${address} . ${number}`).join(', ');
  const target = port.targets.length === 1 ? `${first?.address}:${first?.port}` : `numgen inc mod ${port.targets.length} map { ${list} }`;
  return `  chain ${chainName(port)} { ct mark set ${publishedMark}; meta l4proto ${port.protocol} dnat ip to ${target}; }`;
}

function chainName(port: PublishedPort): string {
  const address = port.hostAddress === undefined ? '' : `_${port.hostAddress.replaceAll(/\W/g, '_')}`;
  return `p_${port.protocol}_${port.port}${address}`;
}

function keyOf({ protocol, port }: PublishedPort): string {
  return `${protocol} . ${port}`;
}

/** An IPv6 address is served by a forwarder that comes in by loopback. */
function keyWithAddress(port: PublishedPort): string {
  if (port.hostAddress === undefined) return keyOf(port);
  return `${port.hostAddress.includes(':') ? '127.0.0.1' : port.hostAddress} . ${keyOf(port)}`;
}

export function elements(head: string, type: string, items: readonly string[]): string {
  return `  ${head} { type ${type}; ${items.length > 0 ? `elements = { ${[...new Set(items)].join(', ')} }; ` : ''}}`;
}

export function hooked(name: string, type: string, hook: string, priority: number, rules: readonly string[]): string {
  return [`  chain ${name} {`, `    type ${type} hook ${hook} priority ${priority}; policy accept;`, ...rules.map((rule) => `    ${rule}`), '  }'].join('\n');
}

/** Addresses that were targets of UDP ports and are no longer: what the kernel remembers of them must be forgotten. */
export function departedTargets(before: readonly PublishedPort[], after: readonly PublishedPort[]): string[] {
  const targetsOf = (ports: readonly PublishedPort[]): Set<string> =>
    new Set(ports.filter(({ protocol }) => protocol === 'udp').flatMap((port) => port.targets.map(({ address }) => address)));
  const staying = targetsOf(after);
  return [...targetsOf(before)].filter((address) => !staying.has(address)).toSorted();
}

/** Published ports without those in `clashes` (their keys): a port that someone else has is left to him. */
export function servedPorts(ports: readonly PublishedPort[], clashes: ReadonlySet<string>): PublishedPort[] {
  return ports.filter((port) => !clashes.has(holderKey(port)));
}
