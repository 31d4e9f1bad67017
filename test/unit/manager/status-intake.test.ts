import { expect, test } from 'vitest';
import type { UseCase } from '#control/cluster';
import { StatusIntake } from '#manager/status-intake';
import type { TaskStatusUpdate } from '#model/object/assignment';
import type { Action } from '#store/action';
import { aTask, contextAt, storeOf } from '#test/support/cluster-objects';

const count = 1000;
const status = { Timestamp: '2026-01-01T00:00:00Z', State: 'running', Message: 'started' } as const;

function running(from: number, to: number): TaskStatusUpdate[] {
  return Array.from({ length: to - from }, (_, n) => ({ taskId: `t${from + n}`, status }));
}

/** A manager that keeps what each entry writes; `decisions` is how often it decides on a use case before it writes. */
function intakeOf(decisions = 1) {
  const store = storeOf({ task: Array.from({ length: count }, (_, n) => aTask(`t${n}`, 'assigned', { NodeID: n < count / 2 ? 'n1' : 'n2' })) });
  const entries: (readonly Action[])[] = [];
  const intake = new StatusIntake(async <R>(useCase: UseCase<R>) => {
    let outcome = useCase(store, contextAt());
    for (let again = 1; again < decisions; again++) outcome = useCase(store, contextAt());
    entries.push(outcome.actions);
    store.apply(store.index + 1, { actions: outcome.actions, now: 0 });
    return outcome.result;
  });
  return { store, entries, intake };
}

const runs = (store: ReturnType<typeof intakeOf>['store']): number => [...store.list('task')].filter((task) => task.Status.State === 'running').length;

test('what whole nodes report at once goes into entries of bounded size, none of it lost', async () => {
  const { store, entries, intake } = intakeOf();
  await Promise.all([intake.report('n1', running(0, count / 2)), intake.report('n2', running(count / 2, count))]);
  expect(runs(store)).toBe(count);
  expect(Math.max(...entries.map((actions) => actions.length))).toBeLessThanOrEqual(200);
});

test('reports that are decided on twice, since another request of the entry writes the same task, are written all the same', async () => {
  const { store, intake } = intakeOf(2);
  await intake.report('n1', running(0, 10));
  expect(runs(store)).toBe(10);
});

test('small reports of many nodes share an entry', async () => {
  const { entries, intake } = intakeOf();
  await Promise.all([intake.report('n1', running(0, 20)), intake.report('n2', running(600, 620))]);
  expect(entries.map((actions) => actions.length)).toEqual([40]);
});

test("what waits of one node has a bound, which is not the others'", async () => {
  const { store, intake } = intakeOf();
  const many = Array.from({ length: 5 }, () => running(0, count)).flat();
  const waiting = [intake.report('n1', many)];
  await expect(intake.report('n1', running(0, 1))).rejects.toMatchObject({ code: 'unavailable', facts: { reason: 'busy' } });
  waiting.push(intake.report('n2', running(count / 2, count)));
  await Promise.all(waiting);
  await intake.report('n1', running(0, 1));
  expect(runs(store)).toBe(count);
});
