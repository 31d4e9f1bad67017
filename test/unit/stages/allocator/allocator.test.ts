import { expect, test } from 'vitest';
import { featureLevel } from '#model/feature-level';
import { taskNetwork } from '#model/object/task';
import { allocate } from '#stages/allocator/allocator';
import type { Task } from '#model/object/task';
import { create, remove, update, type Action } from '#store/action';
import { aCluster, aNetwork, aNode, aService, aSubnet, aTask, runStage, startTime, storeOf } from '#test/support/cluster-objects';

function addressesOf(task: Task | undefined): string[] {
  return (task?.NetworksAttachments ?? []).map(({ Network, Addresses }) => `${Network.Spec.Name} ${Addresses.join()}`);
}

const onFront = { Spec: { Networks: [{ Target: 'front' }] } };

test('a task without networks is pending at once', () => {
  const store = storeOf({ service: [aService('web')], task: [aTask('t', 'new')] });
  runStage(store, allocate);
  const task = store.get('task', 't');
  expect(task?.Status).toMatchObject({ State: 'pending', Message: 'pending task scheduling' });
  expect(task).not.toHaveProperty('NetworksAttachments');
});

test('networks, ports and tasks of one deploy are allocated in one run, and a second run does nothing', () => {
  const store = storeOf({
    cluster: [aCluster()],
    network: [aNetwork('ingress', { Ingress: true }), aNetwork('front'), aNetwork('back')],
    service: [aService('web', { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080 }] } })],
    task: [aTask('t', 'new', { Spec: { Networks: [{ Target: 'back', Aliases: ['db'] }, { Target: 'front' }] } })],
  });
  runStage(store, allocate);
  const task = store.get('task', 't');
  expect(addressesOf(task)).toEqual(['ingress 10.0.0.2/24', 'back 10.0.2.2/24', 'front 10.0.1.2/24']);
  // What may change under a task, and what its node gets for itself, is not copied into every task.
  expect(task?.NetworksAttachments).toEqual([
    { Network: { ID: 'ingress', Spec: { Name: 'ingress', Driver: 'overlay', Ingress: true } }, Addresses: ['10.0.0.2/24'] },
    { Network: { ID: 'back', Spec: { Name: 'back', Driver: 'overlay' } }, Addresses: ['10.0.2.2/24'], Aliases: ['db'] },
    { Network: { ID: 'front', Spec: { Name: 'front', Driver: 'overlay' } }, Addresses: ['10.0.1.2/24'] },
  ]);
  expect(task?.Shoal.Ports).toMatchObject([{ PublishedPort: 8080, PublishMode: 'ingress' }]);
  expect(runStage(store, allocate)).toEqual([]);
});

test('only ingress-mode ports ask for the ingress network', () => {
  const store = storeOf({
    service: [aService('web', { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080, PublishMode: 'host' }] } })],
    task: [aTask('t', 'new')],
  });
  runStage(store, allocate);
  expect(store.get('task', 't')).toMatchObject({ Status: { State: 'pending' }, Shoal: { Ports: [{ PublishedPort: 8080, PublishMode: 'host' }] } });
});

test('freed addresses come again last', () => {
  const store = storeOf({
    network: [aSubnet('front', '10.5.0.0/29', '10.5.0.1')],
    task: [aTask('t1', 'new', onFront), aTask('t2', 'new', onFront), aTask('t3', 'new', onFront)],
  });
  runStage(store, allocate);
  const ended = store.get('task', 't2')!;
  store.apply(5, { actions: [update('task', { ...ended, Status: { ...ended.Status, State: 'failed' } })], now: startTime });
  for (const [id, address] of [
    ['t4', '10.5.0.5/29'],
    ['t5', '10.5.0.6/29'],
    ['t6', '10.5.0.3/29'],
  ] as const) {
    store.apply(store.index + 1, { actions: [{ type: 'create', kind: 'task', object: aTask(id, 'new', onFront) }], now: startTime });
    runStage(store, allocate);
    expect(addressesOf(store.get('task', id))).toEqual([`front ${address}`]);
  }
});

