import { expect, test } from 'vitest';
import { taskLines } from '#cli/commands/tasks';
import type { Client } from '#cli/client';
import type { Task } from '#model/object/task';

const task = (ID: string, CreatedAt: string, ours: boolean): Task =>
  ({
    ID,
    CreatedAt,
    ServiceID: 'web',
    Slot: 1,
    NodeID: 'n1',
    DesiredState: 'running',
    Spec: { ContainerSpec: { Image: 'app' } },
    Status: { State: 'running', Timestamp: CreatedAt },
    ...(ours && { Shoal: {} }),
  }) as unknown as Task;

const order = (tasks: readonly Task[]): Promise<string[]> => taskLines({} as Client, tasks, { resolve: false, trunc: true, format: '{{.ID}} {{.Name}}' });

test('attempts of a slot stand newest first, in the order in which they were made: a clock may have gone back', async () => {
  const [first, second] = [task('first', '2026-01-01T12:00:00Z', true), task('second', '2026-01-01T11:00:00Z', true)];
  expect(await order([first, second])).toEqual(['second web.1', 'first web.1']);
});

test('a Docker lists them in any order, and its clock tells', async () => {
  const [first, second] = [task('first', '2026-01-01T11:00:00Z', false), task('second', '2026-01-01T12:00:00Z', false)];
  expect(await order([second, first])).toEqual(['second web.1', 'first web.1']);
});

test('a task that is on no node yet is shown, though it is told without one', async () => {
  const { NodeID: _none, ...pending } = { ...task('first', '2026-01-01T11:00:00Z', false), DesiredState: 'running' };
  const lines = await taskLines({} as Client, [pending as Task], { resolve: false, trunc: true });
  expect(lines.map((line) => line.replaceAll(/ {2,}/g, '|').trim())).toEqual([
    expect.stringMatching(/^ID\|NAME/),
    expect.stringMatching(/^first\|web\.1\|app\|Running\|/),
  ]);
});
