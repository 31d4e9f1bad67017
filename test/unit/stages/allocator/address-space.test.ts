import { expect, test } from 'vitest';
import { AddressSpace, AddressSpaces } from '#stages/allocator/address-space';
import { aNetwork, aNode, aSubnet, aTask, storeOf } from '#test/support/cluster-objects';

function takeAll(space: AddressSpace): string[] {
  const taken: string[] = [];
  for (let address = space.take(); address; address = space.take()) taken.push(address);
  return taken;
}

test('addresses rise from the cursor and start again at the bottom', () => {
  const space = new AddressSpace(aSubnet('net', '10.5.0.0/29', '10.5.0.1'), 1);
  space.moveTo('10.5.0.4/29');
  expect(takeAll(space)).toEqual(['10.5.0.5/29', '10.5.0.6/29', '10.5.0.2/29', '10.5.0.3/29', '10.5.0.4/29']);
  space.giveBack('10.5.0.3/29');
  expect(takeAll(space)).toEqual(['10.5.0.3/29']);
});

test('a second subnet follows when the first is full', () => {
  const Configs = [{ Subnet: '10.5.0.0/30', Gateway: '10.5.0.2' }, { Subnet: 'fd00::/64' }, { Subnet: '10.6.0.0/30' }];
  const space = new AddressSpace(aNetwork('net', {}, { IPAMOptions: { Configs } }), 1);
  expect(takeAll(space)).toEqual(['10.5.0.1/30', '10.6.0.2/30']);
});

test('at most a quarter is kept for the gateways of many nodes', () => {
  const space = new AddressSpace(aSubnet('net', '10.5.0.0/28', '10.5.0.1'), 100);
  expect(takeAll(space)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((last) => `10.5.0.${last}/28`));
  expect([space.takeTop(), space.takeTop()]).toEqual(['10.5.0.14', '10.5.0.13']);
});

test('what tasks and nodes hold is taken; ended tasks only move the cursor', () => {
  const network = aSubnet('net', '10.5.0.0/28', '10.5.0.1');
  const attached = (address: string): object => ({ NetworksAttachments: [{ Network: network, Addresses: [address] }] });
  const store = storeOf({
    node: [aNode('n1', { Shoal: { Gateways: { net: '10.5.0.14' } } })],
    network: [network],
    task: [aTask('a', 'running', attached('10.5.0.6/28')), aTask('b', 'failed', attached('10.5.0.5/28'))],
  });
  const space = new AddressSpaces(store).of(network);
  expect([space.take(), space.take(), space.takeTop()]).toEqual(['10.5.0.7/28', '10.5.0.8/28', '10.5.0.13']);
});
