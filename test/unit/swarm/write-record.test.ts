/** Docker's habits are told from somebody's change. */
import { expect, test } from 'vitest';
import type { ServiceSpec } from '#model/object/service-spec';
import { serviceOf, taskOf, writtenRecord } from '#swarm/write-record';
import { makeNetwork, makeTask } from '#test/support/worker';

const asked: ServiceSpec = {
  Name: 'web',
  TaskTemplate: { ContainerSpec: { Image: 'web:1', Env: ['A=1'] } },
  Mode: { Replicated: { Replicas: 2 } },
  Shoal: { DependsOn: [] },
};
const stored: ServiceSpec = {
  Name: 'web',
  Labels: {},
  TaskTemplate: { ContainerSpec: { Image: 'web:1', Env: ['A=1'], Isolation: 'default' }, ForceUpdate: 0 },
  Mode: { Replicated: { Replicas: 2 } },
};
const meta = { ID: 's1', Version: { Index: 5 }, CreatedAt: '', UpdatedAt: '' };
const record = writtenRecord('s1', { Asked: asked, Stored: stored, registryAuth: undefined, version: 0, origin: undefined }, undefined);

test('what is stored as it was is shown as it was asked for', () => {
  expect(serviceOf({ ...meta, Spec: stored }, record)).toEqual({ ...meta, Spec: asked, Shoal: { SpecVersion: 0, PreviousSpecVersion: -1 } });
});

test('a service that we never wrote is shown as it is', () => {
  expect(serviceOf({ ...meta, Spec: stored, PreviousSpec: stored }, undefined)).toMatchObject({ Spec: stored, PreviousSpec: stored });
});

test('of a changed service only the change is shown', () => {
  const { Labels: _labels, ...rest } = stored;
  const live = {
    ...rest,
    Mode: { Replicated: { Replicas: 5 } },
    TaskTemplate: { ContainerSpec: { Image: 'web:1', Isolation: 'default', Env: ['A=2'] }, ForceUpdate: 1 },
  };
  expect(serviceOf({ ...meta, Spec: live }, record).Spec).toEqual({
    ...asked,
    TaskTemplate: { ContainerSpec: { Image: 'web:1', Env: ['A=2'] }, ForceUpdate: 1 },
    Mode: { Replicated: { Replicas: 5 } },
  });
});

test('two specs are remembered, each once', () => {
  const third = (n: number) => ({
    Asked: { ...asked, Name: `a${n}` },
    Stored: { ...stored, Name: `s${n}` },
    registryAuth: undefined,
    version: 0,
    origin: undefined,
  });
  const again = writtenRecord('s1', third(2), writtenRecord('s1', third(1), record));
  expect(again.Shoal.Written?.map(({ Asked }) => Asked.Name)).toEqual(['a2', 'a1']);
  expect(writtenRecord('s1', third(1), again).Shoal.Written?.map(({ Asked }) => Asked.Name)).toEqual(['a1', 'a2']);
});

test('tasks of the spec in force are told from others', () => {
  const docker = { ...meta, Spec: { ...stored, TaskTemplate: { ...stored.TaskTemplate, Runtime: 'container' } } };
  const task = { ...meta, ServiceID: 's1', NodeID: '', DesiredState: 'running', Status: { Timestamp: '', State: 'running', Message: '' } } as const;
  const known = serviceOf(docker, undefined);
  const service = known.Shoal;
  expect(taskOf({ ...task, Spec: stored.TaskTemplate }, docker, known).Shoal).toEqual({
    ServiceName: 'web',
    ServiceLabels: {},
    SpecVersion: service.SpecVersion,
  });
  expect(taskOf({ ...task, Spec: {} }, docker, known).Shoal.SpecVersion).toBe(service.PreviousSpecVersion);
});

test('a task that Docker shows without addresses has none', () => {
  const docker = { ...makeTask('t1'), NetworksAttachments: [{ Network: makeNetwork('n1', 'host', ''), Addresses: null }] };
  expect(taskOf(docker, undefined, undefined).NetworksAttachments).toEqual([{ Network: makeNetwork('n1', 'host', ''), Addresses: [] }]);
});
