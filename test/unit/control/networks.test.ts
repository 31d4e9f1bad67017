import { expect, test } from 'vitest';
import { createNetwork, removeNetwork } from '#control/networks';
import { createService, removeService } from '#control/service/services';
import { deployStack } from '#control/stack/stacks';
import { isEncrypted, type NetworkSpec } from '#model/object/network';
import type { Node, NodeEncryption } from '#model/object/node';
import { create, newMeta, update } from '#store/action';
import { initialisedCluster } from '#test/support/memory-cluster';
import { serviceSpec, stackSpec } from './specs.ts';

test.each<[string, NetworkSpec, string]>([
  ['no name', { Name: '' }, 'meta: name must be provided'],
  ['an engine’s own name', { Name: 'host' }, 'network name host is reserved: every node has a network of that name'],
  ['an unknown driver', { Name: 'n', Driver: 'weave' }, 'plugin "weave" not found'],
  ['a driver of the engine’s own networks', { Name: 'n', Driver: 'macvlan' }, 'network driver macvlan is not supported: use overlay or bridge'],
  ['a taken name', { Name: 'ingress' }, 'network with name ingress already exists'],
  ['an attachable ingress', { Name: 'n', Ingress: true, Attachable: true }, 'ingress network cannot be attachable'],
  ['a bad subnet', { Name: 'n', IPAM: { Config: [{ Subnet: '10.0.0.0/33' }] } }, 'Invalid subnet 10.0.0.0/33 : invalid CIDR address: 10.0.0.0/33'],
  ['a subnet that is not said', { Name: 'n', IPAM: { Config: [{}] } }, 'Invalid subnet  : invalid CIDR address: '],
  [
    'the loopback',
    { Name: 'n', IPAM: { Config: [{ Subnet: '127.0.0.0/16' }] } },
    "ipam configuration: subnet 127.0.0.0/16 overlaps with 127.0.0.0/8, every host's own loopback",
  ],
  [
    'all there is',
    { Name: 'n', IPAM: { Config: [{ Subnet: '0.0.0.0/0' }] } },
    'ipam configuration: subnet 0.0.0.0/0 overlaps with 0.0.0.0/8, addresses of nobody',
  ],
  [
    'the line between its nodes',
    { Name: 'n', IPAM: { Config: [{ Subnet: '192.168.7.0/24' }] } },
    'ipam configuration: subnet 192.168.7.0/24 holds 192.168.7.1, the address of node one: nodes that have the network could not reach it any more',
  ],
  ['a bad gateway', { Name: 'n', IPAM: { Config: [{ Subnet: '10.0.0.0/24', Gateway: '10.0.0' }] } }, 'ipam configuration: invalid gateway 10.0.0'],
])('a network with %s is refused', (_what, spec, message) => {
  const cluster = initialisedCluster();
  expect(() => cluster.run(createNetwork(spec))).toThrow(expect.objectContaining({ name: 'Refusal', message }));
});

test('a subnet that another network has, or the engine of a node, is refused in Docker’s words and by name', () => {
  const cluster = initialisedCluster();
  const ask = (Name: string, Subnet: string): void => void cluster.run(createNetwork({ Name, IPAM: { Config: [{ Subnet }] } }));
  ask('o1', '10.99.0.0/24');
  const words = 'invalid pool request: Pool overlaps with other one on this address space: ';
  expect(() => ask('o2', '10.99.0.128/25')).toThrow(`${words}10.99.0.128/25 overlaps with 10.99.0.0/24 of network o1`);
  // One that is there already says so first.
  expect(() => ask('o1', '10.99.0.0/24')).toThrow('network with name o1 already exists');
  const networks = [
    { Name: 'st_a', IPAM: { Config: [{ Subnet: '10.98.0.0/24' }] } },
    { Name: 'st_b', IPAM: { Config: [{ Subnet: '10.98.0.0/16' }] } },
  ];
  expect(() => cluster.run(deployStack(stackSpec({ Name: 'st', Services: [], Networks: networks }), { source: { Kind: 'deploy' }, prune: false }))).toThrow(
    '10.98.0.0/16 overlaps with 10.98.0.0/24 of network st_a',
  );
  const node = cluster.store.byName('node', 'one') ?? [...cluster.store.list('node')][0]!;
  const has = (State: Node['Status']['State'], Shoal: object): void =>
    cluster.write([update('node', { ...node, Status: { ...node.Status, State }, Description: { ...node.Description!, Shoal } })]);
  has('ready', { EngineSubnets: ['172.17.0.0/16'] });
  expect(() => ask('o3', '172.17.8.0/24')).toThrow(`${words}172.17.8.0/24 overlaps with 172.17.0.0/16, which a network of the engine has on node`);
  // A route of the host is no network of its engine, and of a node that is down nobody knows.
  has('ready', { UsedSubnets: ['172.17.0.0/16'] });
  ask('o3', '172.17.8.0/24');
  has('down', { EngineSubnets: ['172.18.0.0/16'] });
  ask('o4', '172.18.8.0/24');
});

