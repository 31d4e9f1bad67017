import { expect, test } from 'vitest';
import { modeOf } from '#model/object/service';
import { isActive, taskIdIn, taskName, type Task } from '#model/object/task';

const task: Task = {
  ID: 'id',
  Version: { Index: 1 },
  CreatedAt: '',
  UpdatedAt: '',
  Spec: {},
  ServiceID: 's',
  Slot: 2,
  NodeID: 'node',
  Status: { Timestamp: '', State: 'running', Message: '' },
  DesiredState: 'running',
  Shoal: { ServiceName: 'web', ServiceLabels: {}, SpecVersion: 0 },
};

test('a task is named after its slot, or its node when it has none', () => {
  expect(taskName(task)).toBe('web.2.id');
  const { Slot: _slot, ...global } = task;
  expect(taskName(global)).toBe('web.node.id');
});

test.each(['web', 'a.b', 'web.2', 'a-b_c', '1.2.3'])('the name of a task of %s ends with its id, however many dots it has', (ServiceName) => {
  const { Slot: _slot, ...global } = task;
  for (const each of [task, { ...task, Slot: 10 }, global]) expect(taskIdIn(taskName({ ...each, Shoal: { ...task.Shoal, ServiceName } }))).toBe('id');
  expect(taskIdIn('anything')).toBe('anything');
});

test('a task is active while it is wanted and has not ended', () => {
  expect(isActive(task)).toBe(true);
  expect(isActive({ ...task, DesiredState: 'complete' })).toBe(true);
  expect(isActive({ ...task, DesiredState: 'shutdown' })).toBe(false);
  expect(isActive({ ...task, Status: { ...task.Status, State: 'failed' } })).toBe(false);
});

test('a service without a mode is replicated', () => {
  const spec = { Name: 'web', TaskTemplate: {} };
  expect(modeOf(spec)).toBe('replicated');
  expect(modeOf({ ...spec, Mode: { Global: {} } })).toBe('global');
  expect(modeOf({ ...spec, Mode: { ReplicatedJob: {} } })).toBe('replicated-job');
  expect(modeOf({ ...spec, Mode: { GlobalJob: {} } })).toBe('global-job');
});
