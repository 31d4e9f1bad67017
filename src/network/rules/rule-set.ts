/** The nftables text of one node: published ports to tasks. The whole text is one transaction and may be loaded again at any time. */
import { createHash } from 'node:crypto';
import { oncePer } from '#base/pace/once-per';
import type { Protocol } from '#model/port/port';
import { type PublishedPort, holderKey, ruleAddressOf } from '../published-ports.ts';
import { chain, type Chain, changedLines, elements, hooked, partText, type RulePart } from './rule-parts.ts';
import { dealtOut } from './sticky.ts';
import { virtualChain, virtualTarget, type VirtualService } from '../virtual-services.ts';

export interface RuleSet {
  /** Name of the tables, of family ip and ip6. */
  table: string;
  parts: Readonly<Record<Family, readonly RulePart[]>>;
  text: string;
  /** An otherwise idle chain of this name in the ip table says which text was loaded. */
  revision: string;
}

type Family = 'ip' | 'ip6';

/** Connection mark of published traffic; the accept rule in DOCKER-USER knows it too. */
export const publishedMark = '0x5000';

/** The same on all hosts: whichever a client asks, he meets the same task. */
const stickySeed = '0x5e55101d';

/** Name of the tables of the daemon `instance`; the empty one is a host's only daemon. */
export function tableName(instance: string): string {
  return instance === '' ? 'shoal' : `shoal_${instance.replaceAll(/\W/g, '_')}`;
}

/** Both ends belong to it. */
export interface PortRange {
  first: number;
  last: number;
}

export interface LedTraffic {
  /** A port whose clients are told in a PROXY header is served by this process, and stands in no rule. */
  ports: readonly PublishedPort[];
  services?: readonly VirtualService[];
  /** Networks of this node. */
  subnets?: readonly string[];
  /** Under which clients are led to tasks; absent: their own. */
  apart?: PortRange | undefined;
}

/** The rules that publish `ports`, and lead to the tasks behind the addresses of `services`. */
export function ruleSet(table: string, { ports: all, services = [], subnets = [], apart }: LedTraffic): RuleSet {
  const ports = all.filter(({ source }) => source !== 'proxy');
  return wholeTables(table, tableOfIPv4(ports, services, { subnets, apart }), tableOfIPv6(ports));
}

/** Tables of these parts for both families, with the chain that tells their revision. */
export function wholeTables(table: string, v4: readonly RulePart[], v6: readonly RulePart[]): RuleSet {
  const lines = { ip: v4.map(partText), ip6: v6.map(partText) };
  const revision = `rev_${createHash('sha256')
    .update([...lines.ip, ...lines.ip6].join('\n'))
    .digest('hex')
    .slice(0, 16)}`;
  const mark = chain(revision, 'return;');
  // Declaring before deleting lets the same text serve whether or not the table is there.
  const text = [
    ...['ip', 'ip6'].flatMap((family) => [`table ${family} ${table}`, `delete table ${family} ${table}`]),
    `table ip ${table} {`,
    ...lines.ip,
    partText(mark),
    '}',
    `table ip6 ${table} {`,
    ...lines.ip6,
    '}',
  ];
  return { table, parts: { ip: [...v4, mark], ip6: v6 }, text: `${text.join('\n')}\n`, revision };
}

/** What makes `after` of `before` in the kernel: the difference where that is enough, for a change of one service is small however many there are. */
export function changeText(before: RuleSet | undefined, after: RuleSet): string {
  if (before?.table !== after.table) return after.text;
  const lines = (['ip', 'ip6'] as const).map((family) => changedLines(`${family} ${after.table}`, before.parts[family], after.parts[family]));
  return lines.includes(undefined) ? after.text : `${lines.flat().join('\n')}\n`;
}