test('there is one ingress network', () => {
  const cluster = initialisedCluster();
  const id = cluster.store.byName('network', 'ingress')?.ID;
  expect(() => cluster.run(createNetwork({ Name: 'second', Ingress: true }))).toThrow(`ingress network (${id}) is already present`);
});

test('addresses inside the subnet are accepted, and the driver is said', () => {
  const cluster = initialisedCluster();
  const Config = [{ Subnet: '10.9.0.0/16', IPRange: '10.9.1.0/24', Gateway: '10.9.0.1', AuxiliaryAddresses: { router: '10.9.0.2' } }];
  cluster.run(createNetwork({ Name: 'n', IPAM: { Config } }));
  expect(cluster.store.byName('network', 'n')?.Spec).toEqual({ Name: 'n', Driver: 'overlay', IPAM: { Config } });
});

const number = 'com.docker.network.driver.overlay.vxlanid_list';
const Subnet = '10.9.0.0/24';

test.each<[Partial<NetworkSpec>, string, RegExp]>([
  [
    { Options: { encrypted: '' } },
    'failedPrecondition',
    /^network option encrypted: these nodes cannot encrypt: \S+ \(its program is of an earlier version\)$/,
  ],
  [{ Options: { 'com.docker.network.bridge.name': 'br' } }, 'unimplemented', /^network option com.docker.network.bridge.name is not supported: /],
  [{ Options: { 'com.docker.network.something': 'x' } }, 'unimplemented', /^network option com.docker.network.something is not supported: /],
  [{ Options: { constructor: 'x' } }, 'invalidArgument', /^network option constructor is not known: /],
  [{ Options: { 'com.docker.network.driver.mtu': '1e3' } }, 'invalidArgument', /^invalid network option com.docker.network.driver.mtu=1e3: /],
  [{ Options: { [number]: '4097,4098' } }, 'invalidArgument', /^invalid network option .*=4097,4098: /],
  [{ IPAM: { Config: [{ Subnet: 'fd00::/64' }] } }, 'unimplemented', /^IPAM.Config subnet fd00::\/64 is not supported: /],
  [{ IPAM: { Config: [{ Subnet }, { Subnet: '10.9.1.0/24' }] } }, 'unimplemented', /^IPAM.Config with 2 subnets is not supported: /],
  [{ IPAM: { Config: [{ Gateway: '10.9.0.1' }] } }, 'invalidArgument', /^Invalid subnet {2}: invalid CIDR address: $/],
  [{ IPAM: { Config: [{ Subnet, Gateway: '10.9.1.1' }] } }, 'invalidArgument', /^ipam configuration: subnet 10.9.0.0\/24 does not contain gateway 10.9.1.1$/],
  [{ IPAM: { Config: [{ Subnet, Gateway: '10.9.0.0' }] } }, 'invalidArgument', /gateway 10.9.0.0 is no address of a host in subnet 10.9.0.0\/24$/],
  [{ IPAM: { Config: [{ Subnet, IPRange: '10.9.0.0/16' }] } }, 'invalidArgument', /subnet 10.9.0.0\/24 does not contain range 10.9.0.0\/16$/],
  [{ IPAM: { Config: [{ Subnet, AuxiliaryAddresses: { a: '10.8.0.1' } }] } }, 'invalidArgument', /does not contain auxiliary address a 10.8.0.1$/],
])('what nobody would carry out is refused by name: %j', (spec, code, message) => {
  const cluster = initialisedCluster();
  const refusal = expect.objectContaining({ name: 'Refusal', code, message: expect.stringMatching(message) });
  expect(() => cluster.run(createNetwork({ Name: 'n', ...spec }))).toThrow(refusal);
  // By a stack file, from a terminal or from Git, alike.
  const networks = [{ Name: 'st_n', ...spec }];
  expect(() => cluster.run(deployStack(stackSpec({ Name: 'st', Services: [], Networks: networks }), { source: { Kind: 'deploy' }, prune: false }))).toThrow(
    refusal,
  );
  expect(cluster.store.byName('network', 'st_n')).toBeUndefined();
});

