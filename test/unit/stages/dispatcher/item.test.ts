/** What of a change is news to a node. */
import { expect, test } from 'vitest';
import type { Task, TaskMemory } from '#model/object/task';
import { differs } from '#stages/dispatcher/item';
import { aTask } from '#test/support/cluster-objects';

const before = aTask('t1', 'running', { NodeID: 'n1' });
const news = (after: Task): boolean => differs({ action: 'update', kind: 'task', item: before }, { action: 'update', kind: 'task', item: after });
const remembering = (memory: Partial<TaskMemory>): Task => ({ ...before, Shoal: { ...before.Shoal, ...memory } });

test.each<[string, Partial<TaskMemory>]>([
  ['how far its slot is in a rollout', { Rollout: { ID: 'r1', DoneAt: 5 } }],
  ['the spec that it was taken over into', { SpecVersion: 7 }],
  ['restarts that are counted', { Restart: true, Restarts: [1, 2] }],
  ['when it may start, which its desired state says in time', { StartAfter: 5, StartDelay: 5, StartAfterTasks: { IDs: ['t0'], Until: 9 } }],
])('no news: %s', (_what, memory) => expect(news(remembering(memory))).toBe(false));

test.each<[string, Task]>([
  ['its desired state', { ...before, DesiredState: 'shutdown' }],
  ['credentials for its image', remembering({ RegistryAuth: 'abc' })],
  ['its ports', remembering({ Ports: [{ TargetPort: 80, PublishedPort: 8080, PublishMode: 'host' }] })],
  ["the cluster's log driver", remembering({ LogDriver: { Name: 'local' } })],
  ['a status that no agent reported', { ...before, Status: { ...before.Status, State: 'assigned' } }],
])('news: %s', (_what, task) => expect(news(task)).toBe(true));
