import { expect, test } from 'vitest';
import { serviceStatus } from '#api/view/service-status';
import type { Service } from '#model/object/service';
import type { ServiceMode } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import type { TaskState } from '#model/object/task-state';

function service(mode: ServiceMode | undefined, iteration?: number): Service {
  return { Spec: { Mode: mode }, ...(iteration !== undefined && { JobStatus: { JobIteration: { Index: iteration } } }) } as Service;
}

function task(State: TaskState, DesiredState: TaskState, iteration?: number): Task {
  return { Status: { State }, DesiredState, ...(iteration !== undefined && { JobIteration: { Index: iteration } }) } as Task;
}

const tasks = [task('running', 'running'), task('running', 'shutdown'), task('failed', 'shutdown'), task('pending', 'running')];

test('replicated: desired is what the spec says', () => {
  expect(serviceStatus(service({ Replicated: { Replicas: 5 } }), tasks)).toEqual({ RunningTasks: 2, DesiredTasks: 5, CompletedTasks: 0 });
});

test('global: desired is the number of tasks that shall run', () => {
  expect(serviceStatus(service({ Global: {} }), tasks)).toEqual({ RunningTasks: 2, DesiredTasks: 2, CompletedTasks: 0 });
});

test('jobs: only the present run counts', () => {
  const runs = [task('complete', 'complete', 1), task('complete', 'complete', 2), task('running', 'complete', 2)];
  expect(serviceStatus(service({ ReplicatedJob: { MaxConcurrent: 2, TotalCompletions: 9 } }, 2), runs)).toEqual({
    RunningTasks: 1,
    DesiredTasks: 2,
    CompletedTasks: 1,
  });
  expect(serviceStatus(service({ GlobalJob: {} }, 2), runs)).toEqual({ RunningTasks: 1, DesiredTasks: 1, CompletedTasks: 1 });
});
