/** Certificates are made one after the other, and not too many wait. */
import { expect, test } from 'vitest';
import { longestLine, signingLine } from '#manager/authority/signing-line';

test('one work at a time; one that fails holds nobody up; who comes too late is told so', async () => {
  const line = signingLine();
  let release = (): void => undefined;
  const held = line.alone(() => new Promise<void>((resolve) => (release = resolve)));
  let under = 0;
  const works = Array.from({ length: longestLine - 1 }, (_, number) =>
    line.alone(async () => {
      expect(++under).toBe(1);
      await Promise.resolve();
      under--;
      if (number % 2 === 0) throw new Error('no request');
      return number;
    }),
  );
  await expect(line.alone(async () => 'late')).rejects.toThrow('too many nodes');
  release();
  await held;
  const done = await Promise.allSettled(works);
  expect(done.filter(({ status }) => status === 'fulfilled')).toHaveLength(Math.floor((longestLine - 1) / 2));
  expect(await line.alone(async () => 'next')).toBe('next');
});
