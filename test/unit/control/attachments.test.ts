/** Containers that are no task's, as the managers see them: the use cases with the whole pass behind them. */
import { expect, test } from 'vitest';
import { changeAttachment } from '#control/attachments';
import { createNetwork, removeNetwork } from '#control/networks';
import { stages } from '#manager/stages';
import { addressIn } from '#stages/allocator/allocator';
import type { AttachmentChange } from '#model/object/assignment';
import type { Node, NodeDescription, NodeEncryption } from '#model/object/node';
import { itemKey, itemOf } from '#stages/dispatcher/item';
import { update } from '#store/action';
import { initialisedCluster } from '#test/support/memory-cluster';

const nodeId = 'node-one';

function setUp() {
  const cluster = initialisedCluster({ stages });
  const make = (Name: string, Subnet: string, Attachable = true): string => cluster.run(createNetwork({ Name, Attachable, IPAM: { Config: [{ Subnet }] } })).ID;
  const networks = { red: make('red', '10.1.0.0/24'), blue: make('blue', '10.2.0.0/24'), closed: make('closed', '10.3.0.0/24', false) };
  const say = (change: AttachmentChange, node = nodeId): string => cluster.run(changeAttachment(node, change, addressIn));
  const attach = (containerId: string, network: string, more: object = {}): string =>
    say({ type: 'attach', containerId, name: `name-${containerId}`, network, aliases: [], ...more });
  const places = (id: string): unknown =>
    cluster.store.get('task', id)?.NetworksAttachments?.map(({ Network, Addresses }) => [Network.Spec.Name, ...Addresses]);
  return { cluster, networks, say, attach, places, task: (id: string) => cluster.store.get('task', id) };
}

test('a container gets an address in each of its networks, and its node one too', () => {
  const { cluster, networks, attach, places, task } = setUp();
  const id = attach('c1', 'red');
  expect(attach('c1', networks.blue.slice(0, 12), { address: '10.2.0.77' })).toBe(id);
  expect(places(id)).toEqual([
    ['red', '10.1.0.2/24'],
    ['blue', '10.2.0.77/24'],
  ]);
  expect(task(id)).toMatchObject({ ServiceID: '', NodeID: nodeId, Status: { State: 'running' }, DesiredState: 'running' });
  expect(Object.keys(cluster.store.get('node', nodeId)?.Shoal?.Gateways ?? {}).toSorted()).toEqual([networks.red, networks.blue].toSorted());
});

test('it is found by its name while it runs', () => {
  const { cluster, attach, say } = setUp();
  const taskId = attach('key', 'red', { aliases: ['other'] });
  const ready = () => (itemOf(cluster.store, itemKey('backend', taskId))?.item as { Ready?: boolean } | undefined)?.Ready;
  expect(ready()).toBe(false);
  say({ type: 'tell', taskId, containerId: 'c1', name: 'box', running: true });
  expect(ready()).toBe(true);
  expect(itemOf(cluster.store, itemKey('backend', taskId))?.item).toMatchObject({ ServiceID: taskId, Networks: [{ Address: '10.1.0.2', Aliases: ['other'] }] });
  expect(itemOf(cluster.store, itemKey('service', taskId))?.item).toEqual({ ID: taskId, Name: 'box', Ports: [] });
  say({ type: 'tell', taskId, containerId: 'c1', name: 'box', running: false });
  expect(ready()).toBe(false);
});

test('what it leaves is free, and what it does not leave stays', () => {
  const { cluster, networks, attach, say, places, task } = setUp();
  const taskId = attach('c1', 'red');
  attach('c1', 'blue');
  say({ type: 'detach', taskId, networkId: networks.red });
  expect(places(taskId)).toEqual([['blue', '10.2.0.2/24']]);
  expect(Object.keys(cluster.store.get('node', nodeId)?.Shoal?.Gateways ?? {})).toEqual([networks.blue]);
  attach('c1', 'red');
  say({ type: 'detach', taskId, networkId: 'RED' });
  expect(places(taskId)).toEqual([['blue', '10.2.0.2/24']]);
  say({ type: 'detach', taskId });
  expect(task(taskId)).toBeUndefined();
  expect(say({ type: 'detach', taskId })).toBe(taskId);
  expect(places(attach('c2', 'blue', { address: '10.2.0.2' }))).toEqual([['blue', '10.2.0.2/24']]);
});

