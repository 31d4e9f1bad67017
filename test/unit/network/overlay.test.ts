import { describe, expect, test } from 'vitest';
import type { EndpointTask } from '#model/object/assignment';
import type { Overlay, Peer } from '#network/contract';
import { planOverlay } from '#network/overlay';
import { repairedOverlay, repairOverlay, type SeenOverlay, withNewBridges } from '#network/overlay-repair';
import { overlayRules } from '#network/rules/overlay-rules';
import { endpointTask, numberedNetwork, serviceEndpoint } from '#test/support/endpoints';

const front = { network: numberedNetwork('frontnetworkfront', 4100), gateway: '10.5.0.1' };
const back = { network: numberedNetwork('backnetworkback', 4101), gateway: '10.6.0.1' };
const peer = (nodeId: string, gateway: string, address: string, local = front): Peer => ({ nodeId, networkId: local.network.ID, gateway, address });
const two = peer('node2', '10.5.0.254', '192.0.2.2');
const three = peer('node3', '10.5.0.253', '192.0.2.3');
const task = (id: string, node: string, address: string, ready = true): EndpointTask => ({
  ...endpointTask(id, 1, ready, `${front.network.ID} ${address}`),
  NodeID: node,
});
const overlay = (peers: readonly Peer[], ...tasks: EndpointTask[]): Overlay => ({
  networks: [front, back],
  peers,
  services: [serviceEndpoint('web', [], tasks)],
});
const ground = { port: 4789, local: '192.0.2.1', mtu: 1450, encrypting: '', mark: 'shoal:node1' };
const bridges = ['sh-frontnetwor', 'sh-backnetwork'];
/** Bridges as the engine makes them, and another one's. */
const fresh: SeenOverlay = {
  bridges: new Map([...bridges, 'sh-another'].map((name) => [name, { mac: '02:42:00:00:00:00', answers: new Set(), portMtu: 0 }])),
  devices: new Map(),
  neighbours: new Map([['sh-another', new Map([['10.9.0.9', '02:42:0a:09:00:09']])]]),
  forwards: new Map(),
};

describe('the plan', () => {
  test('a network that no other node is on has no tunnel', () => {
    expect(planOverlay(overlay([], task('t1', 'node1', '10.5.0.2')))).toMatchObject({ tunnels: [], answers: [], members: [] });
    expect(planOverlay(overlay([two])).tunnels.map(({ device }) => device)).toEqual(['vx-frontnetwor']);
  });

  test('tasks and gateways of other nodes are behind their hosts, own ones are not', () => {
    const [tunnel] = planOverlay(
      overlay([two, three], task('t1', 'node1', '10.5.0.2'), task('t2', 'node2', '10.5.0.3'), task('t3', 'node3', '10.5.0.4')),
    ).tunnels;
    expect(tunnel).toMatchObject({ number: 4100, bridge: bridges[0], mac: '02:42:0a:05:00:01' });
    expect(Object.fromEntries(tunnel?.ways ?? [])).toEqual({
      '10.5.0.254': { mac: '02:42:0a:05:00:fe', underlay: '192.0.2.2' },
      '10.5.0.253': { mac: '02:42:0a:05:00:fd', underlay: '192.0.2.3' },
      '10.5.0.3': { mac: '02:42:0a:05:00:03', underlay: '192.0.2.2' },
      '10.5.0.4': { mac: '02:42:0a:05:00:04', underlay: '192.0.2.3' },
    });
  });

  test.each(['999.1.1.1', '1.2.3.4/x\nflush', '0.1.2.3', '224.0.0.1', 'fd00::1', ''])(
    'a node that is known by %j is told of, and costs nobody else his way',
    (address) => {
      const { members, tunnels, problems } = planOverlay(overlay([peer('liar', '10.5.0.250', address), two], task('t2', 'node2', '10.5.0.3')));
      expect([members, problems.length, [...(tunnels[0]?.ways.keys() ?? [])]]).toEqual([['192.0.2.2'], 1, ['10.5.0.254', '10.5.0.3']]);
    },
  );

  test('of two holders of an address the ready one counts, and one that is here takes it from another host', () => {
    const moved = planOverlay(overlay([two, three], task('t3', 'node3', '10.5.0.3'), task('t2', 'node2', '10.5.0.3', false)));
    expect(moved.tunnels[0]?.ways.get('10.5.0.3')?.underlay).toBe('192.0.2.3');
    const here = planOverlay(overlay([two], task('t2', 'node2', '10.5.0.3', false), task('t1', 'node1', '10.5.0.3')));
    expect(here.tunnels[0]?.ways.has('10.5.0.3')).toBe(false);
  });

  test('a hardware address of the task’s own is the one that others use', () => {
    const own = task('t2', 'node2', '10.5.0.3');
    const withMac = { ...own, Networks: own.Networks.map((each) => ({ ...each, MacAddress: '02:AA:00:00:00:01' })) };
    expect(planOverlay(overlay([two], withMac)).tunnels[0]?.ways.get('10.5.0.3')?.mac).toBe('02:aa:00:00:00:01');
  });

  test('a chosen gateway is answered here, alone or not, unless a node has it for its own', () => {
    const chosen = { network: numberedNetwork('frontnetworkfront', 4100, { IPAM: { Config: [{ Gateway: '10.5.0.9' }] } }), gateway: '10.5.0.1' };
    const answers = [{ bridge: bridges[0], addresses: ['10.5.0.9'] }];
    expect(planOverlay({ networks: [chosen], peers: [], services: [] }).answers).toEqual(answers);
    expect(planOverlay({ networks: [chosen], peers: [two], services: [] }).answers).toEqual(answers);
    expect(planOverlay({ networks: [chosen], peers: [{ ...two, gateway: '10.5.0.9' }], services: [] }).answers).toEqual([]);
  });
});