function tableOfIPv4(all: readonly PublishedPort[], services: readonly VirtualService[], callers: Callers): RulePart[] {
  // One bad pair must not cost all the others their rules: of two ports with one key the first counts.
  const ports = [...new Map(all.toReversed().map((port) => [keyWithAddress(port), port])).values()].toReversed();
  const served = ports.filter(({ targets }) => targets.length > 0);
  const closed = ports.filter(isClosed);
  const dead = ports.filter((port) => port.targets.length === 0 && !isClosed(port));
  const everywhere = ({ hostAddress }: PublishedPort): boolean => hostAddress === undefined;
  const oneAddress = (port: PublishedPort): boolean => !everywhere(port);
  const toChain = (port: PublishedPort, key: string): string => `${key} : goto ${chainName(port)}`;
  const led = services.filter(({ targets }) => targets.length > 0);
  const lookup = ['ip daddr . meta l4proto . th dport vmap @addrports;', 'fib daddr type local meta l4proto . th dport vmap @ports;'];
  return [
    elements(
      'map',
      'ports',
      'inet_proto . inet_service : verdict',
      served.filter(everywhere).map((port) => toChain(port, keyOf(port))),
    ),
    elements(
      'map',
      'addrports',
      'ipv4_addr . inet_proto . inet_service : verdict',
      served.filter(oneAddress).map((port) => toChain(port, keyWithAddress(port))),
    ),
    elements('set', 'dead', 'inet_proto . inet_service', dead.filter(everywhere).map(keyOf)),
    elements('set', 'addrdead', 'ipv4_addr . inet_proto . inet_service', dead.filter(oneAddress).map(keyWithAddress)),
    // From the containers of its own network, and from the host: other networks' containers are to reach it no more than its tasks.
    elements(
      'map',
      'vips',
      'ifname . ipv4_addr : verdict',
      led.map((service) => `"${service.bridge}" . ${service.address} : goto ${virtualChain(service)}`),
    ),
    elements(
      'map',
      'hostvips',
      'ipv4_addr : verdict',
      led.map((service) => `${service.address} : goto ${virtualChain(service)}`),
    ),
    elements(
      'set',
      'virtual',
      'ipv4_addr',
      services.map(({ address }) => address),
    ),
    ...served.map(portChain),
    ...led.map(serviceChain),
    refusalChain,
    // Publishing on loopback needs route_localnet on the bridges; containers must not reach the host's 127.0.0.0/8 through it.
    hooked('guard', 'filter', 'prerouting', -300, ['iifname "sh-*" ip daddr 127.0.0.0/8 drop;']),
    // Before Docker's own lookups at -100.
    hooked('pre', 'nat', 'prerouting', -110, ['iifname . ip daddr vmap @vips;', ...lookup]),
    hooked('out', 'nat', 'output', -110, ['ip daddr vmap @hostvips;', ...lookup]),
    ...closedSet(closed),
    hooked('input', 'filter', 'input', 0, [
      // Nothing of the host listens there: who comes so far meets no ready task, or has no business with it. Answers to the host itself do come.
      'ct state new ip daddr @virtual goto refuse;',
      'ip daddr . meta l4proto . th dport @addrdead goto refuse;',
      'fib daddr type local meta l4proto . th dport @dead goto refuse;',
      ...closedRules(closed),
    ]),
    ...callerLines(served, callers),
  ];
}

type Callers = Pick<LedTraffic, 'subnets' | 'apart'>;

/** Clients are seen as they are, and answered by the way that they came. In the host's stead come those who could not be answered: by loopback, from its own containers, and by a service's own address. */
function callerLines(served: readonly PublishedPort[], { subnets = [], apart }: Callers): RulePart[] {
  const ours = `ct mark ${publishedMark} ct status dnat`;
  const hidden = served.flatMap(({ targets }) => targets.flatMap((target) => (target.hidden ? [target.address] : [])));
  const masked = (['tcp', 'udp', 'sctp'] as const).map((protocol) => {
    const ports = served.filter((port) => port.source === 'masquerade' && port.protocol === protocol);
    return { protocol, name: `masked_${protocol}`, numbers: ports.map(({ port }) => String(port)) };
  });
  return [
    elements('set', 'inner', 'ipv4_addr; flags interval', ['127.0.0.0/8', ...subnets]),
    elements('set', 'hidden', 'ipv4_addr', hidden),
    // A number is enough: of two services with one number, each for an address of its own, both are meant.
    ...masked.map(({ name, numbers }) => elements('set', name, 'inet_service', numbers)),
    hooked('post', 'nat', 'postrouting', 90, [
      `${ours} ip saddr @inner masquerade;`,
      `${ours} ct original ip daddr @virtual masquerade;`,
      `${ours} ip daddr @hidden masquerade;`,
      ...masked.map(({ name, protocol }) => `${ours} meta l4proto ${protocol} ct original proto-dst @${name} masquerade;`),
      ...(apart ? [`${ours} meta l4proto { tcp, udp } snat to :${apart.first}-${apart.last};`] : []),
    ]),
  ];
}

