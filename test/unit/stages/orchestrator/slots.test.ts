import { expect, test } from 'vitest';
import { SlotBook } from '#stages/orchestrator/slots';
import type { Task } from '#model/object/task';
import { task } from '#test/support/drafts';

function slots(tasks: readonly Task[], byNode: boolean) {
  const book = new SlotBook(byNode);
  for (const each of tasks) book.put(each, undefined);
  return book.all();
}

test('slots come by number, their tasks as they were made, whatever the clock said', () => {
  const tasks = [
    task({ slot: 10, id: 'a', CreatedAt: '2026-01-01' }),
    task({ slot: 2, id: 'b' }),
    task({ slot: 2, id: 'c', CreatedAt: '2026-01-02' }),
    task({ slot: 2, id: 'd', CreatedAt: '2026-01-01' }),
    task({ id: 'e' }),
  ];
  const found = slots(tasks, false).map((slot) => [slot.key, slot.tasks.map((one) => one.ID).join('')]);
  expect(found).toEqual([
    ['0', 'e'],
    ['2', 'bcd'],
    ['10', 'a'],
  ]);
});

test('global services have a slot per node', () => {
  const tasks = [task({ id: 'a', node: 'n2' }), task({ id: 'b', node: 'n1' })];
  expect(slots(tasks, true).map((slot) => slot.key)).toEqual(['n1', 'n2']);
});

test('a list of slots does not follow changes, the next one does', () => {
  const book = new SlotBook(false);
  const [first, second] = [task({ slot: 1, id: 'a' }), task({ slot: 2, id: 'b' })];
  for (const each of [second, first]) book.put(each, undefined);
  const before = book.all();
  book.put({ ...first, DesiredState: 'shutdown' }, first);
  book.drop(second);
  expect(before.map(({ key, tasks }) => [key, tasks[0]?.DesiredState])).toEqual([
    ['1', 'running'],
    ['2', 'running'],
  ]);
  expect(book.all().map(({ key, tasks }) => [key, tasks[0]?.DesiredState])).toEqual([['1', 'shutdown']]);
});