test('the address of a task that has ended rests while the task is kept, though it is the next in order; in a full network it comes', () => {
  const store = storeOf({ network: [aSubnet('front', '10.5.0.0/29', '10.5.0.1')], task: [1, 2, 3, 4].map((each) => aTask(`t${each}`, 'new', onFront)) });
  runStage(store, allocate);
  const become = (action: Action): void => {
    store.apply(store.index + 1, { actions: [action], now: startTime });
    runStage(store, allocate);
  };
  const end = (id: string): void => {
    const task = store.get('task', id)!;
    become(update('task', { ...task, Status: { ...task.Status, State: 'shutdown' } }));
  };
  const come = (id: string): string[] => {
    become(create('task', aTask(id, 'new', onFront)));
    return addressesOf(store.get('task', id));
  };
  expect(come('t5')).toEqual(['front 10.5.0.6/29']);
  // Next in order are those of the first two.
  end('t1');
  become(remove('task', 't2'));
  expect([come('t6'), come('t7')]).toEqual([['front 10.5.0.3/29'], ['front 10.5.0.2/29']]);
});

test('gateways, auxiliary addresses and what lies outside the range are never given', () => {
  const store = storeOf({
    node: [aNode('n1', { Shoal: { Gateways: { front: '10.5.0.10' } } })],
    network: [
      aNetwork('front', {
        IPAM: { Config: [{ Subnet: '10.5.0.0/24', IPRange: '10.5.0.8/29', Gateway: '10.5.0.8', AuxiliaryAddresses: { printer: '10.5.0.9' } }] },
      }),
    ],
    task: ['t1', 't2', 't3', 't4', 't5', 't6'].map((id) => aTask(id, 'new', onFront)),
  });
  runStage(store, allocate);
  expect([...store.list('task')].flatMap(addressesOf)).toEqual([11, 12, 13, 14, 15].map((last) => `front 10.5.0.${last}/24`));
  expect(store.get('task', 't6')?.Status).toMatchObject({ State: 'new', Err: expect.stringContaining('all 8 usable addresses of 10.5.0.8/29') });
});

test('with several nodes the top of a subnet is kept for their gateways', () => {
  const store = storeOf({
    node: [aNode('n1'), aNode('n2')],
    network: [aSubnet('front', '10.5.0.0/29', '10.5.0.1')],
    task: ['t1', 't2', 't3', 't4', 't5'].map((id) => aTask(id, 'new', onFront)),
  });
  runStage(store, allocate);
  expect([...store.list('task')].flatMap(addressesOf)).toEqual([2, 3, 4, 5].map((last) => `front 10.5.0.${last}/29`));
});

test('a full subnet names the containers that hold its addresses and do not run', () => {
  const held = (id: string, node: string, more: object = {}) => {
    const task = aTask(id, 'running', {
      NodeID: node,
      NetworksAttachments: [{ Network: taskNetwork(aSubnet('front', '10.5.0.0/29', '10.5.0.1')), Addresses: [`10.5.0.${id}/29`] }],
    });
    return { ...task, Shoal: { ...task.Shoal, Attachment: { ContainerID: `c${id}`, Name: `job${id}`, ...more } } };
  };
  const store = storeOf({
    node: [aNode('n1')],
    network: [aSubnet('front', '10.5.0.0/29', '10.5.0.1')],
    task: [held('2', 'n1'), held('3', 'n1'), held('4', 'n1', { Running: true }), held('5', 'gone'), held('6', 'n1'), aTask('t', 'new', onFront)],
  });
  runStage(store, allocate);
  expect(store.get('task', 't')?.Status.Err).toMatch(/are in use; 4 of them by containers that do not run \(3 on \w+, 1 on gone\): .*docker container prune/);
});

