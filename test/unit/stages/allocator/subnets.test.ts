import { expect, test } from 'vitest';
import { shownNetwork } from '#api/view/network';
import { allocateNetworks } from '#stages/allocator/subnets';
import { networkNumberOption, networkNumber, type Network } from '#model/object/network';
import { taskNetwork } from '#model/object/task';
import { aCluster, aNetwork, aNode, aSubnet, aTask, storeOf } from '#test/support/cluster-objects';

function withUsed(...UsedSubnets: string[]): ReturnType<typeof aNode> {
  const node = aNode('n1');
  return { ...node, Description: { ...node.Description!, Shoal: { UsedSubnets } } };
}

function configsOf(network: Network | undefined): unknown {
  return network?.IPAMOptions?.Configs;
}

test('subnets come from the pool in turn, ingress first', () => {
  const store = storeOf({
    cluster: [aCluster()],
    network: [aNetwork('front'), aNetwork('back'), aNetwork('ingress', { Ingress: true })],
  });
  const { networks, actions } = allocateNetworks(store);
  expect(configsOf(networks.get('ingress'))).toEqual([{ Subnet: '10.0.0.0/24', Gateway: '10.0.0.1' }]);
  expect(configsOf(networks.get('front'))).toEqual([{ Subnet: '10.0.1.0/24', Gateway: '10.0.1.1' }]);
  expect(configsOf(networks.get('back'))).toEqual([{ Subnet: '10.0.2.0/24', Gateway: '10.0.2.1' }]);
  expect(networks.get('front')).toMatchObject({ DriverState: { Name: 'overlay' }, IPAMOptions: { Driver: { Name: 'default' } } });
  expect(actions).toHaveLength(3);
});

test('options of the addresses are told with the one that is always so', () => {
  const Options = { foo: 'bar' };
  const { networks } = allocateNetworks(storeOf({ cluster: [aCluster()], network: [aNetwork('some', { IPAM: { Options } }), aNetwork('bare', { IPAM: {} })] }));
  const told = ['some', 'bare'].map((id) => shownNetwork(networks.get(id)!).IPAM);
  expect(told).toMatchObject([{ Options: { foo: 'bar', 'com.docker.network.ipam.serial': 'true' } }, { Options: null }]);
});

test("the pool and the size are the cluster's, and the next pool follows the first", () => {
  const store = storeOf({ cluster: [aCluster(['172.20.0.0/27', '172.30.0.0/16'], 28)], network: ['a', 'b', 'c'].map((id) => aNetwork(id)) });
  const { networks } = allocateNetworks(store);
  expect([...networks.values()].map((network) => network.IPAMOptions?.Configs?.[0]?.Subnet)).toEqual(['172.20.0.0/28', '172.20.0.16/28', '172.30.0.0/28']);
});

test('subnets of other networks, of hosts and those asked for are skipped', () => {
  const store = storeOf({
    cluster: [aCluster()],
    node: [withUsed('10.0.0.0/23', '10.0.3.17/32', '0.0.0.0/0')],
    network: [
      aSubnet('old', '10.0.2.0/24', '10.0.2.1'),
      aNetwork('new'),
      aNetwork('asked', { IPAM: { Config: [{ Subnet: '10.0.4.0/24', Gateway: '10.0.4.9', IPRange: '10.0.4.128/25' }] } }),
    ],
  });
  const { networks } = allocateNetworks(store);
  expect(configsOf(networks.get('new'))).toEqual([{ Subnet: '10.0.5.0/24', Gateway: '10.0.5.1' }]);
  expect(configsOf(networks.get('asked'))).toEqual([{ Subnet: '10.0.4.0/24', Range: '10.0.4.128/25', Gateway: '10.0.4.9' }]);
});

