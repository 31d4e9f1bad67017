/** From a cluster network to the engine's create request. */
import { expect, test } from 'vitest';
import { bridgeName, networkRequest } from '#engine/docker-networks';
import { makeNetwork } from '#test/support/worker';

test('a bridge of ours with subnet, gateway, labels, and only those options that a bridge knows', () => {
  const network = makeNetwork('abcdefghijklmnopqrstuvwxy', 'web_default', '10.0.1.0/24');
  const Options = { encrypted: '', 'com.docker.network.driver.mtu': '1400' };
  const spec = { ...network.Spec, Options, Labels: { 'com.docker.stack.namespace': 'web' }, Internal: true };
  expect(networkRequest({ ...network, Spec: spec }, '10.0.1.254', 'web_default', 'node1')).toEqual({
    Name: 'web_default',
    Driver: 'bridge',
    Internal: true,
    IPAM: { Driver: 'default', Config: [{ Subnet: '10.0.1.0/24', Gateway: '10.0.1.254' }] },
    Options: { 'com.docker.network.driver.mtu': '1400', 'com.docker.network.bridge.name': 'sh-abcdefghijk' },
    Labels: { 'com.docker.stack.namespace': 'web', 'shoal.network.id': network.ID, 'com.docker.swarm.node.id': 'node1' },
  });
});

test('the name of a bridge fits the kernel', () => {
  expect(bridgeName('abcdefghijklmnopqrstuvwxy').length).toBeLessThanOrEqual(15);
});
