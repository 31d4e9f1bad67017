import { expect, test } from 'vitest';
import { Retries } from '#base/pace/retries';
import { VirtualClock } from '../../../support/virtual-clock.ts';

const times = { firstMs: 100, slowestMs: 350 };

test('each thing is tried again after twice as long as before, up to the slowest', async () => {
  const clock = new VirtualClock();
  const retries = new Retries(times, clock);
  expect([retries.isDue('a'), retries.delayMs('a'), retries.nextMs()]).toEqual([true, undefined, undefined]);
  for (const [count, delayMs] of [
    [1, 100],
    [2, 200],
    [3, 350],
    [4, 350],
  ]) {
    expect(retries.failed('a')).toBe(count);
    expect([retries.isDue('a'), retries.delayMs('a'), retries.nextMs()]).toEqual([false, delayMs, delayMs]);
    await clock.advance((delayMs ?? 0) - 1);
    expect([retries.isDue('a'), retries.nextMs()]).toEqual([false, 1]);
    await clock.advance(1);
    expect([retries.isDue('a'), retries.nextMs()]).toEqual([true, 0]);
  }
  expect(retries.isDue('b')).toBe(true);
});

test('what went well, or is gone, begins anew, and the first of all that wait says when to look', async () => {
  const clock = new VirtualClock();
  const retries = new Retries(times, clock);
  for (const what of ['a', 'a', 'a', 'b', 'b', 'c']) retries.failed(what);
  expect(retries.nextMs()).toBe(100);
  retries.forget('c');
  expect(retries.nextMs()).toBe(200);
  retries.keep((what) => what === 'a');
  expect(retries.nextMs()).toBe(350);
  expect(retries.failed('b')).toBe(1);
});

test('after a calm a failure is the first again', async () => {
  const clock = new VirtualClock();
  const retries = new Retries({ ...times, calmMs: 700 }, clock);
  retries.failed('a');
  retries.failed('a');
  await clock.advance(700);
  expect(retries.delayMs('a')).toBe(200);
  await clock.advance(1);
  expect(retries.delayMs('a')).toBeUndefined();
  expect(retries.failed('a')).toBe(1);
});
