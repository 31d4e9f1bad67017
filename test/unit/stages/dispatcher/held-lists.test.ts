import { expect, test } from 'vitest';
import { HeldLists } from '#stages/dispatcher/held-lists';

test('a list is made once for all who ask for it, until something changes', () => {
  const lists = new HeldLists();
  let made = 0;
  const make = () => (made++, []);
  expect(lists.isEmpty).toBe(true);
  const [first, second] = [lists.of('all', make), lists.of('all', make)];
  expect([second === first, made, lists.isEmpty]).toEqual([true, 1, false]);
  lists.clear();
  expect([lists.isEmpty, lists.of('all', make) === first, made]).toEqual([true, false, 2]);
});

test('those who all ask for another one leave few, and what is asked for again and again stays', () => {
  const lists = new HeldLists();
  const made: string[] = [];
  const ask = (name: string) => lists.of(name, () => (made.push(name), []));
  for (let node = 0; node < 100; node++) for (const name of ['all', `networks of ${node}`]) ask(name);
  expect(made).toHaveLength(101);
  made.length = 0;
  for (let node = 99; node >= 0; node--) ask(`networks of ${node}`);
  // Of a thousand sets of networks not a thousand lists are kept.
  expect(made.length).toBeGreaterThan(80);
});