/** IPv6 clients are served by a forwarder in user space; only the refusal at once is the kernel's. */
function tableOfIPv6(ports: readonly PublishedPort[]): RulePart[] {
  const closed = ports.filter(isClosed);
  const dead = ports.filter((port) => port.targets.length === 0 && port.hostAddress === undefined && !isClosed(port));
  return [
    elements('set', 'dead', 'inet_proto . inet_service', dead.map(keyOf)),
    refusalChain,
    ...closedSet(closed),
    hooked('input', 'filter', 'input', 0, ['fib daddr type local meta l4proto . th dport @dead goto refuse;', ...closedRules(closed)]),
  ];
}

/** A port of one address is refused meanwhile: its number is others' on all the other addresses. */
function isClosed({ closed, hostAddress }: PublishedPort): boolean {
  return closed === true && hostAddress === undefined;
}

function closedSet(closed: readonly PublishedPort[]): RulePart[] {
  return closed.length > 0 ? [elements('set', 'closed', 'inet_proto . inet_service', closed.map(keyOf))] : [];
}

function closedRules(closed: readonly PublishedPort[]): string[] {
  return closed.length > 0 ? ['ct state new fib daddr type local meta l4proto . th dport @closed drop;'] : [];
}

export const refusalChain = chain('refuse', 'meta l4proto tcp reject with tcp reset;', 'reject;');

const serviceChain = oncePer((service: VirtualService): Chain => chain(virtualChain(service), `ct mark set ${publishedMark};`, `${virtualTarget(service)};`));

/** Connections go to the targets one after the other, so that few of them already reach all. */
const portChain = oncePer((port: PublishedPort): Chain => {
  const [only, ...others] = port.targets.map(({ address, port: number }) => `${address} . ${number}`);
  const list = port.sticky ? dealtOut(port.targets.map(({ address, port: number }) => `${address} . ${number}`)) : [only ?? '', ...others];
  const turn = port.sticky ? `jhash ip saddr mod ${list.length} seed ${stickySeed}` : `numgen inc mod ${list.length}`;
  const several = `${turn} map { ${list.map((target, index) => `${index} : ${target}`).join(', ')} }`;
  const target = others.length === 0 ? (only ?? '').replace(' . ', ':') : several;
  return chain(chainName(port), `ct mark set ${publishedMark};`, `meta l4proto ${port.protocol} dnat ip to ${target};`);
});

function chainName(port: PublishedPort): string {
  const address = port.hostAddress === undefined ? '' : `_${port.hostAddress.replaceAll(/\W/g, '_')}`;
  return `p_${port.protocol}_${port.port}${address}`;
}

function keyOf({ protocol, port }: PublishedPort): string {
  return `${protocol} . ${port}`;
}

function keyWithAddress(port: PublishedPort): string {
  return port.hostAddress === undefined ? keyOf(port) : `${ruleAddressOf(port.hostAddress)} . ${keyOf(port)}`;
}

/** Addresses that were targets of the protocol's ports and are no longer: what the kernel remembers of them must be forgotten. */
export function departedTargets(before: readonly PublishedPort[], after: readonly PublishedPort[], by: Protocol): string[] {
  const targetsOf = (ports: readonly PublishedPort[]): Set<string> =>
    new Set(ports.filter(({ protocol }) => protocol === by).flatMap((port) => port.targets.map(({ address }) => address)));
  const same = new Set(after);
  const concerned = targetsOf(before.filter((port) => !same.has(port)));
  if (concerned.size === 0) return [];
  const staying = targetsOf(after);
  return [...concerned].filter((address) => !staying.has(address)).toSorted();
}

/** Published ports without those in `clashes` (their keys): a port that someone else has is left to him. */
export function servedPorts(ports: readonly PublishedPort[], clashes: ReadonlySet<string>): PublishedPort[] {
  return ports.filter((port) => !clashes.has(holderKey(port)));
}
