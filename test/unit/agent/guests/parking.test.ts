/** A node's part of it: who is parked, who is not, and what is given to a container that starts. */
import { expect, test } from 'vitest';
import { Parking } from '#agent/guests/parking';
import type { Guest, GuestEngine } from '#engine/guests';
import type { AttachmentChange } from '#model/object/assignment';
import type { Task } from '#model/object/task';
import type { NetworkState } from '#task/prepare';
import { aNetwork, aTask } from '#test/support/cluster-objects';
import { settle, VirtualClock } from '../../../support/virtual-clock.ts';

const network = aNetwork('net');

function aGuestTask(address: string | undefined, givesUp = false): Task {
  const task = aTask('t1', 'running', { NetworksAttachments: [{ Network: network, Addresses: address === undefined ? [] : [`${address}/24`] }] });
  const Attachment = { ContainerID: 'c1', Name: 'box', ...(givesUp && { GivesUp: ['net'] }) };
  return { ...task, Shoal: { ...task.Shoal, Attachment } };
}

/** Managers that answer what they are told in this way, and an engine with one container. */
function setUp(task: Task, address: string, answers: Partial<Record<AttachmentChange['type'], () => string>> = {}) {
  const clock = new VirtualClock();
  const tasks = new Map([[task.ID, task]]);
  const networks = new Map<string, NetworkState>([['net', { network, gateway: '10.1.0.1', ready: true }]]);
  const done: string[] = [];
  const guest: Guest = { containerId: 'c1', name: 'box', ended: true, networkIds: ['net'], addresses: { net: address }, nameServers: [], networks: [] };
  const engine = { guest };
  const guests = {
    look: async () => engine.guest,
    move: async (id: string, networkId: string, to: string) => {
      done.push(`${id} ${networkId} ${to}`);
      engine.guest = { ...engine.guest, addresses: { [networkId]: to } };
    },
  } as Partial<GuestEngine> as GuestEngine;
  const tell = async (change: AttachmentChange): Promise<string> => {
    done.push(change.type);
    return answers[change.type]?.() ?? 't1';
  };
  const parking = new Parking({ guests, clock, tasks, networks, tell }, new AbortController().signal);
  const become = (next: Task) => void tasks.set(next.ID, next);
  return { parking, clock, done, engine, become, task: () => tasks.get('t1') as Task };
}

test('a container is parked before its address is said to be free, and one that runs is not', async () => {
  const asked = aGuestTask('10.1.0.2', true);
  const { parking, done, engine, become } = setUp(asked, '10.1.0.2', { park: () => (become(aGuestTask(undefined)), 't1') });
  await parking.park(asked, { ...engine.guest, ended: false });
  expect(done).toEqual([]);
  await parking.park(asked, engine.guest);
  expect(done).toEqual(['c1 net 10.1.0.1', 'park']);
});

test('one that was parked starts with the address that the managers give it, when there is one', async () => {
  let tries = 0;
  const wake = () => (++tries < 3 ? '' : (become(aGuestTask('10.1.0.9')), 't1'));
  const { parking, done, clock, become } = setUp(aGuestTask(undefined), '10.1.0.1', { wake });
  const woken = parking.wake('t1');
  await clock.advance(300);
  await woken;
  expect(done).toEqual(['wake', 'wake', 'wake', 'c1 net 10.1.0.9']);
});

test('one that nobody asked starts as it is, and one that is asked and not parked yet keeps what it has', async () => {
  const calm = setUp(aGuestTask('10.1.0.2'), '10.1.0.2');
  await calm.parking.wake('t1');
  expect(calm.done).toEqual([]);
  const asked = setUp(aGuestTask('10.1.0.2', true), '10.1.0.2');
  await asked.parking.wake('t1');
  expect(asked.done).toEqual(['wake']);
});

test('an address of before the parking, which this node may still know it by, is not taken for its own', async () => {
  const { parking, done, clock, become } = setUp(aGuestTask('10.1.0.2'), '10.1.0.1', { wake: () => (become(aGuestTask('10.1.0.7')), 't1') });
  const woken = parking.wake('t1');
  await clock.advance(100);
  expect(done).toEqual(['park']);
  become(aGuestTask(undefined));
  await clock.advance(100);
  await woken;
  expect(done).toEqual(['park', 'wake', 'c1 net 10.1.0.7']);
});

test('a start waits for a parking that is on its way, and for no more than half a minute for an address', async () => {
  const asked = aGuestTask('10.1.0.2', true);
  const { parking, done, clock, engine, become } = setUp(asked, '10.1.0.2', { wake: () => '' });
  const parked = parking.park(asked, engine.guest);
  const woken = expect(parking.wake('t1')).rejects.toThrow('no address is free on the network');
  await settle();
  expect(done).toEqual(['c1 net 10.1.0.1', 'park']);
  become(aGuestTask(undefined));
  await clock.advance(100);
  await parked;
  expect(done.slice(2)).toEqual(['wake']);
  await clock.advance(31_000);
  await woken;
});

test('of a network that its task is not on nothing is asked, and nobody waits for it', async () => {
  const { NetworksAttachments: _none, ...task } = aGuestTask('10.1.0.2');
  const { parking, done } = setUp(task, '10.1.0.1');
  await parking.wake('t1');
  expect(done).toEqual([]);
});