test('an address that somebody has is refused, and changes nothing of the networks that the container is on', () => {
  const { cluster, attach, say, places, task, networks } = setUp();
  say({ type: 'tell', taskId: attach('c1', 'red', { address: '10.1.0.9' }), containerId: 'c1', name: 'box', running: true });
  expect(() => attach('c2', 'red', { address: '10.1.0.9' })).toThrow('network red: address 10.1.0.9 is already in use');
  const id = attach('c2', 'blue');
  const [before, entries] = [task(id), cluster.entries];
  expect(() => attach('c2', 'red', { address: '10.1.0.9' })).toThrow('network red: address 10.1.0.9 is already in use');
  expect([task(id), cluster.entries]).toEqual([before, entries]);
  expect(attach('c2', networks.red)).toBe(id);
  expect(places(id)).toEqual([
    ['blue', '10.2.0.2/24'],
    ['red', '10.1.0.10/24'],
  ]);
});

test('an address that is none of the network’s is refused', () => {
  const { attach } = setUp();
  for (const address of ['10.9.0.1', 'nonsense']) {
    expect(() => attach('c1', 'red', { address })).toThrow(`invalid address ${address}: It does not belong to any of this network's subnets`);
  }
});

test('an address that was asked for once is not asked for again', () => {
  const { networks, attach, say, places } = setUp();
  const taskId = attach('c1', 'red', { address: '10.1.0.9' });
  attach('c1', 'blue');
  say({ type: 'detach', taskId, networkId: networks.red });
  attach('c2', 'red', { address: '10.1.0.9' });
  attach('c1', 'red');
  expect(places(taskId)).toEqual([
    ['blue', '10.2.0.2/24'],
    ['red', '10.1.0.10/24'],
  ]);
});

test('one that does not run may ask again for a network that it is on, with other aliases or another address; one that runs may not', () => {
  const { cluster, attach, say, places, task, networks } = setUp();
  const taskId = attach('c1', 'red', { aliases: ['old', 'other'] });
  attach('c1', 'blue');
  const aliases = () => [task(taskId)?.Spec.Networks?.map(({ Aliases }) => Aliases), task(taskId)?.NetworksAttachments?.map(({ Aliases }) => Aliases)];
  expect(attach('c1', 'red', { aliases: ['new'] })).toBe(taskId);
  expect([places(taskId), aliases()]).toEqual([
    [
      ['red', '10.1.0.2/24'],
      ['blue', '10.2.0.2/24'],
    ],
    [
      [['new'], undefined],
      [['new'], undefined],
    ],
  ]);
  attach('c1', 'red', { address: '10.1.0.9' });
  expect([places(taskId), aliases()[0]]).toEqual([
    [
      ['red', '10.1.0.9/24'],
      ['blue', '10.2.0.2/24'],
    ],
    [undefined, undefined],
  ]);
  // Its address was asked back, and it is to have one again.
  say({ type: 'park', taskId, networkId: networks.red });
  expect(places(taskId)).toEqual([['red'], ['blue', '10.2.0.2/24']]);
  attach('c1', 'red', { aliases: ['new'] });
  expect(places(taskId)).toEqual([
    ['red', expect.stringMatching(/^10\.1\.0\.\d+\/24$/)],
    ['blue', '10.2.0.2/24'],
  ]);
  say({ type: 'tell', taskId, containerId: 'c1', name: 'box', running: true });
  const entries = cluster.entries;
  expect(() => attach('c1', 'red', { aliases: ['third'] })).toThrow(
    expect.objectContaining({ code: 'alreadyExists', message: 'name-c1 is already attached to network red' }),
  );
  expect([cluster.entries, aliases()[0]]).toEqual([entries, [['new'], undefined]]);
});

