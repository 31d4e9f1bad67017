import { expect, test } from 'vitest';
import { allocatePorts } from '#stages/allocator/ports';
import type { Service } from '#model/object/service';
import type { PortConfig } from '#model/object/service-spec';
import { create, update } from '#store/action';
import { aService, startTime, storeOf } from '#test/support/cluster-objects';

function published(id: string, ...Ports: PortConfig[]): Service {
  return aService(id, { EndpointSpec: { Mode: 'vip', Ports } });
}

/** Published numbers, or the problem. */
function resultOf(result: ReturnType<typeof allocatePorts>, id: string): unknown {
  const found = result.endpoints.get(id);
  return found && 'endpoint' in found ? found.endpoint.Ports?.map((port) => port.PublishedPort) : found?.problem;
}

test('open ports get numbers from 30000 on, each protocol by itself; host-mode ports stay open', () => {
  const store = storeOf({
    service: [
      published('a', { TargetPort: 80 }, { TargetPort: 81, PublishedPort: 0 }, { TargetPort: 53, Protocol: 'udp' }),
      published('b', { TargetPort: 80 }, { TargetPort: 90, PublishMode: 'host' }),
    ],
  });
  const result = allocatePorts(store);
  expect(resultOf(result, 'a')).toEqual([30000, 30001, 30000]);
  expect(resultOf(result, 'b')).toEqual([30002, 0]);
});

test('the endpoint says spec, ports in full, and no virtual addresses', () => {
  const store = storeOf({ service: [published('a', { TargetPort: 80, PublishedPort: 8080 })] });
  const [action] = allocatePorts(store).actions;
  expect(action).toMatchObject({
    object: {
      Endpoint: {
        Spec: { Mode: 'vip', Ports: [{ TargetPort: 80, PublishedPort: 8080 }] },
        Ports: [{ Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' }],
        VirtualIPs: [],
      },
    },
  });
});

test('asked-for numbers of any service come before open ones', () => {
  const store = storeOf({
    service: [
      published('open', { TargetPort: 1 }),
      published('asks', { TargetPort: 1, PublishedPort: 30000 }),
      published('host', { TargetPort: 1, PublishedPort: 30001, PublishMode: 'host' }),
    ],
  });
  const result = allocatePorts(store);
  expect(resultOf(result, 'open')).toEqual([30002]);
  expect(resultOf(result, 'asks')).toEqual([30000]);
});

test('an open port keeps its number over updates that leave it as it is', () => {
  const store = storeOf({ service: [published('x', { TargetPort: 7 }), published('a', { TargetPort: 80 }, { TargetPort: 81 })] });
  store.apply(2, { actions: allocatePorts(store).actions, now: startTime });
  const service = store.get('service', 'a')!;
  const Ports = [{ TargetPort: 443 }, { TargetPort: 81 }, { TargetPort: 80 }];
  store.apply(3, { actions: [update('service', { ...service, Spec: { ...service.Spec, EndpointSpec: { Mode: 'vip', Ports } } })], now: startTime });
  expect(resultOf(allocatePorts(store), 'a')).toEqual([30003, 30002, 30001]);
});

test("a taken number refuses the whole service, by the taker's name", () => {
  const store = storeOf({
    service: [published('old', { TargetPort: 80, PublishedPort: 8080 }), published('new', { TargetPort: 81 }, { TargetPort: 80, PublishedPort: 8080 })],
  });
  const result = allocatePorts(store);
  expect(resultOf(result, 'new')).toBe("port '8080' is already in use by service 'old' (old) as an ingress port");
  expect(result.actions).toHaveLength(1);
});

test('services may swap their numbers in one step', () => {
  const store = storeOf({
    service: [published('a', { TargetPort: 80, PublishedPort: 8001 }), published('b', { TargetPort: 80, PublishedPort: 8002 })],
  });
  store.apply(2, { actions: allocatePorts(store).actions, now: startTime });
  const swapped = (['a', 'b'] as const).map((id, i) => {
    const service = store.get('service', id)!;
    return update('service', { ...service, Spec: { ...service.Spec, EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8002 - i }] } } });
  });
  store.apply(3, { actions: swapped, now: startTime });
  const result = allocatePorts(store);
  expect([resultOf(result, 'a'), resultOf(result, 'b')]).toEqual([[8002], [8001]]);
});

test('a service that cannot have its new ports goes on with the old, and nobody else gets them', () => {
  const store = storeOf({ service: [published('a', { TargetPort: 80, PublishedPort: 8001 }), published('b', { TargetPort: 80 })] });
  store.apply(2, { actions: allocatePorts(store).actions, now: startTime });
  const service = store.get('service', 'b')!;
  const Ports = [{ TargetPort: 80, PublishedPort: 8001 }];
  const actions = [
    update('service', { ...service, Spec: { ...service.Spec, EndpointSpec: { Ports } } }),
    create('service', published('c', { TargetPort: 80 })),
  ];
  store.apply(3, { actions, now: startTime });
  const result = allocatePorts(store);
  expect(resultOf(result, 'b')).toContain("port '8001' is already in use");
  expect(resultOf(result, 'c')).toEqual([30001]);
  expect(result.actions).toHaveLength(1);
});

test('an old port that another service has by now is given up', () => {
  const store = storeOf({
    service: [published('a', { TargetPort: 80, PublishedPort: 8001 }), published('b', { TargetPort: 80, PublishedPort: 8002 })],
  });
  store.apply(2, { actions: allocatePorts(store).actions, now: startTime });
  const service = store.get('service', 'b')!;
  const Ports = [{ TargetPort: 80, PublishedPort: 8001 }];
  const actions = [
    update('service', { ...service, Spec: { ...service.Spec, EndpointSpec: { Ports } } }),
    create('service', published('c', { TargetPort: 80, PublishedPort: 8002 })),
  ];
  store.apply(3, { actions, now: startTime });
  store.apply(4, { actions: allocatePorts(store).actions, now: startTime });
  expect(['b', 'c'].map((id) => store.get('service', id)?.Endpoint?.Ports?.map((port) => port.PublishedPort))).toEqual([[], [8002]]);
  expect(allocatePorts(store).actions).toEqual([]);
});

test('when the open ports are used up, the service that comes too late gets none', () => {
  const all = Array.from({ length: 2767 }, (_, i) => ({ TargetPort: i + 1 }));
  const store = storeOf({ service: [published('many', ...all), published('late', { TargetPort: 1 }, { TargetPort: 2 }), published('one', { TargetPort: 1 })] });
  const result = allocatePorts(store);
  expect(resultOf(result, 'late')).toBe("no free tcp port is left in 30000-32767 for service 'late'");
  expect(resultOf(result, 'one')).toEqual([32767]);
});

test('who finds no number of one protocol keeps none of another one', () => {
  const all = Array.from({ length: 2768 }, (_, i) => ({ TargetPort: i + 1, Protocol: 'udp' as const }));
  const both = [{ TargetPort: 1 }, { TargetPort: 1, Protocol: 'udp' as const }];
  const store = storeOf({ service: [published('many', ...all), published('late', ...both), published('one', { TargetPort: 1 })] });
  const result = allocatePorts(store);
  expect(resultOf(result, 'late')).toBe("no free udp port is left in 30000-32767 for service 'late'");
  expect(resultOf(result, 'one')).toEqual([30000]);
});

test('settled endpoints are left alone', () => {
  const store = storeOf({ service: [published('a', { TargetPort: 80 }), aService('none')] });
  store.apply(2, { actions: allocatePorts(store).actions, now: startTime });
  expect(allocatePorts(store).actions).toEqual([]);
});
