import { expect, test } from 'vitest';
import { Refusal } from '#base/refusal';
import type { Node, NodeDescription, NodeEncryption } from '#model/object/node';
import { certifiedRole } from '#model/manager-address';
import { testDescription } from '#test/support/memory-cluster';
import { describeNode, registerNode } from '#stages/dispatcher/registration';
import type { Action } from '#store/action';
import type { View } from '#store/view';
import { aNode, startTime, storeOf } from '#test/support/cluster-objects';

const description = aNode('n1').Description!;

test('a session makes the node ready, with its address and description, and says so once', () => {
  const { Description: _none, ...bare } = aNode('n1', { Status: { State: 'down', Addr: '', Message: 'heartbeat failure' } });
  const store = storeOf({ node: [bare] });
  const actions = registerNode(store, 'n1', description, '192.0.2.5');
  store.apply(2, { actions, now: startTime });
  expect(store.get('node', 'n1')).toMatchObject({ Status: { State: 'ready', Addr: '192.0.2.5' }, Description: description });
  expect(store.get('node', 'n1')?.Status).not.toHaveProperty('Message');
  expect(registerNode(store, 'n1', description, '192.0.2.5')).toEqual([]);
});

test('a description is written when it changed', () => {
  const store = storeOf({ node: [aNode('n1')] });
  expect(describeNode(store, 'n1', description)).toEqual([]);
  expect(describeNode(store, 'n1', { ...description, Hostname: 'new' })).toMatchObject([{ object: { Description: { Hostname: 'new' } } }]);
});

test('a stranger is refused', () => {
  const refusal = new Refusal('notFound', 'node not registered');
  expect(() => registerNode(storeOf({}), 'n1', description, '')).toThrow(refusal);
  expect(() => describeNode(storeOf({}), 'n1', description)).toThrow(refusal);
});

test('one that was let go as a manager is told so first, however soon it is wanted again, until it says that it is a worker', () => {
  const node = aNode('n1', { Spec: { Labels: {}, Role: 'manager', Availability: 'active' }, Shoal: { Role: 'worker', Leaving: true } });
  expect(certifiedRole(node)).toBe('worker');
  const say = (Role: 'manager' | 'worker') => ({ ...testDescription, Shoal: { Role } });
  const after = (Role: 'manager' | 'worker') =>
    registerNode(storeOf({ node: [node] }), 'n1', say(Role), '192.0.2.7').flatMap((action) =>
      action.type === 'update' && action.kind === 'node' ? [action.object] : [],
    );
  expect(after('manager').map(certifiedRole)).toEqual(['worker']);
  expect(after('worker').map(certifiedRole)).toEqual(['manager']);
  const [told] = describeNode(storeOf({ node: [node] }), 'n1', say('worker'));
  expect(told).not.toHaveProperty('object.Shoal.Leaving');
});

test('one that was let go and shows a manager’s certificate is told so again, though it was given another: that may never have come', () => {
  const node = (Role: 'manager' | 'worker') => aNode('n1', { Spec: { Labels: {}, Role: 'manager', Availability: 'active' }, Shoal: { Role } });
  const said = { ...testDescription, Shoal: { Role: 'manager' as const } };
  const told = (Role: 'manager' | 'worker', by: (view: View) => Action[]) =>
    by(storeOf({ node: [node(Role)] })).flatMap((action) => (action.type === 'update' && action.kind === 'node' ? [certifiedRole(action.object)] : []));
  for (const by of [(view: View) => registerNode(view, 'n1', said, '192.0.2.7'), (view: View) => describeNode(view, 'n1', said)]) {
    expect(told('worker', by)).toEqual(['worker']);
    expect(told('manager', by)).toEqual(['manager']);
  }
});

