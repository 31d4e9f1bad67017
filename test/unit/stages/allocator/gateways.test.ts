import { expect, test } from 'vitest';
import { allocateGateways } from '#stages/allocator/gateways';
import type { Task } from '#model/object/task';
import { update } from '#store/action';
import { aNode, aSubnet, aTask, runStage, startTime, storeOf } from '#test/support/cluster-objects';

const front = aSubnet('front', '10.5.0.0/24', '10.5.0.1');
const odd = aSubnet('odd', '10.6.0.0/29', '10.6.0.3');

function on(nodeId: string, id: string, state: Task['Status']['State'] = 'assigned', network = front, address = '10.5.0.2/24'): Task {
  return aTask(id, state, { NodeID: nodeId, NetworksAttachments: [{ Network: network, Addresses: [address] }] });
}

function gatewaysOf(store: ReturnType<typeof storeOf>): unknown[] {
  return [...store.list('node')].map((node) => node.Shoal?.Gateways ?? {});
}

test("the first node gets the network's gateway, others addresses from the top", () => {
  const store = storeOf({
    node: [aNode('n1'), aNode('n2'), aNode('n3'), aNode('n4')],
    network: [front, odd],
    task: [on('n1', 'a'), on('n2', 'b'), on('n3', 'c'), on('n2', 'd', 'running', odd, '10.6.0.6/29'), on('n3', 'e', 'ready', odd, '10.6.0.1/29')],
  });
  runStage(store, allocateGateways);
  expect(gatewaysOf(store)).toEqual([{ front: '10.5.0.1' }, { front: '10.5.0.254', odd: '10.6.0.3' }, { front: '10.5.0.253', odd: '10.6.0.5' }, {}]);
  expect(runStage(store, allocateGateways)).toEqual([]);
});

test('only assigned tasks that have not ended count', () => {
  const store = storeOf({ node: [aNode('n1')], network: [front], task: [on('n1', 'a', 'failed'), on('n1', 'b', 'pending'), on('gone', 'c')] });
  expect(runStage(store, allocateGateways)).toEqual([]);
});

test("a gateway goes with the last task and the network's own is given again", () => {
  const store = storeOf({ node: [aNode('n1'), aNode('n2'), aNode('n3')], network: [front], task: [on('n1', 'a'), on('n2', 'b')] });
  runStage(store, allocateGateways);
  const first = store.get('task', 'a')!;
  store.apply(7, {
    actions: [update('task', { ...first, Status: { ...first.Status, State: 'shutdown' } }), { type: 'create', kind: 'task', object: on('n3', 'c') }],
    now: startTime,
  });
  runStage(store, allocateGateways);
  expect(gatewaysOf(store)).toEqual([{}, { front: '10.5.0.254' }, { front: '10.5.0.1' }]);
});

test("a removed network keeps its gateway until its tasks have ended, and no engine's own network gets one", () => {
  const host = { ...front, ID: 'host', Spec: { Name: 'host' } };
  const store = storeOf({ node: [aNode('n1', { Shoal: { Gateways: { front: '10.5.0.1' } } })], task: [on('n1', 'a'), on('n1', 'b', 'running', host)] });
  runStage(store, allocateGateways);
  expect(gatewaysOf(store)).toEqual([{ front: '10.5.0.1' }]);
});