test('of a full subnet the address of one container that does not run is asked back, however many tasks wait for it', () => {
  const subnet = aSubnet('front', '10.5.0.0/30', '10.5.0.1');
  const box = aTask('box', 'running', { NodeID: 'n1', NetworksAttachments: [{ Network: taskNetwork(subnet), Addresses: ['10.5.0.2/30'] }] });
  const store = storeOf({
    cluster: [{ ...aCluster(), Shoal: { FeatureLevel: featureLevel } }],
    node: [aNode('n1')],
    network: [subnet],
    task: [{ ...box, Shoal: { ...box.Shoal, Attachment: { ContainerID: 'c1', Name: 'box' } } }, aTask('t1', 'new', onFront), aTask('t2', 'new', onFront)],
  });
  runStage(store, allocate);
  expect(store.get('task', 'box')?.Shoal.Attachment?.GivesUp).toEqual(['front']);
  expect(store.get('task', 't1')?.Status.Err).toBe('network front: the last of its addresses are those of containers that do not run: one is asked back');
  expect(runStage(store, allocate)).toEqual([]);
  const parked = store.get('task', 'box')!;
  const { GivesUp: _asked, ...Attachment } = parked.Shoal.Attachment!;
  const NetworksAttachments = [{ Network: taskNetwork(subnet), Addresses: [] }];
  store.apply(9, { actions: [update('task', { ...parked, NetworksAttachments, Shoal: { ...parked.Shoal, Attachment } })], now: startTime });
  runStage(store, allocate);
  expect([addressesOf(store.get('task', 't1')), addressesOf(store.get('task', 't2'))]).toEqual([['front 10.5.0.2/30'], []]);
});

test('a full subnet is said on the task, once, and an address that becomes free ends the wait', () => {
  const store = storeOf({
    network: [aSubnet('front', '10.5.0.0/30', '10.5.0.1'), aSubnet('back', '10.6.0.0/24', '10.6.0.1')],
    task: [aTask('t1', 'new', onFront), aTask('t2', 'new', { Spec: { Networks: [{ Target: 'back' }, { Target: 'front' }] } })],
  });
  runStage(store, allocate);
  const Err = 'network front: all 2 usable addresses of 10.5.0.0/30 are in use';
  expect(store.get('task', 't2')?.Status).toMatchObject({ State: 'new', Err });
  expect(runStage(store, allocate)).toEqual([]);
  const first = store.get('task', 't1')!;
  store.apply(9, { actions: [update('task', { ...first, Status: { ...first.Status, State: 'complete' } })], now: startTime });
  runStage(store, allocate);
  expect(store.get('task', 't2')?.Status).not.toHaveProperty('Err');
  expect(addressesOf(store.get('task', 't2'))).toEqual(['back 10.6.0.2/24', 'front 10.5.0.2/30']);
});

test.each([
  ['a network that is not there', { Spec: { Networks: [{ Target: 'nowhere' }] } }, 'network nowhere not found'],
  ['a network whose subnet another one has', { Spec: { Networks: [{ Target: 'bad' }] } }, 'network bad: subnet 10.5.0.0/16 overlaps with one of network front'],
  ['a port that another service has', { ServiceID: 'late' }, "port '80' is already in use by service 'early' (early) as an ingress port"],
  ['no ingress network', { ServiceID: 'early' }, 'service needs ingress network, but no ingress network is present'],
])('a task that waits for %s says so', (_, change, Err) => {
  const ports = { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 80 }] } };
  const store = storeOf({
    network: [aSubnet('front', '10.5.0.0/24', '10.5.0.1'), aNetwork('bad', { IPAM: { Config: [{ Subnet: '10.5.0.0/16' }] } })],
    service: [aService('early', ports), aService('late', ports)],
    task: [aTask('t', 'new', change)],
  });
  runStage(store, allocate);
  expect(store.get('task', 't')?.Status).toMatchObject({ State: 'new', Err });
});

test("an engine's own network is attached by name, without an address", () => {
  const store = storeOf({ task: [aTask('t', 'new', { Spec: { Networks: [{ Target: 'host' }] } })] });
  runStage(store, allocate);
  expect(store.get('task', 't')?.NetworksAttachments).toMatchObject([{ Network: { Spec: { Name: 'host' } }, Addresses: [] }]);
});

test('the host network goes with no other one, and so with no ingress port', () => {
  const store = storeOf({
    network: [aSubnet('ingress', '10.5.0.0/24', '10.5.0.1', { Ingress: true })],
    service: [aService('web', { EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 80 }] } })],
    task: [aTask('t', 'new', { Spec: { Networks: [{ Target: 'host' }] } })],
  });
  runStage(store, allocate);
  const Err = 'network host cannot be combined with others (ingress); ports of its tasks can be published in host mode only';
  expect(store.get('task', 't')?.Status).toMatchObject({ State: 'new', Err });
});

test('tasks that nobody wants any more are left alone', () => {
  const store = storeOf({ task: [aTask('t', 'new', { DesiredState: 'remove' })] });
  expect(runStage(store, allocate)).toEqual([]);
});
