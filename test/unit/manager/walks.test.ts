/** What a pass asks of the store: never for every task, not even in a full scan. */
import { finish } from '#base/pace/steps';
import { expect, test } from 'vitest';
import { DirtySet } from '#manager/dirty';
import { runPass } from '#manager/pass';
import { stages } from '#manager/stages';
import type { Kind } from '#model/object/object';
import { taskNetwork } from '#model/object/task';
import { findObject } from '#control/find';
import { Overlay } from '#store/overlay';
import { boundlessRoom } from '#test/support/boundless-room';
import { Store } from '#store/store';
import { aCluster, aNetwork, aNode, aService, aSubnet, aTask, contextAt, storeOf } from '#test/support/cluster-objects';

class CountingStore extends Store {
  readonly walked: Kind[] = [];

  override list<K extends Kind>(kind: K): ReturnType<Store['list']> & Iterable<never> {
    this.walked.push(kind);
    return super.list(kind) as never;
  }
}

test('a full pass over tasks, a new network, a gone one and a gone service walks no tasks', () => {
  const store = new CountingStore();
  const attached = { NetworksAttachments: [{ Network: taskNetwork(aSubnet('gone', '10.0.0.0/24', '10.0.0.1')), Addresses: ['10.0.0.2/24'] }] };
  store.become(
    storeOf({
      cluster: [aCluster()],
      node: [aNode('n1')],
      network: [aNetwork('new')],
      service: [aService('web')],
      task: [aTask('running', 'running', { NodeID: 'n1', Slot: 1 }), aTask('left', 'running', { NodeID: 'n1', ServiceID: 'departed', ...attached })],
    }),
  );
  const dirty = new DirtySet();
  dirty.markAll();
  const overlay = new Overlay(store);
  finish(runPass(overlay, stages, { ...contextAt(), room: boundlessRoom() }, dirty));
  expect(store.walked).not.toContain('task');
  expect(store.walked).toContain('node');
  // It did see to all of them.
  expect(overlay.get('network', 'new')?.IPAMOptions?.Configs).toMatchObject([{ Subnet: '10.0.1.0/24' }]);
  expect(overlay.get('task', 'left')?.DesiredState).toBe('remove');
});

test('a task is found by the first characters of its id without a walk over all', () => {
  const store = new CountingStore();
  store.become(storeOf({ task: [aTask('abc1', 'running', {}), aTask('abd2', 'running', {}), aTask('b3', 'running', {})] }));
  expect(findObject(store, 'task', 'abc').ID).toBe('abc1');
  expect(() => findObject(store, 'task', 'ab')).toThrow('task ab is ambiguous (2 matches found)');
  expect(() => findObject(store, 'task', 'abx')).toThrow('task abx not found');
  expect(store.walked).not.toContain('task');
  expect(findObject(store, 'task', 'b').ID).toBe('b3');
});
