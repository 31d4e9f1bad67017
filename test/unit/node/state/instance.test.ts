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
  ['000000', '10.0.16.0/20'],
  ['00000f', '10.1.0.0/20'],
  // 4095 blocks come round.
  ['000fff', '10.0.16.0/20'],
  ['000ffe', '10.255.240.0/20'],
])('%s begins at %s and goes on in the whole pool', (mark, pool) => {
  expect(addressPools(mark)).toEqual([pool, '10.0.0.0/8']);
});
