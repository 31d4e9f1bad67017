import { expect, test } from 'vitest';
import { RenderTurns } from '../../../src/gitops/render-turns.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('one that asks again and again has its turns with the others, and who asks about a commit comes after those who follow one', async () => {
  const turns = new RenderTurns();
  const said: string[] = [];
  const ends: (() => void)[] = [];
  const ask = (repository: string, word: string, followed = true): Promise<void> =>
    turns.take(repository, followed, () => {
      said.push(word);
      return new Promise((end) => ends.push(end));
    });
  const all = ['a1', 'a2', 'a3'].map((word) => ask('a', word));
  all.push(ask('b', 'b asks', false), ask('b', 'b1'), ask('c', 'c1'), ask('a', 'a asks', false), ask('c', 'c2'));
  for (let at = 0; at < all.length; at++) {
    await settle();
    expect(said.length).toBe(at + 1);
    ends[at]?.();
  }
  await Promise.all(all);
  expect(said).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3', 'b asks', 'a asks']);
});

test('a turn ends also with an error', async () => {
  const turns = new RenderTurns();
  await expect(turns.take('a', true, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await turns.take('b', true, async () => 'well')).toBe('well');
});
