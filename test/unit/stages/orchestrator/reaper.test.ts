import { finish } from '#base/pace/steps';
import { expect, test } from 'vitest';
import { reapTasks } from '#stages/orchestrator/reaper';
import { create } from '#store/action';
import { changes, cluster, draft, node, service, type TaskLine } from '#test/support/drafts';

function failed(count: number): TaskLine[] {
  return Array.from({ length: count }, (_, index) => ({ id: `f${index + 1}`, slot: 1, state: 'failed' as const }));
}

const stuck: TaskLine = { id: 'stuck', slot: 1, state: 'running', desired: 'shutdown' };

test.each<[string, number, object, TaskLine[], string[]]>([
  ['the running one counts', 3, {}, [...failed(4), { slot: 1 }], ['f1: removed', 'f2: removed']],
  ['within the limit', 5, {}, [...failed(4), { slot: 1 }], []],
  ['a negative limit keeps all', -1, {}, [...failed(4), { slot: 1 }], []],
  ['a limit of 0 keeps what is there now', 0, {}, [...failed(2), { slot: 1 }], ['f1: removed', 'f2: removed']],
  ['a limit of 0 keeps the last word of a slot', 0, {}, failed(2), ['f1: removed']],
  ['counted attempts stay visible', 1, { MaxAttempts: 3 }, [...failed(4), { slot: 1 }], ['f1: removed']],
  ['what still runs is no history', 1, {}, [stuck, ...failed(1), { slot: 1 }], ['f1: removed']],
  ['what never ran is', 1, {}, [{ id: 'p', slot: 1, state: 'pending', desired: 'shutdown', node: '' }, { slot: 1 }], ['p: removed']],
  ['slots are counted apart', 1, {}, [{ slot: 1 }, { slot: 2 }], []],
  ['a removed task that ended', 5, {}, [{ slot: 1, state: 'shutdown', desired: 'remove' }], ['t1: removed']],
  ['a removed task that nobody had', 5, {}, [{ slot: 1, state: 'pending', desired: 'remove' }], ['t1: removed']],
  ['a removed task that still runs', 5, {}, [{ slot: 1, desired: 'remove' }], []],
  ['a removed task on a node that is gone', 5, {}, [{ slot: 1, desired: 'remove', node: 'n9' }], ['t1: removed']],
])('%s', (_name, limit, RestartPolicy, lines, expected) => {
  const situation = draft(service({ TaskTemplate: { RestartPolicy } }), lines, [node('n1')], [create('cluster', cluster(limit))]);
  finish(reapTasks(situation));
  expect(changes(situation)).toEqual(expected);
});

test('completed tasks of a job are its result and stay', () => {
  const done = { state: 'complete' as const, desired: 'complete' as const };
  const situation = draft(
    service({ Mode: { ReplicatedJob: {} } }),
    [
      { ...done, id: 'a' },
      { ...done, id: 'b' },
    ],
    [node('n1')],
    [create('cluster', cluster(1))],
  );
  finish(reapTasks(situation));
  expect(changes(situation)).toEqual([]);
});

test('of the runs of a job before, the last ones stay', () => {
  const done = { slot: 1, state: 'complete' as const, desired: 'complete' as const };
  const lines = ['a', 'b', 'c'].map((id, Index) => ({ ...done, id, JobIteration: { Index } }));
  const JobStatus = { JobIteration: { Index: 2 }, LastExecution: '' };
  const situation = draft(service({ Mode: { ReplicatedJob: {} } }, { JobStatus }), lines, [node('n1')], [create('cluster', cluster(2))]);
  finish(reapTasks(situation));
  expect(changes(situation)).toEqual(['a: removed']);
});

test('a service with many slots keeps a bounded history: the newest of all, and the last word of each slot', () => {
  const lines = Array.from({ length: 3000 }, (_, index): TaskLine => ({ id: `f${index}`, slot: (index % 600) + 1, state: 'failed' }));
  const situation = draft(service(), [...lines, { id: 'alone', slot: 601, state: 'failed' }], [node('n1')], [create('cluster', cluster(5))]);
  finish(reapTasks(situation));
  expect(situation.tasks()).toHaveLength(1000 + 601);
  expect(situation.slots()).toHaveLength(601);
  expect(situation.task('f0')).toBeUndefined();
  expect(situation.task('f2999')).toBeDefined();
  expect(situation.task('alone')).toBeDefined();
});
