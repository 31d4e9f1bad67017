/** Containers that do not run, on networks that have no address left: the use cases with the whole pass behind them. */
import { expect, test } from 'vitest';
import { changeAttachment } from '#control/attachments';
import { createNetwork } from '#control/networks';
import { stages } from '#manager/stages';
import { featureLevel, parkingLevel } from '#model/feature-level';
import type { AttachmentChange } from '#model/object/assignment';
import { addressIn } from '#stages/allocator/allocator';
import { update } from '#store/action';
import { clusterOf } from '#store/view';
import { initialisedCluster } from '#test/support/memory-cluster';

const nodeId = 'node-one';

/** A network of six addresses, one of which is the node's, and five containers that do not run. */
function setUp(level = featureLevel) {
  let now = Date.UTC(2026, 0, 1);
  const cluster = initialisedCluster({ stages, clock: { now: () => now } });
  const known = clusterOf(cluster.store);
  if (!known) throw new Error('no cluster');
  cluster.run(() => ({ actions: [update('cluster', { ...known, Shoal: { ...known.Shoal, FeatureLevel: level } })], result: undefined }));
  const { ID: networkId } = cluster.run(createNetwork({ Name: 'small', Attachable: true, IPAM: { Config: [{ Subnet: '10.1.0.0/29' }] } }));
  const say = (change: AttachmentChange): string => {
    now += 1000;
    return cluster.run(changeAttachment(nodeId, change, addressIn));
  };
  const attach = (containerId: string, more: object = {}) => say({ type: 'attach', containerId, name: containerId, network: 'small', aliases: [], ...more });
  const tell = (taskId: string, containerId: string, running: boolean) => say({ type: 'tell', taskId, containerId, name: containerId, running });
  const park = (taskId: string) => say({ type: 'park', taskId, networkId });
  const addresses = (id: string) => cluster.store.get('task', id)?.NetworksAttachments?.[0]?.Addresses;
  const asked = () => [...cluster.store.list('task')].flatMap(({ Shoal }) => (Shoal.Attachment?.GivesUp ? [Shoal.Attachment.ContainerID] : []));
  const ids = ['c1', 'c2', 'c3', 'c4', 'c5'].map((id) => attach(id)) as [string, string, string, string, string];
  return { cluster, networkId, say, attach, tell, park, addresses, asked, ids };
}

test('of a full network whoever has not run for longest gives its address up, and has another one when it starts', () => {
  const { say, attach, tell, park, addresses, asked, ids } = setUp();
  const [c1, c2, c3] = ids;
  tell(c1, 'c1', true);
  expect([attach('c6'), attach('c6'), asked()]).toEqual(['', '', ['c2']]);
  park(c2);
  expect([addresses(c2), asked()]).toEqual([[], []]);
  expect(addresses(attach('c6'))).toEqual(['10.1.0.3/29']);
  expect([say({ type: 'wake', taskId: c2 }), asked()]).toEqual(['', ['c3']]);
  park(c3);
  expect([say({ type: 'wake', taskId: c2 }), addresses(c2), addresses(c3)]).toEqual([c2, ['10.1.0.4/29'], []]);
});

test('one that runs again, or is about to, is asked no more', () => {
  const { say, attach, tell, addresses, asked, ids } = setUp();
  const [c1, c2] = ids;
  expect([attach('c6'), asked()]).toEqual(['', ['c1']]);
  tell(c1, 'c1', true);
  expect([attach('c6'), asked()]).toEqual(['', ['c2']]);
  expect([say({ type: 'wake', taskId: c2 }), addresses(c2), asked()]).toEqual([c2, ['10.1.0.3/29'], []]);
});

test('one that does not answer is not waited for for ever, and one that left the network is not asked when it comes again', () => {
  const { say, attach, asked, ids, networkId } = setUp();
  const tries = Array.from({ length: 7 }, () => attach('c6'));
  expect([new Set(tries), asked()]).toEqual([new Set(['']), ['c1', 'c2']]);
  say({ type: 'detach', taskId: ids[0], networkId });
  attach('c1');
  expect(asked()).toEqual(['c2']);
});

test('an address that is asked for by name is asked back of whoever has it', () => {
  const { attach, tell, park, addresses, asked, ids } = setUp();
  const wish = { address: '10.1.0.4' };
  expect([attach('c6', wish), asked()]).toEqual(['', ['c3']]);
  park(ids[2]);
  const c6 = attach('c6', wish);
  expect(addresses(c6)).toEqual(['10.1.0.4/29']);
  tell(c6, 'c6', true);
  expect(() => attach('c7', wish)).toThrow('address 10.1.0.4 is already in use');
});

test('where a manager or a node is too old to know of it, or does not answer, nobody is asked', () => {
  const { attach } = setUp(parkingLevel - 1);
  expect(() => attach('c6')).toThrow(/all 6 usable addresses .* 5 of them by containers that do not run/);
  const { cluster, attach: attachThere } = setUp();
  const node = cluster.store.get('node', nodeId);
  if (node) cluster.run(() => ({ actions: [update('node', { ...node, Status: { ...node.Status, State: 'down' } })], result: undefined }));
  expect(() => attachThere('c6')).toThrow('their nodes cannot be asked for those');
});
