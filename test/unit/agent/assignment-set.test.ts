/** Messages that build up a node's assignments. */
import { expect, test } from 'vitest';
import { AssignmentSet } from '#agent/assignment-set';
import type { AssignmentChange, Backend } from '#model/object/assignment';
import type { Task } from '#model/object/task';
import { makeNetwork, makeSecret, makeTask } from '#test/support/worker';

const task = (id: string, changes: Partial<Task> = {}): AssignmentChange => ({ action: 'update', kind: 'task', item: makeTask(id, {}, changes) });
const secret: AssignmentChange = { action: 'update', kind: 'secret', item: makeSecret('s1', 'k', 'x') };
const network: AssignmentChange = { action: 'update', kind: 'network', item: makeNetwork('n1', 'x', '10.0.0.0/24') };
const node = (Gateways: Record<string, string>): AssignmentChange => ({ action: 'update', kind: 'node', item: { ID: 'node1', Gateways } });
const backend = (ID: string, Slot: number, Ready = true): AssignmentChange => ({
  action: 'update',
  kind: 'backend',
  item: { ID, ServiceID: 'svc', NodeID: 'node2', Slot, Ready, Networks: [] },
});

function filled(): AssignmentSet {
  const set = new AssignmentSet();
  set.apply({ type: 'complete', appliesTo: 0, resultsIn: 5, changes: [secret, network, node({ n1: '10.0.0.1' }), task('t1'), task('t2')] });
  return set;
}

test('a complete set replaces all, and tells who came and went', () => {
  const set = filled();
  const touched = set.apply({ type: 'complete', appliesTo: 0, resultsIn: 1, changes: [task('t2'), task('t3')] });
  expect([...touched.tasks].toSorted()).toEqual(['t1', 't2', 't3']);
  expect([...set.tasks.keys(), set.secrets.size, set.networks.size]).toEqual(['t2', 't3', 0, 0]);
  expect([...set.departed.keys()]).toEqual(['t1']);
});

test('increments follow on one another', () => {
  const set = filled();
  expect(set.apply({ type: 'incremental', appliesTo: 5, resultsIn: 6, changes: [{ action: 'remove', kind: 'task', id: 't1' }] })).toEqual({
    tasks: new Set(['t1']),
    network: false,
    ways: false,
  });
  expect(set.apply({ type: 'incremental', appliesTo: 6, resultsIn: 7, changes: [{ action: 'remove', kind: 'network', id: 'n1' }] }).network).toBe(true);
  expect([set.departed.has('t1'), set.tasks.has('t1'), set.networks.size]).toEqual([true, false, 0]);
  expect(() => set.apply({ type: 'incremental', appliesTo: 6, resultsIn: 7, changes: [] })).toThrow(/apply to 6, the last ones resulted in 7/);
});

test('what is wanted never goes back', () => {
  const set = filled();
  set.apply({ type: 'incremental', appliesTo: 5, resultsIn: 6, changes: [task('t1', { DesiredState: 'shutdown' })] });
  set.apply({ type: 'incremental', appliesTo: 6, resultsIn: 7, changes: [task('t1')] });
  set.apply({ type: 'complete', appliesTo: 0, resultsIn: 1, changes: [task('t1')] });
  expect(set.tasks.get('t1')?.DesiredState).toBe('shutdown');
});

test('a network counts once the node has an address in it', () => {
  const set = new AssignmentSet();
  set.apply({ type: 'complete', appliesTo: 0, resultsIn: 1, changes: [network, node({})] });
  expect(set.networks.size).toBe(0);
  expect(set.apply({ type: 'incremental', appliesTo: 1, resultsIn: 2, changes: [node({ n1: '10.0.0.9' })] }).network).toBe(true);
  expect(set.networks.get('n1')).toMatchObject({ Network: { ID: 'n1' }, Gateway: '10.0.0.9' });
});

test('a service and its backends, in whatever order they come, make one endpoint', () => {
  const set = new AssignmentSet();
  const service: AssignmentChange = { action: 'update', kind: 'service', item: { ID: 'svc', Name: 'web', Ports: [] } };
  set.apply({ type: 'complete', appliesTo: 0, resultsIn: 1, changes: [backend('b', 2), service, backend('a', 1, false)] });
  expect(set.endpoints.get('svc')).toEqual({
    ServiceID: 'svc',
    Name: 'web',
    Ports: [],
    Tasks: [
      { TaskID: 'a', NodeID: 'node2', Slot: 1, Ready: false, Networks: [] },
      { TaskID: 'b', NodeID: 'node2', Slot: 2, Ready: true, Networks: [] },
    ],
  });
  const changes: AssignmentChange[] = [{ action: 'remove', kind: 'backend', id: 'b' }, backend('a', 1)];
  expect(set.apply({ type: 'incremental', appliesTo: 1, resultsIn: 2, changes }).network).toBe(true);
  expect(set.endpoints.get('svc')?.Tasks.map(({ TaskID, Ready }) => [TaskID, Ready])).toEqual([['a', true]]);
  set.apply({ type: 'incremental', appliesTo: 2, resultsIn: 3, changes: [{ action: 'remove', kind: 'service', id: 'svc' }] });
  expect(set.endpoints.size).toBe(0);
});

test('an item of a kind that only a newer manager knows is skipped', () => {
  const set = filled();
  const changes = [
    { action: 'update', kind: 'weather', item: { ID: 'w' } },
    { action: 'remove', kind: 'weather', id: 'w' },
    secret,
  ] as unknown as AssignmentChange[];
  set.apply({ type: 'incremental', appliesTo: 5, resultsIn: 6, changes });
  expect([...set.secrets.keys()]).toEqual(['s1']);
});

test('who becomes ready is no news of ways; a task that comes, or moves, is', () => {
  const set = filled();
  let at = 5;
  const told = (changes: AssignmentChange[]) => set.apply({ type: 'incremental', appliesTo: at, resultsIn: ++at, changes });
  const item: Backend = { ID: 'b1', ServiceID: 's1', NodeID: 'n2', Ready: false, Networks: [{ NetworkID: 'net1', Address: '10.0.1.7', Aliases: [] }] };
  const moved = (changes: Partial<Backend>): AssignmentChange => ({ action: 'update', kind: 'backend', item: { ...item, ...changes } });
  expect(told([moved({})])).toMatchObject({ network: true, ways: true });
  expect(told([moved({ Ready: true })])).toMatchObject({ network: true, ways: false });
  expect(told([moved({ Ready: true, NodeID: 'n3' })])).toMatchObject({ ways: true });
  expect(told([{ action: 'remove', kind: 'backend', id: 'b1' }])).toMatchObject({ network: true, ways: false });
});
