import { expect, test } from 'vitest';
import { modeOf } from '#model/object/service';
import { isActive, taskName, type Task } from '#model/object/task';

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
