import { expect, test } from 'vitest';
import { allocate } from '#stages/allocator/allocator';
import type { ServiceSpec } from '#model/object/service-spec';
import { update } from '#store/action';
import { aNetwork, aService, aSubnet, aTask, runStage, startTime, storeOf } from '#test/support/cluster-objects';

const front = aSubnet('front', '10.5.0.0/24', '10.5.0.1');
const back = aSubnet('back', '10.6.0.0/24', '10.6.0.1');
const on = (...networks: string[]): Partial<ServiceSpec> => ({ TaskTemplate: { Networks: networks.map((Target) => ({ Target })) } });
const addressesOf = (store: ReturnType<typeof storeOf>, id: string) =>
  store.get('service', id)?.Endpoint?.VirtualIPs?.map(({ NetworkID, Addr }) => `${NetworkID} ${Addr}`);

test('a service has an address in each of its networks, written with its ports, and no task gets it', () => {
  const networks = [front, back, aNetwork('new')];
  const store = storeOf({
    network: networks,
    service: [aService('web', on('front', 'back', 'new', 'host'))],
    task: [aTask('t', 'new', { Spec: on('front').TaskTemplate! })],
  });
  const actions = runStage(store, allocate);
  expect(actions.filter(({ kind }) => kind === 'service')).toHaveLength(1);
  expect(addressesOf(store, 'web')).toEqual(['front 10.5.0.2/24', 'back 10.6.0.2/24', 'new 10.0.0.2/20']);
  expect(store.get('task', 't')?.NetworksAttachments?.[0]?.Addresses).toEqual(['10.5.0.3/24']);
  expect(runStage(store, allocate)).toEqual([]);
});

test('it stays while the service is on the network, and goes with it or with dnsrr', () => {
  const store = storeOf({ network: [front, back], service: [aService('web', on('front', 'back'))] });
  runStage(store, allocate);
  const change = (spec: Partial<ServiceSpec>): void => {
    const service = store.get('service', 'web')!;
    store.apply(store.index + 1, { actions: [update('service', { ...service, Spec: { ...service.Spec, ...spec } })], now: startTime });
    runStage(store, allocate);
  };
  change(on('back'));
  expect(addressesOf(store, 'web')).toEqual(['back 10.6.0.2/24']);
  change({ EndpointSpec: { Mode: 'dnsrr' } });
  expect(addressesOf(store, 'web')).toEqual([]);
  expect(store.addressesOf('back').countOf((10 << 24) + (6 << 16) + 2)).toBe(0);
});

test('one of before gets it without a change of its spec', () => {
  const Endpoint = { Spec: {}, Ports: [], VirtualIPs: [] };
  const store = storeOf({ network: [front], service: [aService('web', on('front'), { Endpoint })] });
  const spec = store.get('service', 'web')?.Spec;
  runStage(store, allocate);
  expect(addressesOf(store, 'web')).toEqual(['front 10.5.0.2/24']);
  expect(store.get('service', 'web')?.Spec).toEqual(spec);
});
