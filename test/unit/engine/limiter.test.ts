import { expect, test } from 'vitest';
import { createLimiter } from '#engine/limiter';

test('who has much to do lets others have their turn', async () => {
  const limiter = createLimiter(2);
  const order: string[] = [];
  let active = 0;
  let most = 0;
  const work = (name: string) => async (): Promise<void> => {
    most = Math.max(most, ++active);
    await Promise.resolve();
    order.push(name);
    active--;
  };
  const many = Array.from({ length: 100 }, (_, index) => limiter.run(work(`many ${index}`), 'many'));
  const few = [limiter.run(work('few 0'), 'few'), limiter.run(work('few 1'), 'few')];
  await Promise.all([...many, ...few]);
  expect(most).toBe(2);
  expect(order).toHaveLength(102);
  expect(order.indexOf('few 0')).toBeLessThan(6);
  expect(order.indexOf('few 1')).toBeLessThan(8);
  expect(order.filter((name) => name.startsWith('many'))).toEqual(many.map((_, index) => `many ${index}`));
});

test('work that fails leaves its place to the next', async () => {
  const limiter = createLimiter(1);
  const failing = limiter.run(() => Promise.reject(new Error('no')), 'a');
  const next = limiter.run(() => Promise.resolve('yes'), 'b');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});
