/** A manager that says that it is elsewhere is known there as soon as it is reached there. */
import { expect, test } from 'vitest';
import { Refusal } from '#base/refusal';
import { initCluster } from '#control/clusters';
import { ManagerMoves } from '#manager/seats/manager-moves';
import type { Node } from '#model/object/node';
import { create, update } from '#store/action';
import { aNode } from '#test/support/cluster-objects';
import { MemoryCluster, testDescription } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';
import { settle, VirtualClock } from '#test/support/virtual-clock';

/** A leader `boss` and the managers `two` and `three`; `answers`: who is found at an address. */
async function setUp() {
  const clock = new VirtualClock();
  const cluster = new MemoryCluster({ clock });
  cluster.run(initCluster({ nodeId: 'boss', address: '10.0.0.1', managerAddress: '10.0.0.1:2377', description: testDescription }));
  const managerAt = (id: string, Addr: string): Node =>
    aNode(id, {
      Spec: { Labels: {}, Role: 'manager', Availability: 'active' },
      Status: { State: 'ready', Addr },
      Description: testDescription,
      Shoal: { Role: 'manager', ManagerAddr: `${Addr}:2377` },
    });
  cluster.write([create('node', managerAt('two', '10.0.0.2')), create('node', managerAt('three', '10.0.0.3')), create('node', aNode('worker'))]);
  const group = new Map(['boss', 'two', 'three'].map((id, at) => [id, `10.0.0.${at + 1}:2377`]));
  const answers = new Map<string, string>();
  const looked: string[] = [];
  const moves = new ManagerMoves({
    cluster,
    nodeId: 'boss',
    standing: () => ({
      id: 'boss',
      leader: 'boss',
      term: 1,
      members: [...group].map(([id, address]) => ({ id, address, voter: true, reachable: true, heardAt: undefined })),
    }),
    members: () => ({ add: async ({ id, address }) => void group.set(id, address) }),
    checkSeated: async (address, id) => {
      looked.push(`${id} at ${address}`);
      const found = answers.get(address);
      if (found !== id) throw new Refusal('failedPrecondition', found === undefined ? 'no answer' : `node ${found} answers there`);
    },
    clock,
    logger: silentLogger,
  });
  const node = (id: string): Node => cluster.store.get('node', id) as Node;
  const say = (id: string, ManagerAddr: string): void =>
    cluster.write([update('node', { ...node(id), Description: { ...testDescription, Shoal: { ManagerAddr } } })]);
  const places = () => ['boss', 'two', 'three'].map((id) => [group.get(id), node(id).Shoal?.ManagerAddr, node(id).Status.Addr].join(' '));
  await moves.start();
  await settle();
  return { clock, group, answers, looked, moves, node, say, places };
}

test('the seat, and what all are told, follow; who says nothing new is not looked for, and a worker never', async () => {
  const { answers, looked, moves, node, say, places } = await setUp();
  answers.set('10.0.0.33:2377', 'three');
  say('three', '10.0.0.33:2377');
  say('two', '10.0.0.2:2377');
  say('worker', '10.0.0.9:2377');
  await settle();
  expect(looked).toEqual(['three at 10.0.0.33:2377']);
  expect(places()[2]).toBe('10.0.0.33:2377 10.0.0.33:2377 10.0.0.33');
  expect(node('worker').Shoal?.ManagerAddr).toBeUndefined();
  await moves.stop();
});

test('the leader itself is where it says, and so is the agent beside it', async () => {
  const { looked, moves, say, places } = await setUp();
  say('boss', '10.0.0.11:2377');
  await settle();
  expect([looked, places()[0]]).toEqual([[], '10.0.0.11:2377 10.0.0.11:2377 10.0.0.11']);
  await moves.stop();
});

test('two that have swapped addresses are both found', async () => {
  const { answers, moves, say, places } = await setUp();
  answers.set('10.0.0.3:2377', 'two').set('10.0.0.2:2377', 'three');
  say('two', '10.0.0.3:2377');
  say('three', '10.0.0.2:2377');
  await settle();
  expect(places().slice(1)).toEqual(['10.0.0.3:2377 10.0.0.3:2377 10.0.0.3', '10.0.0.2:2377 10.0.0.2:2377 10.0.0.2']);
  await moves.stop();
});

test('one that is not reached, or where another answers, stays where it was and says why; it is looked for again, in no hurry', async () => {
  const { clock, group, answers, looked, moves, node, say, places } = await setUp();
  answers.set('10.0.0.2:2377', 'two');
  say('three', '10.0.0.2:2377');
  await settle();
  expect(places()[2]).toBe('10.0.0.3:2377 10.0.0.3:2377 10.0.0.3');
  expect(node('three').Status.Message).toBe('is still known at its address of before: node two answers there');
  say('three', '10.0.0.33:2377');
  await settle();
  expect(node('three').Status.Message).toBe('is still known at its address of before: no answer');
  expect(looked.splice(0)).toHaveLength(2);
  await clock.advance(4999);
  await settle();
  expect(looked).toEqual([]);
  answers.set('10.0.0.33:2377', 'three');
  await clock.advance(1);
  await settle();
  expect([looked, places()[2], node('three').Status.Message]).toEqual([['three at 10.0.0.33:2377'], '10.0.0.33:2377 10.0.0.33:2377 10.0.0.33', undefined]);
  // Who is let go gets no other seat.
  group.delete('two');
  say('two', '10.0.0.22:2377');
  await settle();
  expect(looked).toHaveLength(1);
  await moves.stop();
  expect(clock.running).toBe(0);
});
