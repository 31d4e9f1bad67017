import { expect, test } from 'vitest';
import { addressPools, instanceOf } from '#node/state/instance';

test('the usual place has no mark and Swarm’s default pool', () => {
  expect([instanceOf('/var/lib/shoal'), addressPools('')]).toEqual(['', []]);
});

test('another place has a mark and a pool of its own, always the same', () => {
  const marks = ['/a', '/b', '/var/lib/shoal2'].map(instanceOf);
  expect(new Set(marks).size).toBe(3);
  expect(marks).toEqual(['/a', '/b', '/var/lib/shoal2'].map(instanceOf));
  const pools = marks.map((mark) => addressPools(mark)[0]);
  expect(new Set(pools).size).toBe(3);
});

test.each([
  ['000000', '10.0.64.0/18'],
  ['00000f', '10.4.0.0/18'],
  // 1023 blocks come round.
  ['0003ff', '10.0.64.0/18'],
  ['0003fe', '10.255.192.0/18'],
])('%s begins at %s and goes on in the whole pool', (mark, pool) => {
  expect(addressPools(mark)).toEqual([pool, '10.0.0.0/8']);
});
