import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { advertisedAddress } from '../../../src/node/address.ts';

const at = (address: string): NetworkInterfaceInfo[] => [{ address, family: 'IPv4', internal: address.startsWith('127.'), netmask: '', mac: '', cidr: null }];
const one = { lo: at('127.0.0.1'), eth0: at('192.0.2.1'), docker0: at('172.17.0.1'), 'sh-abc': at('10.0.0.1') };

test.each([
  ['', one, '192.0.2.1'],
  ['0.0.0.0', one, '192.0.2.1'],
  ['198.51.100.7:2377', one, '198.51.100.7'],
  ['docker0', one, '172.17.0.1'],
  ['', { lo: at('127.0.0.1') }, '127.0.0.1'],
])('"%s" is advertised as %s', (asked, interfaces, address) => expect(advertisedAddress(asked, interfaces)).toBe(address));

test('a choice is left to the user, with what there is', () => {
  expect(() => advertisedAddress('', { ...one, eth1: at('203.0.113.1') })).toThrow('multiple addresses (192.0.2.1 on eth0, 203.0.113.1 on eth1)');
  expect(() => advertisedAddress('eth9', one)).toThrow('invalid advertise address "eth9"');
});
