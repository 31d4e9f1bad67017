import { expect, test } from 'vitest';
import { acceptStatuses } from '#stages/dispatcher/status';
import type { TaskStatus } from '#model/object/task';
import { aTask, startTime, storeOf } from '#test/support/cluster-objects';

function reported(State: TaskStatus['State'], change: Partial<TaskStatus> = {}): TaskStatus {
  return { Timestamp: '2026-01-01T00:00:09.000Z', State, Message: '', ...change };
}

function accept(known: TaskStatus['State'], ...statuses: TaskStatus[]): (TaskStatus | undefined)[] {
  const store = storeOf({ task: [aTask('t', known, { NodeID: 'n1' })] });
  const updates = statuses.map((status) => ({ taskId: 't', status }));
  return acceptStatuses(store, 'n1', updates, startTime + 5).map((action) =>
    action.type === 'update' && action.kind === 'task' ? action.object.Status : undefined,
  );
}

test.each<[string, TaskStatus['State'], TaskStatus, boolean]>([
  ['a later state', 'assigned', reported('running'), true],
  ['a lower state', 'running', reported('starting'), false],
  ['the same again', 'running', reported('running'), false],
  ['the same state with a reason', 'preparing', reported('preparing', { Err: 'no such host' }), true],
  ['the same state with the chosen ports', 'running', reported('running', { PortStatus: { Ports: [{ TargetPort: 80, PublishedPort: 32768 }] } }), true],
  ['another story of the same end', 'failed', reported('failed', { Err: 'other' }), false],
  ['a shutdown after a failure', 'failed', reported('shutdown'), false],
])('%s', (_, known, status, accepted) => {
  expect(accept(known, status)).toEqual(accepted ? [{ ...status, Shoal: { AppliedAt: startTime + 5 } }] : []);
});

test('several reports of a task become one write of the furthest', () => {
  expect(accept('assigned', reported('accepted'), reported('running', { Message: 'started' }), reported('starting'))).toMatchObject([
    { State: 'running', Message: 'started' },
  ]);
});

test('unknown and foreign tasks are passed over', () => {
  const store = storeOf({ task: [aTask('mine', 'ready', { NodeID: 'n1' }), aTask('foreign', 'ready', { NodeID: 'n2' })] });
  const updates = ['gone', 'foreign', 'mine'].map((taskId) => ({ taskId, status: reported('running') }));
  expect(acceptStatuses(store, 'n1', updates, startTime)).toMatchObject([{ type: 'update', object: { ID: 'mine' } }]);
});
