/** Networks of a stack: made, relabelled, and never changed; and its published ports. */
import { expect, test } from 'vitest';
import { deployStack } from '#control/stack/stacks';
import type { NetworkSpec } from '#model/object/network';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';
import { initialisedCluster } from '#test/support/memory-cluster';
import { serviceSpec, stackSpec } from '../specs.ts';

const byHand = { source: { Kind: 'deploy' }, prune: true } as const;

const front = (more: Partial<NetworkSpec>): StackSpec => stackSpec({ Networks: [{ Name: 'shop_front', Driver: 'overlay', ...more }], Services: [] });

test.each<[string, Partial<NetworkSpec>, Partial<NetworkSpec>, string]>([
  ['a network that is to be cut off', {}, { Internal: true }, 'internal'],
  ['one that is cut off no more', { Internal: true }, {}, 'internal'],
  ['one that strangers may join', {}, { Attachable: true }, 'attachable'],
  ['one that is to be encrypted', {}, { Options: { encrypted: 'true' } }, 'driver_opts.encrypted'],
  ['another option', { Options: { 'com.docker.network.driver.mtu': '1400' } }, { Options: { 'com.docker.network.driver.mtu': '1300' } }, 'driver_opts.com.docker.network.driver.mtu'], // prettier-ignore
  ['another subnet', { IPAM: { Config: [{ Subnet: '10.9.0.0/24' }] } }, { IPAM: { Config: [{ Subnet: '10.8.0.0/24' }] } }, 'ipam.config'],
])('%s is refused, for nothing of a network can be changed', (_what, before, after, setting) => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(front(before), byHand));
  const { entries } = cluster;
  expect(() => cluster.run(deployStack(front(after), byHand))).toThrow(
    `network shop_front is there with another ${setting}: nothing of a network can be changed`,
  );
  expect(cluster.entries).toBe(entries);
});

test('a network gets its new labels, and what the file says no more of its addresses stays', () => {
  const cluster = initialisedCluster();
  cluster.run(deployStack(front({ IPAM: { Config: [{ Subnet: '10.9.0.0/24' }] } }), byHand));
  expect(cluster.run(deployStack(front({ Labels: { team: 'a' } }), byHand)).Updated).toEqual([{ Kind: 'network', Name: 'shop_front' }]);
  expect(cluster.store.byName('network', 'shop_front')?.Spec).toMatchObject({ Labels: { team: 'a' }, IPAM: { Config: [{ Subnet: '10.9.0.0/24' }] } });
});

test('services of a stack may change places at a port, but not share one', () => {
  const cluster = initialisedCluster();
  const at = (name: string, PublishedPort: number): ServiceSpec => serviceSpec(name, { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort }] } });
  const deploy = (one: number, two: number) => cluster.run(deployStack(stackSpec({ Services: [at('shop_one', one), at('shop_two', two)] }), byHand));
  deploy(8001, 8002);
  expect(deploy(8002, 8001).Services.map(({ Change }) => Change)).toEqual(['updated', 'updated']);
  const { entries } = cluster;
  expect(() => deploy(8003, 8003)).toThrow(
    /^failed to update service shop_one: port '8003' is already in use by service 'shop_two' \(.*\) as an ingress port$/,
  );
  expect(cluster.entries).toBe(entries);
});
