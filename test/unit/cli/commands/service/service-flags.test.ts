import { expect, test } from 'vitest';
import type { ServiceSpec } from '#model/object/service-spec';
import { newSpec } from '#cli/commands/service/service-create';
import { applyServiceFlags, words, type ServiceFlags } from '#cli/commands/service/service-flags';

const base: ServiceSpec = { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'x' } }, Mode: { Replicated: { Replicas: 1 } } };

test('no flags change nothing that matters', () => {
  const next = applyServiceFlags(base, {});
  expect(next).toEqual({ ...base, TaskTemplate: { ...base.TaskTemplate, Resources: {}, Placement: {} } });
});

test('flags become the API’s fields', () => {
  const next = applyServiceFlags(base, {
    replicas: '3',
    limitCpu: '0.5',
    limitMemory: '64M',
    limitPids: '10',
    updateDelay: '1m30s',
    rollbackParallelism: '2',
    restartCondition: 'on-failure',
    logDriver: 'json-file',
    logOpt: ['max-size=1m'],
    healthCmd: 'true',
    healthStartInterval: '1s',
    entrypoint: `sh -c "a b"`,
    init: true,
    readOnly: false,
  });
  expect(next.Mode).toEqual({ Replicated: { Replicas: 3 } });
  expect(next.TaskTemplate.Resources?.Limits).toEqual({ NanoCPUs: 5e8, MemoryBytes: 67_108_864, Pids: 10 });
  expect(next.UpdateConfig).toEqual({ Parallelism: 1, Delay: 90e9 });
  expect(next.RollbackConfig).toEqual({ Parallelism: 2 });
  expect(next.TaskTemplate.RestartPolicy).toEqual({ Condition: 'on-failure' });
  expect(next.TaskTemplate.LogDriver).toEqual({ Name: 'json-file', Options: { 'max-size': '1m' } });
  expect(next.TaskTemplate.ContainerSpec).toEqual({
    Image: 'x',
    Healthcheck: { Test: ['CMD-SHELL', 'true'], StartInterval: 1e9 },
    Command: ['sh', '-c', 'a b'],
    Init: true,
    ReadOnly: false,
  });
});

test('an update leaves what it does not name', () => {
  const before: ServiceSpec = {
    ...base,
    UpdateConfig: { Parallelism: 4, Order: 'start-first' },
    TaskTemplate: { ...base.TaskTemplate, Resources: { Limits: { NanoCPUs: 1e9, MemoryBytes: 5e8 } } },
  };
  const next = applyServiceFlags(before, { updateDelay: '3s', limitCpu: '2' });
  expect(next.UpdateConfig).toEqual({ Parallelism: 4, Order: 'start-first', Delay: 3e9 });
  expect(next.TaskTemplate.Resources?.Limits).toEqual({ NanoCPUs: 2e9, MemoryBytes: 5e8 });
});

test('jobs count their completions', () => {
  const job = (flags: ServiceFlags) => newSpec('x', [], { timeout: '5m', mode: 'replicated-job', ...flags }, {}).Mode;
  expect(job({})).toEqual({ ReplicatedJob: { TotalCompletions: 1, MaxConcurrent: 1 } });
  expect(job({ replicas: '4' })).toEqual({ ReplicatedJob: { TotalCompletions: 4, MaxConcurrent: 4 } });
  expect(job({ replicas: '4', maxConcurrent: '2' })).toEqual({ ReplicatedJob: { TotalCompletions: 4, MaxConcurrent: 2 } });
});

test('words keep what quotes hold together', () => {
  expect(words(`a "b c" d'e f' "g\\"h" ''`)).toEqual(['a', 'b c', 'de f', 'g"h', '']);
});

test.each<[ServiceFlags & { mode?: string }, string]>([
  [{ replicas: 'x' }, '--replicas'],
  [{ mode: 'global', replicas: '1' }, 'replicas can only be used'],
  [{ maxConcurrent: '1' }, '--max-concurrent can only be used'],
  [{ mode: 'foo' }, 'Unknown mode: foo'],
  [{ updateDelay: '3' }, '--update-delay'],
  [{ limitMemory: 'lots' }, '--limit-memory'],
  [{ updateOrder: 'sideways' }, 'start-first, stop-first'],
  [{ updateMaxFailureRatio: '2' }, 'from 0 to 1'],
  [{ rollbackFailureAction: 'rollback' }, '--rollback-failure-action is one of pause, continue'],
  [{ noHealthcheck: true, healthCmd: 'x' }, 'conflicts with --health-*'],
])('bad flags %o are refused', (flags, text) => expect(() => newSpec('x', [], { timeout: '5m', ...flags }, {})).toThrow(text));
