import { expect, test } from 'vitest';
import { Answers } from '#store/answers';

const limits = { count: 3, ageMs: 1000, bytes: 400 };
const ids = (answers: Answers): string[] => answers.all().map(({ id }) => id);

test('an answer is found by its id until more recent ones have taken its place', () => {
  const answers = new Answers(limits);
  for (const id of ['a', 'b', 'c']) answers.add([{ id, result: { ID: id } }], 10);
  expect(answers.find('a')).toEqual({ id: 'a', result: { ID: 'a' }, at: 10 });
  const { added, forgotten } = answers.add([{ id: 'd' }], 20);
  expect([added.map(({ id }) => id), forgotten.map(({ id }) => id)]).toEqual([['d'], ['a']]);
  expect(answers.find('a')).toBeUndefined();
  expect(ids(answers)).toEqual(['b', 'c', 'd']);
});

test('answers are forgotten by the times that leaders wrote, and when their results take too much', () => {
  const answers = new Answers(limits);
  answers.add([{ id: 'a' }], 0);
  answers.add([{ id: 'b' }], 1500);
  expect(ids(answers)).toEqual(['b']);
  answers.add([{ id: 'c', result: 'x'.repeat(390) }], 1500);
  expect(ids(answers)).toEqual([]);
});

test('a restored table forgets as the original does', () => {
  const answers = new Answers(limits);
  for (const id of ['a', 'b', 'c']) answers.add([{ id }], 10);
  const copy = new Answers(limits);
  copy.restore(answers.all());
  for (const each of [answers, copy]) each.add([{ id: 'd' }, { id: 'b' }], 20);
  expect(copy.all()).toEqual(answers.all());
});
