import { expect, test } from 'vitest';
import { resolversOf } from '#network/resolvers';

test('three servers at most, none of our own, comments left out', () => {
  const text =
    '# nameserver 9.9.9.9\nsearch example.org\nnameserver 10.0.0.1\n nameserver\t192.0.2.1\nnameserver 2001:db8::1\nnameserver 192.0.2.2 # x\nnameserver 192.0.2.3\n';
  expect(resolversOf(text, new Set(['10.0.0.1']))).toEqual(['192.0.2.1', '2001:db8::1', '192.0.2.2']);
  expect(resolversOf('', new Set())).toEqual([]);
});
