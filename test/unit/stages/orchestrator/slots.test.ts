import { expect, test } from 'vitest';
import { slotsOf } from '#stages/orchestrator/slots';
import { task } from '#test/support/drafts';

test('slots come by number, their tasks as they were made, whatever the clock said', () => {
  const tasks = [
    task({ slot: 10, id: 'a', CreatedAt: '2026-01-01' }),
    task({ slot: 2, id: 'b' }),
    task({ slot: 2, id: 'c', CreatedAt: '2026-01-02' }),
    task({ slot: 2, id: 'd', CreatedAt: '2026-01-01' }),
    task({ id: 'e' }),
  ];
  const slots = slotsOf(tasks, false).map((slot) => [slot.key, slot.tasks.map((one) => one.ID).join('')]);
  expect(slots).toEqual([
    ['0', 'e'],
    ['2', 'bcd'],
    ['10', 'a'],
  ]);
});

test('global services have a slot per node', () => {
  const tasks = [task({ id: 'a', node: 'n2' }), task({ id: 'b', node: 'n1' })];
  expect(slotsOf(tasks, true).map((slot) => slot.key)).toEqual(['n1', 'n2']);
});
