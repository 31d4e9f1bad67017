import { expect, test } from 'vitest';
import { Coalescer } from '#base/pace/coalescer';

test('one at a time, the newest of those that wait', async () => {
  const seen: number[] = [];
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const coalescer = new Coalescer<number>(async (value) => {
    seen.push(value);
    if (value === 1) await gate;
  });
  const first = coalescer.submit(1);
  await Promise.resolve();
  const others = [2, 3, 4].map((value) => coalescer.submit(value));
  release();
  await Promise.all([first, ...others]);
  expect(seen).toEqual([1, 4]);
});

test('a failure reaches its own waiters only', async () => {
  const coalescer = new Coalescer<number>(async (value) => {
    if (value === 1) throw new Error('no');
  });
  const first = coalescer.submit(1);
  await expect(first).rejects.toThrow('no');
  await coalescer.submit(2);
  await coalescer.idle();
});
