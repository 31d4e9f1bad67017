import { expect, test } from 'vitest';
import type { Node } from '#model/node';
import type { Service } from '#model/service';
import type { Task } from '#model/task';
import type { TaskState } from '#model/task-state';
import { failuresSince, judge, type Memory } from '../../../../src/cli/progress/verdict.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number): string => new Date(start + seconds * 1000).toISOString();
const node = { ID: 'n1', Status: { State: 'ready', Addr: '' } } as Node;
const service = (more: Partial<Service> = {}): Service =>
  ({ ID: 's', Spec: { Name: 'web', TaskTemplate: {}, Mode: { Replicated: { Replicas: 2 } } }, Shoal: { SpecVersion: 1 }, ...more }) as Service;

let count = 0;
function task(slot: number, state: TaskState, more: Partial<Task> = {}, err?: string): Task {
  count += 1;
  const Status = { Timestamp: at(0), State: state, Message: '', ...(err !== undefined && { Err: err }) };
  return { ID: `t${count}`, ServiceID: 's', Slot: slot, NodeID: 'n1', DesiredState: 'running', CreatedAt: at(1), Status, ...more } as Task;
}
const failed = (slot: number, err = 'task: non-zero exit (1)'): Task => task(slot, 'failed', { DesiredState: 'shutdown' }, err);
const memory = (): Memory => ({ startedAt: start });
const verdict = (subject: Service, tasks: readonly Task[], remember = memory(), now = start): string =>
  judge(subject, tasks, [node], remember, now).verdict.state;

test('waits while tasks start, verifies when all run, converges after the monitor time', () => {
  const remember = memory();
  expect(verdict(service(), [task(1, 'running'), task(2, 'starting')], remember)).toBe('waiting');
  const both = [task(1, 'running'), task(2, 'running')];
  expect(verdict(service(), both, remember, start + 1000)).toBe('verifying');
  expect(verdict(service(), both, remember, start + 5999)).toBe('verifying');
  expect(verdict(service(), both, remember, start + 6000)).toBe('converged');
});

test('a task that breaks while verified starts the clock again', () => {
  const remember = memory();
  const both = [task(1, 'running'), task(2, 'running')];
  verdict(service(), both, remember, start);
  expect(verdict(service(), [task(1, 'running'), failed(2), task(2, 'ready')], remember, start + 2000)).toBe('waiting');
  expect(verdict(service(), both, remember, start + 6000)).toBe('verifying');
});

test('nothing wanted is converged', () => {
  expect(verdict(service({ Spec: { Name: 'w', TaskTemplate: {}, Mode: { Replicated: { Replicas: 0 } } } }), [])).toBe('converged');
});

test('a task on a node that is down does not count', () => {
  const down = { ...node, Status: { State: 'down', Addr: '' } } as Node;
  expect(judge(service(), [task(1, 'running'), task(2, 'running')], [down], memory(), start).running).toBe(0);
});

test('the third failure in a slot is failing, with its reason', () => {
  expect(verdict(service(), [task(1, 'running'), failed(2), failed(2), task(2, 'starting')])).toBe('waiting');
  const progress = judge(service(), [task(1, 'running'), failed(2), failed(2), failed(2), task(2, 'ready')], [node], memory(), start);
  expect(progress.verdict.state).toBe('failing');
  expect(progress.reasons).toEqual(['task: non-zero exit (1)']);
});

test('a one-shot that ended well is done, though Docker paused its update for it', () => {
  const TaskTemplate = { RestartPolicy: { Condition: 'none' } } as const;
  const subject = service({
    Spec: { Name: 'w', TaskTemplate, Mode: { Replicated: { Replicas: 1 } } },
    UpdateStatus: { State: 'paused', Message: 'early termination' },
  });
  expect(verdict(subject, [task(1, 'complete', { DesiredState: 'shutdown' })])).toBe('converged');
  expect(verdict(subject, [failed(1)])).toBe('failing');
  expect(verdict(subject, [task(1, 'running')])).toBe('failing');
});

test('why a rollback happened: the failures since the deploy, each once', () => {
  const old = task(1, 'failed', { CreatedAt: at(-100) }, 'history');
  expect(failuresSince([old, failed(1), failed(2), task(1, 'shutdown', {}, 'not a failure')], start)).toEqual(['task: non-zero exit (1)']);
});

test('failures from before the deploy do not count', () => {
  const old = { CreatedAt: at(-100), DesiredState: 'shutdown' as const };
  expect(verdict(service(), [task(1, 'failed', old), task(1, 'failed', old), task(1, 'failed', old), task(1, 'starting')])).toBe('waiting');
});

test('a task that waits with the same explanation for long is failing', () => {
  const remember = memory();
  const waiting = [task(1, 'pending', {}, 'no suitable node (insufficient resources on 1 node)')];
  expect(verdict(service(), waiting, remember, start)).toBe('waiting');
  expect(verdict(service(), waiting, remember, start + 14_999)).toBe('waiting');
  expect(verdict(service(), waiting, remember, start + 15_000)).toBe('failing');
});

test('a one-shot that finished is done, and one that failed for good is failing', () => {
  const spec = { Name: 'w', TaskTemplate: { RestartPolicy: { Condition: 'none' } }, Mode: { Replicated: { Replicas: 1 } } };
  expect(verdict(service({ Spec: spec }), [task(1, 'complete', { DesiredState: 'shutdown' })])).toBe('converged');
  expect(verdict(service({ Spec: spec }), [failed(1)])).toBe('failing');
});

test.each([
  ['updating', 'waiting'],
  ['completed', 'converged'],
  ['paused', 'failing'],
  ['rollback_started', 'waiting'],
  ['rollback_paused', 'failing'],
  ['rollback_completed', 'rolledBack'],
] as const)('an update that is %s is %s', (State, expected) => {
  const running = [task(1, 'running'), task(2, 'running')];
  const subject = service({ UpdateStatus: { State, Message: 'm' } });
  expect(verdict(subject, running)).toBe(expected);
  expect(verdict(subject, running, { startedAt: start, untouched: true })).toBe('verifying');
});

test('a rollback that was asked for is a success', () => {
  const subject = service({ UpdateStatus: { State: 'rollback_completed', Message: 'm' } });
  expect(verdict(subject, [task(1, 'running'), task(2, 'running')], { startedAt: start, askedRollback: true })).toBe('converged');
});
