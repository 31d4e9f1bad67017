import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { advertisedAddress, checkDataPathAddress, checkListenAddress, joiningPlaceOf } from '../../../../src/node/place/address.ts';

const at = (address: string): NetworkInterfaceInfo[] => [{ address, family: 'IPv4', internal: address.startsWith('127.'), netmask: '', mac: '', cidr: null }];
const one = { lo: at('127.0.0.1'), eth0: at('192.0.2.1'), docker0: at('172.17.0.1'), 'sh-abc': at('10.0.0.1') };

test.each([
  ['', one, '192.0.2.1'],
  ['198.51.100.7:2377', one, '198.51.100.7'],
  ['docker0', one, '172.17.0.1'],
  ['lo', one, '127.0.0.1'],
  ['', { lo: at('127.0.0.1') }, '127.0.0.1'],
])('"%s" is advertised as %s', (asked, interfaces, address) => expect(advertisedAddress(asked, interfaces)).toBe(address));

test('a choice is left to the user, with what there is', () => {
  expect(() => advertisedAddress('', { ...one, eth1: at('203.0.113.1') })).toThrow('multiple addresses (192.0.2.1 on eth0, 203.0.113.1 on eth1)');
  expect(() => advertisedAddress('eth9', one)).toThrow('advertise address must be a non-zero IP address or network interface (with optional port number)');
});

test('no address at all is none to advertise, nor to carry traffic on', () => {
  for (const zero of ['0.0.0.0', '0.0.0.0:2377', '::', '[::]:2377']) {
    expect(() => advertisedAddress(zero, one), zero).toThrow('advertise address must be a non-zero IP address or network interface');
  }
  for (const zero of ['0.0.0.0', '::']) expect(() => checkDataPathAddress(zero, one)).toThrow('data path address must be a non-zero IP address');
  expect(() => advertisedAddress('999.1.1.1', one)).toThrow('advertise address must be a non-zero IP address');
});

test("what is not this host's cannot be listened on, nor carry traffic", () => {
  for (const own of ['', '0.0.0.0:2377', '[::]:2377', '127.0.0.1:7777', '192.0.2.1', 'eth0', 'eth0:2377']) {
    expect(() => checkListenAddress(own, one), own).not.toThrow();
  }
  for (const own of ['', '192.0.2.1', 'docker0', '127.0.0.1']) expect(() => checkDataPathAddress(own, one), own).not.toThrow();
  for (const none of ['eth9', 'bad:2377', '999.1.1.1', 'constructor:2377', '__proto__']) {
    expect(() => advertisedAddress(none, one), none).toThrow('advertise address must be a non-zero IP address');
    expect(() => checkDataPathAddress(none, one), none).toThrow('data path address must be a non-zero IP address');
    expect(() => checkListenAddress(none, one), none).toThrow('listen address must be an IP address or network interface (with optional port number)');
  }
  expect(() => checkListenAddress('0.0.0.0:99999', one)).toThrow('listen tcp: address 99999: invalid port');
  expect(() => checkListenAddress('198.51.100.7:2377', one)).toThrow('listen tcp 198.51.100.7:2377: bind: cannot assign requested address');
  for (const foreign of ['198.51.100.7', 'eth9', '192.0.2.1:4789']) expect(() => checkDataPathAddress(foreign, one), foreign).toThrow('data path address');
});

test.each([[[]], [['']], [[':2377']], [['192.0.2.1:2377', ' ']]])('by %j nobody joins: that is told at once', async (remotes) => {
  await expect(joiningPlaceOf({ AdvertiseAddr: '127.0.0.1' }, remotes)).rejects.toMatchObject({
    code: 'invalidArgument',
    message: 'at least 1 RemoteAddr is required to join',
  });
});