test('networks that are not attachable, and other nodes’ containers, are refused', () => {
  const { attach, say } = setUp();
  expect(() => attach('c1', 'closed')).toThrow(expect.objectContaining({ code: 'permissionDenied', message: 'network closed not manually attachable' }));
  expect(() => attach('c1', 'ingress')).toThrow('network ingress not manually attachable');
  expect(() => attach('c1', 'nobodys')).toThrow(expect.objectContaining({ code: 'notFound' }));
  const taskId = attach('c1', 'red');
  expect(() => say({ type: 'detach', taskId }, 'another')).toThrow(expect.objectContaining({ code: 'notFound' }));
});

test('a network is kept by a container that runs, and by no other', () => {
  const { cluster, networks, attach, say, places } = setUp();
  const taskId = attach('c1', 'red');
  attach('c1', 'blue');
  say({ type: 'tell', taskId, containerId: 'c1', name: 'box', running: true });
  expect(() => cluster.run(removeNetwork('red'))).toThrow(`network ${networks.red} is in use by task ${taskId}`);
  say({ type: 'tell', taskId, containerId: 'c1', name: 'box', running: false });
  cluster.run(removeNetwork('red'));
  expect(places(taskId)).toEqual([['blue', '10.2.0.2/24']]);
});

test('its node’s end is its own, and nothing else that the managers decide', () => {
  const { cluster, attach, task } = setUp();
  const taskId = attach('c1', 'red');
  const node = cluster.store.get('node', nodeId);
  if (!node) throw new Error('no node');
  cluster.run(() => ({ actions: [update('node', { ...node, Spec: { ...node.Spec, Availability: 'drain' } })], result: undefined }));
  expect(task(taskId)?.DesiredState).toBe('running');
  cluster.run(() => ({ actions: [{ type: 'remove', kind: 'node', id: nodeId }], result: undefined }));
  expect(task(taskId)).toBeUndefined();
});

test('nobody is led to a container of a node that is down, until that says that it runs', () => {
  const { cluster, attach, say } = setUp();
  const taskId = attach('c1', 'red');
  const running = { type: 'tell', taskId, containerId: 'c1', name: 'box', running: true } as const;
  const ready = () => (itemOf(cluster.store, itemKey('backend', taskId))?.item as { Ready?: boolean } | undefined)?.Ready;
  say(running);
  const become = (State: 'ready' | 'down'): void => {
    const node = cluster.store.get('node', nodeId);
    if (node) cluster.run(() => ({ actions: [update('node', { ...node, Status: { ...node.Status, State } })], result: undefined }));
  };
  become('down');
  expect(ready()).toBe(false);
  become('ready');
  expect(ready()).toBe(false);
  say(running);
  expect(ready()).toBe(true);
});

test('a container gets on no encrypted network where its node cannot encrypt', () => {
  const { cluster, attach } = setUp();
  const node = cluster.store.get('node', nodeId) as Node;
  const said = (Encryption: NodeEncryption): Node => ({ ...node, Description: { ...(node.Description as NodeDescription), Shoal: { Encryption } } });
  const become = (next: Node) =>
    cluster.run(() => ({ actions: [update('node', { ...next, Version: (cluster.store.get('node', nodeId) as Node).Version })], result: undefined }));
  become(said({ Key: `${'A'.repeat(43)}=`, Port: 51_820 }));
  cluster.run(createNetwork({ Name: 'sealed', Attachable: true, Options: { encrypted: '' } }));
  attach('c1', 'sealed');
  become(said({ Lacks: 'the program wg' }));
  expect(() => attach('c2', 'sealed')).toThrow('network sealed is encrypted, and this node cannot encrypt (the program wg');
});
