/** Tasks, secrets and networks as a worker gets them. */
import type { Network } from '#model/object/network';
import type { Secret } from '#model/object/secret';
import type { ContainerSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import type { ObservedContainer } from '#task/step';

const meta = { Version: { Index: 1 }, CreatedAt: '2026-01-01T00:00:00.000Z', UpdatedAt: '2026-01-01T00:00:00.000Z' };

/** A replica of service `web`, assigned and wanted running. */
export function makeTask(id: string, container: ContainerSpec = {}, changes: Partial<Task> = {}): Task {
  return {
    ...meta,
    ID: id,
    Spec: { ContainerSpec: { Image: 'test:1', ...container } },
    ServiceID: 'service1',
    Slot: 1,
    NodeID: 'node1',
    Status: { Timestamp: meta.CreatedAt, State: 'assigned', Message: 'scheduler assigned task to node' },
    DesiredState: 'running',
    Shoal: { ServiceName: 'web', ServiceLabels: {}, SpecVersion: 1 },
    ...changes,
  };
}

export function makeSecret(id: string, name: string, text: string): Secret {
  return { ...meta, ID: id, Spec: { Name: name, Data: Buffer.from(text).toString('base64') } };
}

export function makeNetwork(id: string, name: string, subnet: string): Network {
  return { ...meta, ID: id, Spec: { Name: name, Driver: 'overlay' }, IPAMOptions: { Configs: [{ Subnet: subnet }] } };
}

export function makeContainer(taskId: string, changes: Partial<ObservedContainer> = {}): ObservedContainer {
  return { containerId: `c-${taskId}`, taskId, serviceId: 'service1', state: 'running', pid: 7, networks: [], ports: [], ...changes };
}
