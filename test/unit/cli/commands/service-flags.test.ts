import { expect, test } from 'vitest';
import type { ServiceSpec } from '#model/service-spec';
import { applyServiceFlags, type ServiceFlags } from '../../../../src/cli/commands/service-flags.ts';

const base: ServiceSpec = { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'x', Env: ['A=1', 'B=2'] } }, Mode: { Replicated: { Replicas: 1 } } };

test('no flags change nothing that matters', () => {
  const next = applyServiceFlags(base, {});
  expect(next.Mode).toEqual(base.Mode);
  expect(next.TaskTemplate.ContainerSpec).toEqual(base.TaskTemplate.ContainerSpec);
});

test('flags become the API’s fields', () => {
  const next = applyServiceFlags(base, {
    replicas: '3',
    env: ['B=3', 'C=4'],
    publish: ['8080:80', 'published=53,target=53,protocol=udp,mode=host'],
    mount: ['type=bind,source=/a,target=/b,readonly'],
    secret: ['source=key,target=k,mode=0400'],
    limitCpu: '0.5',
    limitMemory: '64M',
    updateDelay: '1m30s',
    restartCondition: 'on-failure',
    constraint: ['node.role==manager'],
  });
  expect(next.Mode).toEqual({ Replicated: { Replicas: 3 } });
  expect(next.TaskTemplate.ContainerSpec?.Env).toEqual(['A=1', 'B=3', 'C=4']);
  expect(next.EndpointSpec?.Ports).toEqual([
    { Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' },
    { Protocol: 'udp', TargetPort: 53, PublishedPort: 53, PublishMode: 'host' },
  ]);
  expect(next.TaskTemplate.ContainerSpec?.Mounts).toEqual([{ Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true }]);
  expect(next.TaskTemplate.ContainerSpec?.Secrets).toEqual([{ SecretName: 'key', File: { Name: 'k', UID: '0', GID: '0', Mode: 0o400 } }]);
  expect(next.TaskTemplate.Resources?.Limits).toEqual({ NanoCPUs: 5e8, MemoryBytes: 67_108_864 });
  expect(next.UpdateConfig).toEqual({ Parallelism: 1, Delay: 90e9 });
  expect(next.TaskTemplate.RestartPolicy).toEqual({ Condition: 'on-failure' });
  expect(next.TaskTemplate.Placement?.Constraints).toEqual(['node.role==manager']);
});

test.each<[ServiceFlags, string]>([
  [{ replicas: 'x' }, '--replicas'],
  [{ publish: ['a:b'] }, '--publish'],
  [{ mode: 'global', replicas: '1' }, 'replicas can only be used'],
  [{ mode: 'foo' }, 'Unknown mode: foo'],
  [{ updateDelay: '3' }, '--update-delay'],
  [{ limitMemory: 'lots' }, '--limit-memory'],
  [{ updateOrder: 'sideways' }, 'start-first, stop-first'],
])('bad flags %o are refused', (flags, text) => expect(() => applyServiceFlags(base, flags)).toThrow(text));
