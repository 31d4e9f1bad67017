import { expect, test } from 'vitest';
import { addressNumber, addressText, hostsOf, isHostAddress, overlaps, parseSubnet, subnetText } from '#model/ipv4';

test.each([
  ['10.0.0.0/24', '10.0.0.0/24', '10.0.0.1', '10.0.0.254'],
  ['10.1.2.3/16', '10.1.0.0/16', '10.1.0.1', '10.1.255.254'],
  ['192.0.2.4/31', '192.0.2.4/31', '192.0.2.4', '192.0.2.5'],
  ['255.255.255.255/32', '255.255.255.255/32', '255.255.255.255', '255.255.255.255'],
  ['0.0.0.0/0', '0.0.0.0/0', '0.0.0.1', '255.255.255.254'],
])('%s is the subnet %s with hosts %s to %s', (text, canonical, first, last) => {
  const subnet = parseSubnet(text);
  expect(subnet && subnetText(subnet)).toBe(canonical);
  const hosts = subnet && hostsOf(subnet);
  expect([addressText(hosts?.first ?? 0), addressText(hosts?.last ?? 0)]).toEqual([first, last]);
});

test.each(['', 'fd00::/64', '10.0.0.0', '10.0.0.0/33', 'x/8', '10.0.0/24'])('%j is no subnet of version 4', (text) => {
  expect(parseSubnet(text)).toBeUndefined();
});

test.each([
  ['10.0.0.7', 0x0a000007],
  ['10.0.0.7/24', 0x0a000007],
  ['255.255.255.255', 0xffffffff],
  ['fd00::1', undefined],
  ['10.0.1', undefined],
  ['', undefined],
])('the number of %j is %j', (text, number) => {
  expect(addressNumber(text)).toBe(number);
});

test('ranges overlap when they share one address', () => {
  expect(overlaps({ first: 1, last: 5 }, { first: 5, last: 9 })).toBe(true);
  expect(overlaps({ first: 1, last: 5 }, { first: 6, last: 9 })).toBe(false);
  expect(overlaps({ first: 1, last: 9 }, { first: 3, last: 4 })).toBe(true);
});

test.each([
  ['192.0.2.1', true],
  ['10.0.0.255', true],
  ...['999.1.1.1', '1.2.3.256', '1.2.3', '1.2.3.4/24', '1.2.3.4\n', '01.2.3.4', '0.0.0.0', '224.0.0.1', '255.255.255.255', 'fd00::1', ''].map(
    (text): [string, boolean] => [text, false],
  ),
])('%j is the address of a host: %s', (text, is) => {
  expect(isHostAddress(text)).toBe(is);
});
