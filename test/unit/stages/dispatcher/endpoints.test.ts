import { expect, test } from 'vitest';
import { remove, update } from '#store/action';
import { endpointsOf, updateEndpoints } from '#stages/dispatcher/endpoints';
import { aService, aSubnet, aTask, startTime, storeOf } from '#test/support/cluster-objects';

const front = aSubnet('front', '10.5.0.0/24', '10.5.0.1');
const host = { ...front, ID: 'host', Spec: { Name: 'host' } };
const web = aService(
  'web',
  {},
  {
    Endpoint: {
      Ports: [
        { TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' },
        { TargetPort: 81, PublishedPort: 81, PublishMode: 'host' },
      ],
    },
  },
);
const attached = {
  NodeID: 'n1',
  NetworksAttachments: [
    { Network: front, Addresses: ['10.5.0.2/24'], Aliases: ['w'] },
    { Network: host, Addresses: [] },
  ],
};

test('a record names the ingress ports and the tasks that are on a node', () => {
  const store = storeOf({
    service: [web],
    task: [
      aTask('t2', 'running', { ...attached, Slot: 2 }),
      aTask('t1', 'starting', { ...attached, Slot: 1 }),
      aTask('t3', 'running', { ...attached, Slot: 3, DesiredState: 'shutdown' }),
      aTask('t4', 'failed', attached),
      aTask('t5', 'pending', { NetworksAttachments: attached.NetworksAttachments }),
    ],
  });
  const record = endpointsOf(store).get('web');
  const Networks = [{ NetworkID: 'front', Address: '10.5.0.2', Aliases: ['w'] }];
  expect(record?.endpoint).toEqual({
    ServiceID: 'web',
    Name: 'web',
    Ports: [{ TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' }],
    Tasks: [
      { TaskID: 't1', NodeID: 'n1', Slot: 1, Ready: false, Networks },
      { TaskID: 't2', NodeID: 'n1', Slot: 2, Ready: true, Networks },
      { TaskID: 't3', NodeID: 'n1', Slot: 3, Ready: false, Networks },
    ],
  });
  expect([...(record?.networks ?? [])]).toEqual(['front']);
});

test('records that did not change stay the same objects', () => {
  const store = storeOf({ service: [web, aService('db')], task: [aTask('t1', 'starting', attached), aTask('d1', 'running', { ServiceID: 'db' })] });
  const before = endpointsOf(store);
  const task = store.get('task', 't1')!;
  const noise = store.apply(2, { actions: [update('task', { ...task, Status: { ...task.Status, Message: 'still starting' } })], now: startTime });
  expect(updateEndpoints(before, store, noise)).toBe(before);
  const events = store.apply(3, { actions: [update('task', { ...task, Status: { ...task.Status, State: 'running' } })], now: startTime });
  const after = updateEndpoints(before, store, events);
  expect(after.get('web')?.endpoint.Tasks[0]?.Ready).toBe(true);
  expect(before.get('web')?.endpoint.Tasks[0]?.Ready).toBe(false);
  expect(after.get('db')).toBe(before.get('db'));
  const gone = store.apply(4, { actions: [remove('service', 'web')], now: startTime });
  expect([...updateEndpoints(after, store, gone).keys()]).toEqual(['db']);
});
