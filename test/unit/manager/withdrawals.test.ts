import { expect, test } from 'vitest';
import { Withdrawals } from '#manager/line/withdrawals';
import { settle } from '#test/support/virtual-clock';

test('who asks for the same while somebody waits for it shares one wait that begins afterwards', async () => {
  const withdrawals = new Withdrawals();
  const ends: (() => void)[] = [];
  const wait = (): Promise<void> => new Promise((resolve) => void ends.push(resolve));
  const answered: number[] = [];
  const ask = (n: number): Promise<number> => withdrawals.ask('n t', wait).then(() => answered.push(n));
  const asked = [ask(0)];
  await settle();
  for (let n = 1; n < 100; n++) asked.push(ask(n));
  const other = withdrawals.ask('n u', wait);
  await settle();
  expect([ends.length, withdrawals.size]).toEqual([2, 2]);
  ends[0]?.();
  await settle();
  expect([answered, ends.length]).toEqual([[0], 3]);
  for (const end of ends) end();
  await Promise.all([...asked, other]);
  expect([answered.length, ends.length, withdrawals.size]).toEqual([100, 3, 0]);
});
