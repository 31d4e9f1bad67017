import { expect, test } from 'vitest';
import { containerRules } from '#network/rules/container-rules';
import { publishedPorts } from '#network/published-ports';
import { proxyHeader } from '#network/proxy-header';
import { ruleSet } from '#network/rules/rule-set';
import { dealtOut } from '#network/rules/sticky';
import { portsApart, waysBack } from '#network/rules/way-back';
import { clusterNetwork, endpointTask, serviceEndpoint } from '../../support/endpoints.ts';

const IPAMOptions = { Configs: [{ Subnet: '10.0.0.0/20' }] };
const networks = [
  { network: { ...clusterNetwork('ingress', { Ingress: true }), IPAMOptions }, gateway: '10.0.0.3' },
  { network: clusterNetwork('front'), gateway: '10.0.16.3' },
];
const peer = { nodeId: 'node2', networkId: 'ingress', gateway: '10.0.15.254', address: '192.0.2.2', showsClients: true };
const peers = [peer, { ...peer, networkId: 'front', gateway: '10.0.16.9' }];
const here = endpointTask('t1', 1, true, 'front 10.0.16.5', 'ingress 10.0.0.5');
const there = { ...endpointTask('t2', 2, true, 'front 10.0.16.6', 'ingress 10.0.0.6'), NodeID: 'node2' };
const web = serviceEndpoint('web', ['80:8080/tcp', '53:5353/udp'], [here, there]);

test('a published task returns answers by each node that clients may come to', () => {
  const back = waysBack({ services: [web, serviceEndpoint('db', [], [endpointTask('t3', 1, true, 'ingress 10.0.0.9')])], networks, peers }, 'node1');
  expect([...back.keys()]).toEqual(['t1']);
  const { text, routes } = containerRules([], new Set(['ingress']), { back: back.get('t1') });
  expect(text).toContain('elements = { 02:42:0a:00:00:03 : 0x5d000003, 02:42:0a:00:0f:fe : 0x5d000ffe }');
  expect(text).toContain('ct direction original ip saddr != 10.0.0.0/20 ct mark set ether saddr map @entries meta mark set ct mark;');
  expect(routes).toEqual([
    'route replace default via 10.0.0.3 table 1560281091',
    'rule add pref 20480 fwmark 0x5d000003 lookup 1560281091',
    'route replace default via 10.0.15.254 table 1560285182',
    'rule add pref 20480 fwmark 0x5d000ffe lookup 1560285182',
    'route replace default via 10.0.0.3 table 1560281088',
    'rule add pref 20481 ipproto udp sport 5353 lookup main suppress_prefixlength 0',
    'rule add pref 20482 ipproto udp sport 5353 lookup 1560281088',
  ]);
});

test('a node that joins gives the rules another revision, a task elsewhere does not', () => {
  const revision = (tasks: (typeof here)[], others: typeof peers): string =>
    containerRules([], new Set(['ingress']), { back: waysBack({ services: [{ ...web, Tasks: tasks }], networks, peers: others }, 'node1').get('t1') }).revision;
  expect(revision([here], peers)).toBe(revision([here, there], peers));
  expect(revision([here], peers)).not.toBe(revision([here], []));
});

test('tasks on many networks: each network is looked at a few times, not once for each task', () => {
  let looks = 0;
  const many = Array.from({ length: 50 }, (_, at) => {
    const network = { ...clusterNetwork(`n${at}`), IPAMOptions };
    return {
      gateway: '10.0.0.3',
      get network() {
        looks += 1;
        return network;
      },
    };
  });
  const tasks = Array.from({ length: 400 }, (_, at) => endpointTask(`t${at}`, at + 1, true, `n${at % 50} 10.0.0.5`));
  const traffic = { services: [serviceEndpoint('web', ['80:8080/tcp'], tasks)], networks: many, peers: [] };
  expect(waysBack(traffic, 'node1').size).toBe(400);
  expect(publishedPorts(traffic, 'node1')[0]?.targets).toHaveLength(400);
  expect(looks).toBeLessThan(2000);
});

const chain = (text: string, port: number): string => new RegExp(`chain p_tcp_${port} {.*`).exec(text)?.[0] ?? '';