test.each([
  ['', true],
  ['true', true],
  ['yes', true],
  ['1', true],
  ['false', false],
  ['No', false],
  ['0', false],
])('encrypted=%s', (encrypted, is) => {
  expect(isEncrypted({ Spec: { Options: { encrypted } } })).toBe(is);
});

test('an encrypted network is made where every node can encrypt; those that cannot are named with what they lack', () => {
  const cluster = initialisedCluster();
  const described = (Encryption: NodeEncryption | undefined): void => {
    const [node] = [...cluster.store.list('node')] as [Node];
    const Shoal = { ...node.Description?.Shoal, Release: { Version: '1' }, Encryption };
    const Description = { ...node.Description, Shoal } as NonNullable<Node['Description']>;
    cluster.run(() => ({ actions: [update('node', { ...node, Description })], result: undefined }));
  };
  const create = (Name = 'n') => cluster.run(createNetwork({ Name, Options: { encrypted: '' } }));
  // It has just come and is still to say: a task waits until it has.
  described(undefined);
  create('early');
  described({ Lacks: 'the program wg (package wireguard-tools)' });
  expect(create).toThrow(/cannot encrypt: \S+ \(the program wg \(package wireguard-tools\)\)$/);
  described({ Key: `${'A'.repeat(43)}=`, Port: 51_820 });
  create();
  expect(cluster.store.byName('network', 'n')?.Spec.Options).toEqual({ encrypted: '' });
});

test('a number that is asked for is given once', () => {
  const cluster = initialisedCluster();
  const Options = { [number]: '70000', encrypted: 'false', 'com.docker.network.driver.mtu': '1400' };
  cluster.run(createNetwork({ Name: 'n', Options }));
  expect(() => cluster.run(createNetwork({ Name: 'm', Options: { [number]: '070000' } }))).toThrow('network n has that number');
});

test('a network that is used stays', () => {
  const cluster = initialisedCluster();
  const { ID } = cluster.run(createNetwork({ Name: 'n' }));
  const service = cluster.run(createService(serviceSpec('s', { TaskTemplate: { ContainerSpec: { Image: 'a' }, Networks: [{ Target: 'n' }] } })));
  expect(() => cluster.run(removeNetwork('n'))).toThrow(
    expect.objectContaining({ code: 'failedPrecondition', message: `network ${ID} is in use by service ${service.ID}` }),
  );
  cluster.run(removeService('s'));
  const network = cluster.store.get('network', ID);
  if (!network) throw new Error('no network');
  const task = {
    ...newMeta('task'),
    Spec: {},
    ServiceID: service.ID,
    NodeID: 'node-one',
    Status: { Timestamp: '', State: 'running', Message: '' },
    NetworksAttachments: [{ Network: network, Addresses: [] }],
    Shoal: { ServiceName: 's', ServiceLabels: {}, SpecVersion: 0 },
  } as const;
  // Wanted tasks hold it; those on their way out carry a copy of their own.
  cluster.write([create('task', { ...task, DesiredState: 'running' })]);
  expect(() => cluster.run(removeNetwork('n'))).toThrow(`network ${ID} is in use by task task`);
  cluster.write([{ type: 'update', kind: 'task', object: { ...task, DesiredState: 'remove' } }]);
  cluster.run(removeNetwork('n'));
  expect(cluster.store.get('network', ID)).toBeUndefined();
});

test('the ingress network stays while a service publishes through it', () => {
  const cluster = initialisedCluster();
  const { ID } = cluster.run(createService(serviceSpec('s', { EndpointSpec: { Ports: [{ TargetPort: 80 }] } })));
  expect(() => cluster.run(removeNetwork('ingress'))).toThrow(`ingress network cannot be removed because service ${ID} depends on it`);
  cluster.run(removeService('s'));
  cluster.run(removeNetwork('ingress'));
});

test('a name of letters with a wrong end is read once', () => {
  const cluster = initialisedCluster();
  expect(() => cluster.run(createNetwork({ Name: `${'a'.repeat(60)}!` }))).toThrow('name must be valid as a DNS name component');
  expect(() => cluster.run(createNetwork({ Name: 'a-_b--c_' }))).toThrow('name must be valid as a DNS name component');
  expect(cluster.run(createNetwork({ Name: 'a-_b--c' })).ID).not.toBe('');
  expect(() => cluster.run(createNetwork({ Name: 'a'.repeat(64) }))).toThrow('name must be 63 characters or fewer');
});
