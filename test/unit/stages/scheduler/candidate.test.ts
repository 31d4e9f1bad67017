import { expect, test } from 'vitest';
import type { PortConfig } from '#model/object/service-spec';
import { Candidate } from '#stages/scheduler/candidate';
import { fixedPortsOf } from '#store/index/node-load';
import { aNode, aTask } from '#test/support/cluster-objects';

function hostPort(HostIP?: string): PortConfig {
  return { TargetPort: 80, PublishedPort: 80, PublishMode: 'host', ...(HostIP && { Shoal: { HostIP } }) };
}

test.each<[string | undefined, string | undefined, boolean]>([
  [undefined, undefined, false],
  ['127.0.0.1', '127.0.0.1', false],
  ['127.0.0.1', '192.0.2.1', true],
  ['127.0.0.1', undefined, false],
  ['0.0.0.0', '192.0.2.1', false],
])('a port taken on %s is free on %s: %s', (held, wanted, free) => {
  const candidate = new Candidate(aNode('n1'));
  candidate.add(aTask('t', 'running', { Shoal: { ...aTask('t', 'new').Shoal, Ports: [hostPort(held)] } }));
  expect(candidate.hasPortsFree([hostPort(wanted)])).toBe(free);
});

test('a task that is told to stop holds what it reserves, but does not count as active', () => {
  const candidate = new Candidate(aNode('n1'));
  const Spec = { Resources: { Reservations: { NanoCPUs: 1e9, MemoryBytes: 3e9 } } };
  candidate.add(aTask('a', 'running', { Spec }));
  candidate.add(aTask('b', 'running', { Spec, DesiredState: 'shutdown' }));
  expect([candidate.freeCPUs, candidate.freeMemory]).toEqual([2e9, 2e9]);
  expect([candidate.activeTasks, candidate.activeTasksOf('web'), candidate.activeTasksOf('db')]).toEqual([1, 1, 0]);
});

test('host ports are those of the task, before that those of its spec, and only fixed ones', () => {
  const Shoal = {
    ...aTask('t', 'new').Shoal,
    EndpointSpec: { Ports: [hostPort(), { TargetPort: 1, PublishMode: 'host' as const }, { TargetPort: 2, PublishedPort: 2 }] },
  };
  expect(fixedPortsOf(aTask('t', 'pending', { Shoal }))).toEqual([hostPort()]);
  expect(fixedPortsOf(aTask('t', 'pending', { Shoal: { ...Shoal, Ports: [] } }))).toEqual([]);
});
