import { describe, expect, test } from 'vitest';
import { allocateGateways } from '#stages/allocator/gateways';
import type { Task } from '#model/object/task';
import type { NarrowScope, Stage } from '#store/stage';
import { create, remove, update } from '#store/action';
import { aNode, aService, aSubnet, aTask, runStage, startTime, storeOf } from '#test/support/cluster-objects';

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

test('where the gateway was chosen it is nobody’s: every node answers it beside its own', () => {
  const chosen = aSubnet('front', '10.5.0.0/24', '10.5.0.9', { IPAM: { Config: [{ Subnet: '10.5.0.0/24', Gateway: '10.5.0.9' }] } });
  const store = storeOf({ node: [aNode('n1'), aNode('n2')], network: [chosen], task: [on('n1', 'a'), on('n2', 'b')] });
  runStage(store, allocateGateways);
  expect(gatewaysOf(store)).toEqual([{ front: '10.5.0.254' }, { front: '10.5.0.253' }]);
});

const none = { services: new Set<string>(), specs: new Set<string>(), nodes: new Set<string>(), loads: new Set<string>(), waiting: false, networks: false };
const onlyFor =
  (scope: Partial<NarrowScope>): Stage =>
  (view, context) =>
    allocateGateways(view, { ...context, scope: { ...none, ...scope } });

describe('the network of published ports', () => {
  const ingress = aSubnet('in', '10.7.0.0/24', '10.7.0.1', { Ingress: true });
  const web = aService('web', {}, { Endpoint: { Ports: [{ TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' }] } });
  const task = on('n1', 'a', 'running', ingress, '10.7.0.2/24');

  test('every node is on it while something is published', () => {
    const store = storeOf({ node: [aNode('n1'), aNode('n2')], network: [ingress], service: [web], task: [task] });
    runStage(store, allocateGateways);
    expect(gatewaysOf(store)).toEqual([{ in: '10.7.0.1' }, { in: '10.7.0.254' }]);
    store.apply(store.index + 1, { actions: [create('node', aNode('n3'))], now: startTime });
    runStage(store, onlyFor({ nodes: new Set(['n3']) }));
    expect(gatewaysOf(store)).toEqual([{ in: '10.7.0.1' }, { in: '10.7.0.254' }, { in: '10.7.0.253' }]);
    store.apply(store.index + 1, { actions: [remove('service', 'web')], now: startTime });
    runStage(store, onlyFor({ specs: new Set(['web']) }));
    expect(gatewaysOf(store)).toEqual([{ in: '10.7.0.1' }, {}, {}]);
  });

  test('a node without others is on it for its tasks only', () => {
    const store = storeOf({ node: [aNode('n1')], network: [ingress], service: [web] });
    expect(runStage(store, allocateGateways)).toEqual([]);
  });
});

test('an address is given again when its node has left the network, and not before: of many some leave in the next entry', () => {
  const ids = Array.from({ length: 33 }, (_, at) => `n${String(at + 10)}`);
  const small = aSubnet('front', '10.5.0.0/26', '10.5.0.1');
  const comes = ids.slice(0, 2).map((id) => on(id, `task-${id}`, 'assigned', small));
  const stays = ids.slice(2);
  const held = (at: number): string => `10.5.0.${at === 0 ? 1 : 63 - at}`;
  const leaving = stays
    .toReversed()
    .map((id, at) => aNode(id, { Shoal: { Gateways: { front: held(at) } } }))
    .reverse();
  const store = storeOf({ node: [...ids.slice(0, 2).map((id) => aNode(id)), ...leaving], network: [small], task: comes });
  const given = (): string[] => [...store.list('node')].flatMap((node) => node.Shoal?.Gateways?.['front'] ?? []);
  for (let runs = 0; runStage(store, allocateGateways).length > 0 && runs < 9; runs++) expect(new Set(given()).size).toBe(given().length);
  expect(given()).toEqual(['10.5.0.1', '10.5.0.62']);
});

test('of many nodes that come to a network thirty come in an entry, and all in the end', () => {
  const ids = Array.from({ length: 120 }, (_, n) => `n${n}`);
  const store = storeOf({ node: ids.map((id) => aNode(id)), network: [front], task: ids.map((id) => on(id, `of-${id}`)) });
  expect([1, 2, 3, 4, 5].map(() => runStage(store, allocateGateways).length)).toEqual([30, 30, 30, 30, 0]);
  expect(new Set(gatewaysOf(store).map((gateways) => (gateways as { front: string }).front)).size).toBe(120);
});
