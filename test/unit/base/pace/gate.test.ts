import { expect, test } from 'vitest';
import { Gate } from '#base/pace/gate';

/** Turns that are taken when the test says so. */
function turns() {
  const soon: (() => void)[] = [];
  return {
    soon: (run: () => void) => void soon.push(run),
    next: async () => {
      for (const run of soon.splice(0)) run();
      await Promise.resolve();
      await Promise.resolve();
    },
    get waiting() {
      return soon.length;
    },
  };
}

test('many who ask together pass in their order, some in each turn, and then the gate is as it was', async () => {
  const clock = turns();
  const gate = new Gate(clock, 3);
  const passed: number[] = [];
  const ask = (number: number): void => void gate.pass().then(() => passed.push(number));
  for (let number = 1; number <= 7; number++) ask(number);
  await Promise.resolve();
  expect(passed).toEqual([1, 2, 3]);
  await clock.next();
  expect(passed).toEqual([1, 2, 3, 4, 5, 6]);
  // Who comes later goes behind those who wait.
  ask(8);
  await clock.next();
  expect(passed).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  await clock.next();
  expect(clock.waiting).toBe(0);
  ask(9);
  await Promise.resolve();
  expect(passed.at(-1)).toBe(9);
});