test('where a host has a route to the whole pool, its own line and the neighbours of nodes are left out', () => {
  const [node] = [withUsed('10.0.0.0/8', '10.0.1.0/24')];
  const store = storeOf({ cluster: [aCluster()], node: [{ ...node!, Status: { State: 'ready', Addr: '10.0.0.7' } }], network: [aNetwork('a'), aNetwork('b')] });
  const { networks } = allocateNetworks(store);
  expect([...networks.values()].map((network) => network.IPAMOptions?.Configs?.[0]?.Subnet)).toEqual(['10.0.2.0/24', '10.0.3.0/24']);
  // Where nothing else is left it is the line, but never where a node is.
  const small = storeOf({ cluster: [aCluster(['10.0.0.0/23'])], node: [...store.list('node')], network: [aNetwork('a'), aNetwork('b')] });
  const allocated = allocateNetworks(small);
  expect(configsOf(allocated.networks.get('a'))).toMatchObject([{ Subnet: '10.0.1.0/24' }]);
  expect(allocated.problems.get('b')).toBe('network b: no /24 subnet of 10.0.0.0/23 is free of networks');
});

test.each([
  ['as tasks name it', taskNetwork],
  ['of a task of before that holds it whole', (network: Network) => network],
])('a removed network keeps its subnet while a task on it has not ended: %s', (_what, held) => {
  const gone = aSubnet('gone', '10.0.0.0/24', '10.0.0.1');
  const attached = { NetworksAttachments: [{ Network: held(gone), Addresses: ['10.0.0.2/24'] }] };
  const running = storeOf({ cluster: [aCluster()], network: [aNetwork('new')], task: [aTask('t', 'running', attached)] });
  expect(configsOf(allocateNetworks(running).networks.get('new'))).toMatchObject([{ Subnet: '10.0.1.0/24' }]);
  const ended = storeOf({ cluster: [aCluster()], network: [aNetwork('new')], task: [aTask('t', 'shutdown', attached)] });
  expect(configsOf(allocateNetworks(ended).networks.get('new'))).toMatchObject([{ Subnet: '10.0.0.0/24' }]);
});

test('an explicit subnet is kept though a host uses it, but not when a network has it', () => {
  const asked = aNetwork('asked', { IPAM: { Config: [{ Subnet: '10.9.0.0/16' }] } });
  const host = storeOf({ node: [withUsed('10.9.1.0/24')], network: [asked] });
  expect(configsOf(allocateNetworks(host).networks.get('asked'))).toEqual([{ Subnet: '10.9.0.0/16', Gateway: '10.9.0.1' }]);
  const taken = storeOf({ network: [aSubnet('old', '10.9.3.0/24', '10.9.3.1'), asked] });
  const result = allocateNetworks(taken);
  expect(result.problems.get('asked')).toBe('network asked: subnet 10.9.0.0/16 overlaps with one of network old');
  expect(result.actions).toEqual([]);
});

test('a network of version 6 only gets a subnet of version 4 too', () => {
  const store = storeOf({ network: [aNetwork('six', { IPAM: { Config: [{ Subnet: 'fd00::/64', Gateway: 'fd00::1' }] } })] });
  expect(configsOf(allocateNetworks(store).networks.get('six'))).toEqual([
    { Subnet: '10.0.0.0/20', Gateway: '10.0.0.1' },
    { Subnet: 'fd00::/64', Gateway: 'fd00::1' },
  ]);
});

test.each([
  ['wide routes', ['0.0.0.0/1', '128.0.0.0/1']],
  ['the whole pool', ['10.0.0.0/8']],
  ['thousands of small ones', Array.from({ length: 4096 }, (_, n) => `10.${n >> 4}.${(n & 15) << 4}.0/20`)],
])('a host whose routes take %s keeps nobody from having networks', (_what, used) => {
  const store = storeOf({ cluster: [aCluster(['10.0.0.0/8'], 20)], node: [withUsed(...used)], network: [aNetwork('a'), aNetwork('b')] });
  const { networks, problems } = allocateNetworks(store);
  expect([...problems]).toEqual([]);
  expect([...networks.values()].map((network) => network.IPAMOptions?.Configs?.[0]?.Subnet)).toEqual(['10.0.0.0/20', '10.0.16.0/20']);
});

