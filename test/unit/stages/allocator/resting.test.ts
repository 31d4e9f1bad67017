import { expect, test } from 'vitest';
import { addressNumber } from '#model/ipv4';
import { RestingAddresses } from '#stages/allocator/resting';
import { AddressSpace } from '#stages/allocator/address-space';
import type { Task } from '#model/object/task';
import type { StoreEvent } from '#store/action';
import { AddressUse } from '#store/index/address-use';
import { aService, aSubnet, aTask } from '#test/support/cluster-objects';

const minute = 60_000;
const net = aSubnet('net', '10.5.0.0/29', '10.5.0.1');
const at = (...addresses: string[]): Partial<Task> => ({ NetworksAttachments: [{ Network: net, Addresses: addresses }] });
const taskEvent = (previous: Task | undefined, object: Task | undefined): StoreEvent => ({
  kind: 'task',
  id: 'a',
  ...(previous && { previous }),
  ...(object && { object }),
});

/** The last numbers of the addresses in 10.5.0.0/29 that rest. */
function resting(memory: RestingAddresses, now: number): number[] {
  const rests = memory.at(now);
  return [1, 2, 3, 4, 5, 6].filter((last) => rests('net', addressNumber(`10.5.0.${last}`)!));
}

test('what a task or a service gave back rests for three minutes: who ended, is gone, is off the network, or has another address', () => {
  const memory = new RestingAddresses();
  const held = aTask('a', 'running', at('10.5.0.2/29'));
  memory.note([taskEvent(held, aTask('a', 'shutdown', at('10.5.0.2/29')))], 0);
  memory.note([taskEvent(aTask('a', 'running', at('10.5.0.3/29')), undefined)], 1);
  memory.note([taskEvent(aTask('a', 'running', at('10.5.0.4/29')), aTask('a', 'running', at()))], 2);
  const service = aService('web', {}, { Endpoint: { VirtualIPs: [{ NetworkID: 'net', Addr: '10.5.0.5/29' }] } });
  memory.note([{ kind: 'service', id: 'web', previous: service }], 3);
  expect(resting(memory, 3)).toEqual([2, 3, 4, 5]);
  expect(memory.at(3)('other', addressNumber('10.5.0.2')!)).toBe(false);
  expect(resting(memory, 3 * minute + 1)).toEqual([4, 5]);
  expect(resting(memory, 3 * minute + 3)).toEqual([]);
});

test('who keeps an address, or ended long ago, frees none; one that is given and freed again rests anew', () => {
  const memory = new RestingAddresses();
  const running = aTask('a', 'running', at('10.5.0.2/29'));
  memory.note([taskEvent(undefined, running), taskEvent(running, { ...running, DesiredState: 'shutdown' })], 0);
  memory.note([taskEvent(aTask('a', 'failed', at('10.5.0.3/29')), undefined)], 0);
  expect(resting(memory, 0)).toEqual([]);
  memory.note([taskEvent(running, undefined)], 0);
  memory.note([taskEvent(running, undefined)], 2 * minute);
  expect(resting(memory, 4 * minute)).toEqual([2]);
});

test('one that rests comes after all others, and comes when it is the only one', () => {
  const rests = new Set(['10.5.0.2', '10.5.0.4'].map((text) => addressNumber(text)));
  const space = new AddressSpace(net, 1, new AddressUse(), (_network, address) => rests.has(address));
  expect(Array.from({ length: 5 }, () => space.take())).toEqual([3, 5, 6, 2, 4].map((last) => `10.5.0.${last}/29`));
  expect(space.take()).toBeUndefined();
});