test('the caller stays who he is but where he could not be answered', () => {
  const options = (Options: object) => ({ Protocol: 'tcp' as const, PublishedPort: 81, TargetPort: 81, Options });
  const of = (port: Parameters<typeof serviceEndpoint>[1][number], traffic = {}): string =>
    ruleSet('t', {
      ports: publishedPorts({ services: [serviceEndpoint('web', [port], [here, there])], networks, peers, ...traffic }, 'node1'),
      subnets: ['10.0.0.0/20'],
    }).text;
  expect(of('80:80/tcp')).toContain('set inner { type ipv4_addr; flags interval; elements = { 127.0.0.0/8, 10.0.0.0/20 }; }');
  expect(of('80:80/tcp')).toContain('set hidden { type ipv4_addr; }');
  // A node of an earlier version would answer by itself.
  expect(of('80:80/tcp', { peers: [{ ...peer, showsClients: false }] })).toContain('set hidden { type ipv4_addr; elements = { 10.0.0.6 }; }');
  expect(of(options({ Source: 'masquerade' }))).toContain('set masked_tcp { type inet_service; elements = { 81 }; }');
  expect(chain(of(options({ Source: 'local' })), 81)).toContain('dnat ip to 10.0.0.5:81;');
  expect(of(options({ Source: 'proxy' }))).not.toContain('p_tcp_81');
});

test('a client meets the same task again, and only those of a task that goes meet another', () => {
  const targets = ['10.0.0.5', '10.0.0.6', '10.0.0.7', '10.0.0.8'];
  const before = dealtOut(targets);
  const after = dealtOut(targets.slice(1).toReversed());
  for (const [place, target] of before.entries()) if (target !== '10.0.0.5') expect(after[place]).toBe(target);
  for (const target of targets) expect(before.filter((each) => each === target).length).toBeGreaterThan(15);
  const sticky = { Protocol: 'tcp' as const, PublishedPort: 80, TargetPort: 80, Options: { Sticky: true as const } };
  const { text } = ruleSet('t', { ports: publishedPorts({ services: [serviceEndpoint('web', [sticky], [here, there])], networks, peers }, 'node1') });
  expect(chain(text, 80)).toMatch(/dnat ip to jhash ip saddr mod 128 seed 0x5e55101d map { 0 : 10\.0\.0\.[56] \. 80, 1 : /);
});

test('a PROXY header as its specification writes it', () => {
  const hex = (client: string, server: string): string =>
    Buffer.from(proxyHeader({ address: client, port: 0x1234 }, { address: server, port: 443 })).toString('hex');
  expect(hex('192.0.2.1', '198.51.100.2')).toBe('0d0a0d0a000d0a515549540a' + '2111000c' + 'c0000201' + 'c6336402' + '1234' + '01bb');
  expect(hex('2001:db8::1', '::1')).toBe(
    '0d0a0d0a000d0a515549540a' + '21210024' + '20010db8000000000000000000000001' + '00000000000000000000000000000001' + '1234' + '01bb',
  );
});

test('no two nodes lead a client by the same port of his, up to eight of them', () => {
  const gateways = Array.from({ length: 5 }, (_, at) => `10.0.0.${at + 3}`);
  const ranges = gateways.map((gateway) => {
    const others = gateways.filter((each) => each !== gateway).map((each) => ({ ...peer, nodeId: each, gateway: each }));
    return portsApart({ services: [], networks: [{ network: clusterNetwork('ingress', { Ingress: true }), gateway }], peers: others }) ?? { first: 0, last: 0 };
  });
  expect(ranges[0]?.first).toBe(1024);
  for (const [at, { first, last }] of ranges.entries()) {
    expect(last - first).toBeGreaterThan(12_000);
    if (at > 0) expect(first).toBe((ranges[at - 1]?.last ?? 0) + 1);
    expect(last).toBeLessThan(65_536);
  }
  expect(portsApart({ services: [], networks, peers: [] })).toBeUndefined();
  expect(ruleSet('t', { ports: [], apart: ranges[1] }).text).toContain('ct mark 0x5000 ct status dnat meta l4proto { tcp, udp } snat to :13926-26827;');
});