test('what is free of hosts goes first, and what a host that is down uses is asked by nobody', () => {
  const used = withUsed('10.7.0.0/25');
  const network = [aNetwork('a'), aNetwork('b'), aNetwork('c')];
  const given = (node: ReturnType<typeof aNode>): unknown[] =>
    [...allocateNetworks(storeOf({ cluster: [aCluster(['10.7.0.0/24'], 26)], node: [node], network })).networks.values()].map(
      (each) => each.IPAMOptions?.Configs?.[0]?.Subnet,
    );
  expect(given(used)).toEqual(['10.7.0.128/26', '10.7.0.192/26', '10.7.0.0/26']);
  expect(given({ ...used, Status: { ...used.Status, State: 'down' } })).toEqual(['10.7.0.0/26', '10.7.0.64/26', '10.7.0.128/26']);
});

test("when the pool is used up it says so; engines' own networks need nothing", () => {
  const store = storeOf({ cluster: [aCluster(['10.7.0.0/24'])], network: [aNetwork('a'), aNetwork('b'), aNetwork('host')] });
  const { problems, actions } = allocateNetworks(store);
  expect([...problems]).toEqual([['b', 'network b: no /24 subnet of 10.7.0.0/24 is free of networks']]);
  expect(actions).toHaveLength(1);
});

test('every network has a number of its own, made of its id; one of before keeps its subnet and gets one', () => {
  const old = aNetwork('old', {}, { IPAMOptions: { Configs: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.1' }] }, DriverState: { Name: 'overlay' } });
  const store = storeOf({ cluster: [aCluster()], network: [old, aNetwork('a', { Options: { encrypted: '' } }), aNetwork('a0'), aNetwork('b')] });
  const { networks } = allocateNetworks(store);
  const numbers = [...networks.values()].map(networkNumber);
  expect(new Set(numbers).size).toBe(4);
  for (const number of numbers) expect(number).toBeGreaterThanOrEqual(4096);
  expect(networks.get('old')?.IPAMOptions).toEqual(old.IPAMOptions);
  expect(networks.get('a')?.DriverState?.Options).toMatchObject({ encrypted: '' });
  const again = storeOf({ cluster: [aCluster()], network: [...networks.values()] });
  expect(allocateNetworks(again).actions).toEqual([]);
});

test('two ids that give one number get two', () => {
  const same = [aNetwork('0000000000x'), aNetwork('0000000000y')];
  const { networks } = allocateNetworks(storeOf({ cluster: [aCluster()], network: same }));
  expect([...networks.values()].map(networkNumber)).toEqual([4096, 4097]);
});

test('a network has the number that it asks for', () => {
  const store = storeOf({ cluster: [aCluster()], network: [aNetwork('a', { Options: { [networkNumberOption]: '70000' } })] });
  expect(networkNumber(allocateNetworks(store).networks.get('a') as Network)).toBe(70000);
});

test('what is taken here and there, in any order, is gone around, and named where it is asked for', () => {
  const taken = [5, 1, 3, 2, 9, 4].map((at) => aSubnet(`held${at}`, `10.0.${at}.0/24`, `10.0.${at}.1`));
  const asked = { ...aNetwork('asked', { IPAM: { Config: [{ Subnet: '10.0.4.128/25' }] } }) };
  const store = storeOf({ cluster: [aCluster()], network: [...taken, ...['a', 'b', 'c', 'd', 'e'].map((id) => aNetwork(id)), asked] });
  const { networks, problems } = allocateNetworks(store);
  expect(['a', 'b', 'c', 'd', 'e'].map((id) => networks.get(id)?.IPAMOptions?.Configs?.[0]?.Subnet)).toEqual([0, 6, 7, 8, 10].map((at) => `10.0.${at}.0/24`));
  expect(problems.get('asked')).toContain('subnet 10.0.4.128/25 overlaps with one of network held4');
});
