import { expect, test } from 'vitest';
import { keepExtensions, withDefaults } from '#api/service-spec-view';
import type { ServiceSpec } from '#model/service-spec';

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
  const kept = keepExtensions(extended, sent);
  expect(kept.Shoal).toEqual(extended.Shoal);
  expect(kept.TaskTemplate.ContainerSpec).toEqual({ Image: 'y', Shoal: { ShmSize: 64 } });
  expect(kept.TaskTemplate.Resources?.Reservations).toEqual({ NanoCPUs: 2, Shoal: { DeviceRequests: [{ Count: -1 }] } });
  expect(kept.EndpointSpec?.Ports?.[0]?.Shoal).toEqual({ HostIP: '127.0.0.1' });
});

test('one that sends extensions decides, and plain specs stay plain', () => {
  expect(keepExtensions(extended, { ...bare, Shoal: {} }).Shoal).toEqual({});
  expect(keepExtensions(bare, bare)).toEqual(bare);
});
