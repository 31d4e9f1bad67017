import { expect, test } from 'vitest';
import { Writes } from '#replica/group/writes';

test('a disk that does not answer is found out while this process runs', () => {
  const writes = new Writes(50);
  expect(writes.look(1000)).toBe(0);
  writes.begin(1020);
  writes.begin(1040);
  // Looks come a little late on any machine.
  expect([1050, 1110, 1200].map((now) => writes.look(now))).toEqual([30, 90, 180]);
  writes.done();
  expect(writes.look(1250)).toBe(210);
  writes.done();
  expect(writes.look(1300)).toBe(0);
});

test('that this process did not run is not laid to its disk', () => {
  const writes = new Writes(50);
  writes.look(1000);
  writes.begin(1010);
  expect(writes.look(2000)).toBe(40);
  expect(writes.look(2050)).toBe(90);
  // One that began late in that time waits from then on.
  writes.begin(2990);
  expect(writes.look(3000)).toBe(140);
  writes.done();
  expect(writes.look(3050)).toBe(50);
});
