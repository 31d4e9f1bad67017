import { expect, test } from 'vitest';
import { createNetwork, removeNetwork } from '#control/networks';
import { createService, removeService } from '#control/service/services';
import type { NetworkSpec } from '#model/object/network';
import { create, newMeta } from '#store/action';
import { initialisedCluster } from '#test/support/memory-cluster';
import { serviceSpec } from './specs.ts';

test.each<[string, NetworkSpec, string]>([
  ['no name', { Name: '' }, 'meta: name must be provided'],
  ['an engine’s own name', { Name: 'host' }, 'network name host is reserved: every node has a network of that name'],
  ['an unknown driver', { Name: 'n', Driver: 'weave' }, 'network driver weave is not supported: use overlay or bridge'],
  ['a taken name', { Name: 'ingress' }, 'network with name ingress already exists'],
  ['an attachable ingress', { Name: 'n', Ingress: true, Attachable: true }, 'ingress network cannot be attachable'],
  ['a bad subnet', { Name: 'n', IPAM: { Config: [{ Subnet: '10.0.0.0/33' }] } }, 'ipam configuration: invalid subnet 10.0.0.0/33'],
  ['a bad gateway', { Name: 'n', IPAM: { Config: [{ Gateway: '10.0.0' }] } }, 'ipam configuration: invalid gateway 10.0.0'],
])('a network with %s is refused', (_what, spec, message) => {
  const cluster = initialisedCluster();
  expect(() => cluster.run(createNetwork(spec))).toThrow(expect.objectContaining({ name: 'Refusal', message }));
});

test('there is one ingress network', () => {
  const cluster = initialisedCluster();
  const id = cluster.store.byName('network', 'ingress')?.ID;
  expect(() => cluster.run(createNetwork({ Name: 'second', Ingress: true }))).toThrow(`ingress network (${id}) is already present`);
});

test('addresses of both versions are accepted, and the driver is said', () => {
  const cluster = initialisedCluster();
  const Config = [
    { Subnet: '10.9.0.0/16', IPRange: '10.9.1.0/24', Gateway: '10.9.0.1' },
    { Subnet: 'fd00::/64', Gateway: 'fd00::1' },
  ];
  cluster.run(createNetwork({ Name: 'n', IPAM: { Config } }));
  expect(cluster.store.byName('network', 'n')?.Spec).toEqual({ Name: 'n', Driver: 'overlay', IPAM: { Config } });
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
