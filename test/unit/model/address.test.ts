import { expect, test } from 'vitest';
import { parseAddress, parsePrefix, prefixHolds } from '#model/address';

test.each([
  ['1.2.3.4', 0xffff01020304n],
  ['::ffff:1.2.3.4', 0xffff01020304n],
  ['::', 0n],
  ['::1', 1n],
  ['1::', 1n << 112n],
  ['1:2:3:4:5:6:7:8', 0x00010002000300040005000600070008n],
  ['1:2:3:4:5:6:1.2.3.4', 0x00010002000300040005000601020304n],
  ['1.2.3', undefined],
  ['01.2.3.4', undefined],
  ['1.2.3.256', undefined],
  ['1:2:3:4:5:6:7', undefined],
  ['1:2:3:4:5:6:7:8:9', undefined],
  ['1::2::3', undefined],
  ['1.2.3.4::', undefined],
  ['fe80::1%eth0', undefined],
  ['12345::', undefined],
  ['', undefined],
])('address %s', (text, bits) => {
  expect(parseAddress(text)).toBe(bits);
});

test.each([
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.1.2.3/8', '10.9.9.9', true],
  ['0.0.0.0/0', '8.8.8.8', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['2001:db8::/32', '2001:db8:ffff::1', true],
  ['2001:db8::/32', '2001:db9::1', false],
])('%s holds %s: %s', (prefixText, addressText, expected) => {
  const prefix = parsePrefix(prefixText);
  const address = parseAddress(addressText);
  expect(prefix && address !== undefined && prefixHolds(prefix, address)).toBe(expected);
});

test.each(['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0/8', '/8', '10.0.0.0/-1'])('%s is no prefix', (text) => {
  expect(parsePrefix(text)).toBeUndefined();
});