test('a key or an address that another node has is nobody else’s, whoever says so; a node’s own stays its own', () => {
  const [one, two, fresh] = [`${'A'.repeat(43)}=`, `${'E'.repeat(43)}=`, `${'M'.repeat(43)}=`];
  const saying = (Encryption: NodeEncryption, DataPathAddr?: string): NodeDescription => ({
    ...description,
    Shoal: { Encryption, ...(DataPathAddr && { DataPathAddr }) },
  });
  const holder = (State: 'ready' | 'down') => aNode('n1', { Description: saying({ Key: one, Next: two, Port: 1 }), Status: { State, Addr: '192.0.2.1' } });
  const taken = (id: string, said: NodeDescription, State: 'ready' | 'down' = 'ready') =>
    describeNode(storeOf({ node: [holder(State), aNode('n2', { Status: { State: 'ready', Addr: '192.0.2.2' } })] }), id, said).flatMap((action) =>
      'object' in action ? (action.object as Node).Description?.Shoal?.Encryption : [],
    );
  const claims = [
    saying({ Key: one, Port: 1 }),
    saying({ Key: two, Port: 1 }),
    saying({ Key: fresh, Next: one, Port: 1 }),
    saying({ Key: fresh, Port: 1 }, '192.0.2.1'),
  ];
  for (const said of claims) {
    expect(taken('n2', said)).toEqual([{ Lacks: 'a key and an address of its own: node n1 has the same' }]);
    // A host that joined anew.
    expect(taken('n2', said, 'down')).toEqual([said.Shoal?.Encryption]);
  }
  expect(taken('n2', saying({ Key: fresh, Port: 1 }))).toEqual([{ Key: fresh, Port: 1 }]);
});

test('an address belongs to the node that speaks from it, else to the first who said so: the other is refused by name, and nobody is cut off with him', () => {
  const key = (letter: string): NodeEncryption => ({ Key: `${letter.repeat(43)}=`, Port: 1 });
  const saying = (Encryption: NodeEncryption, DataPathAddr?: string): NodeDescription => ({
    ...description,
    Shoal: { Encryption, ...(DataPathAddr && { DataPathAddr }) },
  });
  const liar = aNode('n1', { Description: saying(key('A'), '192.0.2.2'), Status: { State: 'ready', Addr: '192.0.2.1' } });
  const store = storeOf({ node: [liar, aNode('n2', { Status: { State: 'down', Addr: '' } }), aNode('n3', { Status: { State: 'ready', Addr: '192.0.2.3' } })] });
  const encryptionOf = (id: string) => store.get('node', id)?.Description?.Shoal?.Encryption;
  const takes = (index: number, actions: readonly Action[]) => store.apply(index, { actions, now: startTime });
  // Whose address it is was not here yet; a third node says the same.
  takes(2, describeNode(store, 'n3', saying(key('E'), '192.0.2.2')));
  expect([encryptionOf('n1'), encryptionOf('n3')]).toEqual([key('A'), { Lacks: 'a key and an address of its own: node n1 has the same' }]);
  takes(3, registerNode(store, 'n2', saying(key('M')), '192.0.2.2'));
  const refused = { Lacks: 'a key and an address of its own: node n2 has the same' };
  expect([encryptionOf('n1'), encryptionOf('n2')]).toEqual([refused, key('M')]);
  takes(4, describeNode(store, 'n1', saying(key('A'), '192.0.2.2')));
  expect([encryptionOf('n1'), encryptionOf('n2')]).toEqual([refused, key('M')]);
  expect(registerNode(store, 'n2', saying(key('M')), '192.0.2.2')).toEqual([]);
  takes(5, describeNode(store, 'n1', saying(key('A'))));
  expect(encryptionOf('n1')).toEqual(key('A'));
});

test('a node that comes back from where it was looks at no other, and of a thousand that come for the first time each looks once', () => {
  const store = storeOf({ node: [aNode('n1', { Status: { State: 'unknown', Addr: '192.0.2.1' } }), aNode('n2')] });
  let looks = 0;
  const list = store.list.bind(store);
  store.list = (kind) => {
    if (kind === 'node') looks++;
    return list(kind);
  };
  expect(registerNode(store, 'n1', description, '192.0.2.1')).toHaveLength(1);
  expect(looks).toBe(0);
  registerNode(store, 'n1', description, '192.0.2.9');
  expect(looks).toBe(1);
});