describe('the repair', () => {
  const plan = planOverlay(overlay([two], task('t2', 'node2', '10.5.0.3')));

  test('all of it where nothing is: the bridge’s address first, for it makes the kernel forget the neighbours', () => {
    const { ip, bridge, renamed } = repairOverlay(plan, fresh, ground);
    expect(ip).toEqual([
      'link set dev sh-frontnetwor address 02:42:0a:05:00:01',
      'link add vx-frontnetwor mtu 1450 type vxlan id 4100 dstport 4789 local 192.0.2.1 nolearning',
      'link set dev vx-frontnetwor alias shoal:node1',
      'link set dev vx-frontnetwor master sh-frontnetwor',
      'link set dev vx-frontnetwor type bridge_slave learning off flood off mcast_flood off bcast_flood off neigh_suppress on',
      'link set dev vx-frontnetwor up',
      'neigh replace 10.5.0.254 lladdr 02:42:0a:05:00:fe dev sh-frontnetwor nud permanent',
      'neigh replace 10.5.0.3 lladdr 02:42:0a:05:00:03 dev sh-frontnetwor nud permanent',
    ]);
    expect(bridge).toEqual([
      'fdb replace 02:42:0a:05:00:fe dev vx-frontnetwor self permanent dst 192.0.2.2',
      'fdb replace 02:42:0a:05:00:fe dev vx-frontnetwor master static',
      'fdb replace 02:42:0a:05:00:03 dev vx-frontnetwor self permanent dst 192.0.2.2',
      'fdb replace 02:42:0a:05:00:03 dev vx-frontnetwor master static',
    ]);
    expect(renamed).toEqual(['sh-frontnetwor']);
  });

  const whole = repairedOverlay(plan, fresh, ground);

  test('nothing where all is, and what is another’s stays', () => {
    expect(repairOverlay(plan, whole, ground)).toEqual({ ip: [], bridge: [], renamed: [], absent: [], touched: [] });
  });

  test('a task that comes costs three entries, one that moves as many, one that goes takes them along', () => {
    const more = planOverlay(overlay([two], task('t2', 'node2', '10.5.0.3'), task('t4', 'node2', '10.5.0.5')));
    const came = repairOverlay(more, whole, ground);
    expect([came.ip.length, came.bridge.length]).toEqual([1, 2]);
    const moved = repairOverlay(planOverlay(overlay([two, three], task('t2', 'node3', '10.5.0.3'))), whole, ground);
    expect(moved.bridge).toContain('fdb replace 02:42:0a:05:00:03 dev vx-frontnetwor self permanent dst 192.0.2.3');
    const gone = repairOverlay(planOverlay(overlay([two])), whole, ground);
    expect(gone.ip).toEqual(['neigh del 10.5.0.3 dev sh-frontnetwor']);
    expect(gone.bridge).toEqual(['fdb del 02:42:0a:05:00:03 dev vx-frontnetwor self', 'fdb del 02:42:0a:05:00:03 dev vx-frontnetwor master']);
  });

  test('the last peer takes the tunnel along', () => {
    expect(repairOverlay(planOverlay(overlay([])), whole, ground).ip).toEqual([
      'link del dev vx-frontnetwor',
      'neigh del 10.5.0.254 dev sh-frontnetwor',
      'neigh del 10.5.0.3 dev sh-frontnetwor',
    ]);
  });

  test('containers of before send larger packets, and none of them is lost', () => {
    const seen = { ...fresh, bridges: new Map([[bridges[0] ?? '', { mac: '02:42:0a:05:00:01', answers: new Set<string>(), portMtu: 1500 }]]) };
    expect(repairOverlay(plan, seen, ground).ip[0]).toContain('link add vx-frontnetwor mtu 1500 ');
  });

  test.each<[string, (seen: SeenOverlay) => SeenOverlay, number]>([
    ['a device that is gone', (seen) => ({ ...seen, devices: new Map(), forwards: new Map() }), 5 + 4],
    ['flushed neighbours', (seen) => ({ ...seen, neighbours: new Map() }), 2],
    ['flushed forwarding entries', (seen) => ({ ...seen, forwards: new Map() }), 4],
    ['a device that floods', (seen) => ({ ...seen, devices: new Map([...seen.devices].map(([name, device]) => [name, { ...device, well: false }])) }), 3],
  ])('%s is made good, and nothing else is touched', (_name, damage, lines) => {
    const { ip, bridge, touched } = repairOverlay(plan, damage(whole), ground);
    expect(ip.length + bridge.length).toBe(lines);
    expect(touched).toEqual([front.network.Spec.Name]);
  });

  test('a bridge that the engine made since is served as if it had been looked at, and what somebody may have had hands on is looked at', () => {
    const both = planOverlay(overlay([two, peer('node2', '10.6.0.254', '192.0.2.2', back)], task('t2', 'node2', '10.5.0.3')));
    const { 'sh-backnetwork': _gone, ...rest } = Object.fromEntries(whole.bridges);
    const before = { ...whole, bridges: new Map(Object.entries(rest)) };
    const devices = new Set([...bridges, 'vx-frontnetwor']);
    const seen = withNewBridges(both, before, devices);
    expect(seen && repairOverlay(both, seen, ground)).toEqual(repairOverlay(both, whole, ground));
    expect(seen && repairOverlay(both, repairedOverlay(both, seen, ground), ground)).toMatchObject({ ip: [], bridge: [], absent: [] });
    expect(withNewBridges(plan, whole, devices)).toBe(whole);
    // Not there yet; with a device that nobody saw; one that was there when it had no tunnel; a tunnel that is gone.
    expect(withNewBridges(both, before, new Set([bridges[0] ?? '']))).toBeUndefined();
    expect(withNewBridges(both, before, new Set([...devices, 'vx-backnetwork']))).toBeUndefined();
    expect(withNewBridges(both, whole, devices)).toBeUndefined();
    expect(withNewBridges(plan, { ...whole, devices: new Map() }, devices)).toBeUndefined();
  });

  test('a bridge that is gone is told, the others are served', () => {
    const { absent, ip } = repairOverlay(plan, { ...fresh, bridges: new Map() }, ground);
    expect([absent.map(({ bridge }) => bridge), ip]).toEqual([['sh-frontnetwor'], []]);
  });
});

test('only members may send, and no container in their name', () => {
  const { text } = overlayRules('shoal_overlay', ['192.0.2.2', '192.0.2.3'], 4789);
  expect(text).toContain('elements = { 192.0.2.2, 192.0.2.3 }');
  expect(text).toContain('udp dport 4789 ip saddr != @members @th,96,24 != 16777215 drop;');
  expect(text).toContain('iifname "sh-*" ip daddr @members udp dport 4789 drop;');
  // The host's own way out may be a bridge of any name.
  expect(text).not.toMatch(/"(br-|docker)/);
  // A bridge may have any name, and forge its host's or another member's address.
  expect(text).toContain('udp dport 4789 ip daddr @members ip saddr != @members drop;');
  expect(text).toContain('udp dport 4789 ip daddr @members meta iifkind "bridge" fib saddr . iif oif missing drop;');
  expect(text).toContain('udp dport 4789 meta iifkind "bridge" fib saddr . iif oif missing drop;');
});
