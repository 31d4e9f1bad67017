import { expect, test } from 'vitest';
import { storedSpec } from '#api/view/stored-spec';
import { keepUnseen, withDefaults } from '#api/view/service-spec';
import type { ServiceSpec } from '#model/object/service-spec';

const bare: ServiceSpec = { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'x' } } };
const extended: ServiceSpec = {
  Name: 'web',
  Shoal: { DependsOn: [{ Service: 'db', Condition: 'service_started' }] },
  TaskTemplate: {
    ContainerSpec: { Image: 'x', Shoal: { ShmSize: 64 } },
    Resources: { Reservations: { NanoCPUs: 1, Shoal: { DeviceRequests: [{ Count: -1 }] } } },
  },
  EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080, Shoal: { HostIP: '127.0.0.1' } }, { TargetPort: 81 }] },
};

test('defaults are said for display', () => {
  const shown = withDefaults(bare);
  expect(shown.TaskTemplate.ContainerSpec?.StopGracePeriod).toBe(10e9);
  expect(shown.TaskTemplate.RestartPolicy).toEqual({ Condition: 'any', Delay: 5e9, MaxAttempts: 0 });
  expect(shown.UpdateConfig).toMatchObject({ Parallelism: 1, Monitor: 5e9, Order: 'stop-first' });
  expect(withDefaults({ ...bare, UpdateConfig: { Delay: 1 } }).UpdateConfig).toMatchObject({ Parallelism: 0, Delay: 1, FailureAction: 'pause' });
});

test('a client that knows nothing of our extensions does not drop them', () => {
  const sent: ServiceSpec = {
    Name: 'web',
    TaskTemplate: { ContainerSpec: { Image: 'y' }, Resources: { Reservations: { NanoCPUs: 2 } } },
    EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080, Protocol: 'tcp', PublishMode: 'ingress' }] },
  };
  const kept = keepUnseen(extended, sent);
  expect(kept.Shoal).toEqual(extended.Shoal);
  expect(kept.TaskTemplate.ContainerSpec).toEqual({ Image: 'y', Shoal: { ShmSize: 64 } });
  expect(kept.TaskTemplate.Resources?.Reservations).toEqual({ NanoCPUs: 2, Shoal: { DeviceRequests: [{ Count: -1 }] } });
  expect(kept.EndpointSpec?.Ports?.[0]?.Shoal).toEqual({ HostIP: '127.0.0.1' });
});

test('of ports of one number on several addresses each keeps its own', () => {
  const port = { TargetPort: 80, PublishedPort: 8080 };
  const current: ServiceSpec = { ...bare, EndpointSpec: { Ports: ['127.0.0.1', '::1'].map((HostIP) => ({ ...port, Shoal: { HostIP } })) } };
  const kept = keepUnseen(current, { ...bare, EndpointSpec: { Ports: [port, port, port] } });
  expect(kept.EndpointSpec?.Ports?.map(({ Shoal }) => Shoal?.HostIP)).toEqual(['127.0.0.1', '::1', undefined]);
});

test('one that sends extensions decides, and plain specs stay plain', () => {
  expect(keepUnseen(extended, { ...bare, Shoal: {} }).Shoal).toEqual({});
  expect(keepUnseen(bare, bare)).toEqual(bare);
});

test('a round trip through a client that was not shown what says nothing changes nothing', () => {
  const Mounts = [{ Type: 'bind', Source: '/a', Target: '/b', ReadOnly: false, Consistency: 'default' }] as const;
  const current: ServiceSpec = { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'x', Mounts, Env: [] }, Networks: [] } };
  const seen = storedSpec(current) as ServiceSpec;
  expect(seen.TaskTemplate.ContainerSpec?.Mounts).toEqual([{ Type: 'bind', Source: '/a', Target: '/b' }]);
  expect(keepUnseen(current, seen).TaskTemplate).toBe(current.TaskTemplate);
});

test('a round trip through a client that writes everything out changes nothing', () => {
  const current: ServiceSpec = { ...extended, EndpointSpec: { Mode: 'vip', Ports: [{ TargetPort: 80, PublishedPort: 8080 }] } };
  const written: ServiceSpec = {
    Name: 'web',
    Labels: { a: 'b' },
    TaskTemplate: {
      ContainerSpec: { Image: 'x', Isolation: 'default', Env: [] },
      Resources: { Limits: {}, Reservations: { NanoCPUs: 1 } },
      Placement: {},
      ForceUpdate: 0,
      Runtime: 'container',
    },
    EndpointSpec: { Mode: 'vip', Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' }] },
  };
  const kept = keepUnseen(current, written);
  expect(kept.TaskTemplate).toBe(current.TaskTemplate);
  expect(kept.EndpointSpec).toBe(current.EndpointSpec);
  expect(kept.Labels).toEqual({ a: 'b' });
  expect(keepUnseen(current, { ...written, TaskTemplate: { ...written.TaskTemplate, ForceUpdate: 1 } }).TaskTemplate.ForceUpdate).toBe(1);
});
