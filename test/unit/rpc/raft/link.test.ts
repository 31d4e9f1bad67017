import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { seededRandom } from '#base/random';
import { Link, type Dialling } from '#rpc/raft/link';
import { VirtualClock } from '#test/support/virtual-clock';

function dialled() {
  const clock = new VirtualClock();
  const calls: (EventEmitter & { cancelled: number })[] = [];
  const link = new Link({
    peer: 'two',
    nodeId: 'one',
    clock,
    random: seededRandom(1),
    limits: { messages: 10, bytes: 1000 },
    dial: () => {
      const call = Object.assign(new EventEmitter(), { cancelled: 0, write: () => true, cancel: () => void call.cancelled++ });
      calls.push(call);
      return { call, close: () => undefined } as unknown as Dialling;
    },
    heard: () => undefined,
    lost: () => undefined,
    failed: () => undefined,
  });
  link.at('192.0.2.2:2377');
  return { clock, calls, link };
}

test('a manager that does not answer is given up, and dialled again', async () => {
  const { clock, calls, link } = dialled();
  await clock.advance(1999);
  expect(calls.map(({ cancelled }) => cancelled)).toEqual([0]);
  await clock.advance(1);
  expect(calls[0]?.cancelled).toBe(1);
  calls[0]?.emit('close');
  await clock.advance(200);
  expect(calls).toHaveLength(2);
  link.stop();
});

test('a manager that did not run itself does not give up the other for that', async () => {
  const { clock, calls, link } = dialled();
  clock.sleep(5000);
  await clock.advance(0);
  calls[0]?.emit('metadata');
  await clock.advance(10_000);
  expect(calls.map(({ cancelled }) => cancelled)).toEqual([0]);
  expect(link.lane.open).toBe(true);
  link.stop();
});

test('a manager that is known to be there is dialled at once, once, and not while it is being dialled', async () => {
  const { clock, calls, link } = dialled();
  link.there();
  await clock.advance(0);
  expect(calls).toHaveLength(1);
  // Tried so often that the next try is a second away.
  for (let tries = 1; tries < 20; tries++) {
    calls.at(-1)?.emit('close');
    await clock.advance(1500);
  }
  const tries = calls.length;
  calls.at(-1)?.emit('close');
  link.there();
  link.there();
  await clock.advance(0);
  expect(calls).toHaveLength(tries + 1);
  link.stop();
  link.there();
  await clock.advance(5000);
  expect(calls).toHaveLength(tries + 1);
});
