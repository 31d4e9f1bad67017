import { finish } from '#base/pace/steps';
import { expect, test } from 'vitest';
import { openGates } from '#stages/orchestrator/update/gate';
import { draft, node, now, service, type TaskLine } from '#test/support/drafts';

const old: TaskLine = { id: 'old', slot: 1, desired: 'shutdown' };
const fenced: TaskLine = { ...old, node: 'down', Shoal: { ServiceLabels: { 'shoal.fence': '5s' } } };
const afterOld = { StartAfterTasks: { IDs: ['old'], Until: now + 60_000 } };

test.each<[string, TaskLine[], TaskLine['Shoal'], string, number | undefined]>([
  ['the delay runs', [], { StartAfter: now + 5 }, 'ready', now + 5],
  ['the delay is over', [], { StartAfter: now }, 'running', undefined],
  ['the delay comes before the wait', [old], { StartAfter: now + 5, ...afterOld }, 'ready', now + 5],
  ['the old one runs', [old], { StartAfter: now, ...afterOld }, 'ready', now + 60_000],
  ['the old one has stopped', [{ ...old, state: 'shutdown' }], afterOld, 'running', undefined],
  ['the old one is deleted', [], afterOld, 'running', undefined],
  ['the old one never ran', [{ ...old, state: 'pending' }], afterOld, 'running', undefined],
  ['the old one is on a dead node', [{ ...old, node: 'down' }], afterOld, 'running', undefined],
  // 5 s of grace, 10 s to stop and 2 s more, of which a node that is found down has been silent for 3.
  ['the old one must not run twice, and its node was just found down', [fenced], afterOld, 'ready', now + 14_000],
  ['the old one must not run twice, and its node has been down for a while', [{ ...fenced, node: 'longdown' }], afterOld, 'running', undefined],
  ['the old one must not run twice, and its node left', [{ ...fenced, node: 'gone' }], afterOld, 'running', undefined],
  ['the old one is on a node that left', [{ ...old, node: 'gone' }], afterOld, 'running', undefined],
  ['the wait is over', [old], { StartAfterTasks: { IDs: ['old'], Until: now } }, 'running', undefined],
  ['nothing to wait for', [], {}, 'running', undefined],
])('%s', (_name, others, Shoal, desired, wakeAt) => {
  const situation = draft(
    service(),
    [...others, { id: 'new', slot: 1, state: 'ready', desired: 'ready', ...(Shoal && { Shoal }) }],
    [node('n1'), node('down', {}, 'down'), { ...node('longdown', {}, 'down'), Shoal: { DownSince: now - 14_000 } }],
  );
  finish(openGates(situation));
  const task = situation.task('new');
  expect(task?.DesiredState).toBe(desired);
  expect(situation.wakeAt).toBe(wakeAt);
  if (desired === 'running') expect(task?.Shoal).not.toHaveProperty('StartAfter');
});

test('a job task is to complete', () => {
  const situation = draft(service({ Mode: { ReplicatedJob: {} } }), [{ id: 'new', state: 'ready', desired: 'ready' }]);
  finish(openGates(situation));
  expect(situation.task('new')?.DesiredState).toBe('complete');
});
