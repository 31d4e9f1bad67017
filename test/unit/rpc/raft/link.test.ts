import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { seededRandom } from '#base/random';
import { Link, type Accepted, type Dialling } from '#rpc/raft/link';
import { VirtualClock } from '#test/support/virtual-clock';

function unknown() {
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
    opened: () => undefined,
    failed: () => undefined,
  });
  return { clock, calls, link };
}

function dialled() {
  const made = unknown();
  made.link.at('192.0.2.2:2377');
  return made;
}

function called(link: Link): EventEmitter {
  const call = Object.assign(new EventEmitter(), { write: () => true, end: () => undefined });
  link.accept(call as unknown as Accepted);
  return call;
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

test('a manager that takes part from now on is dialled when it has called, and once, or a while later', async () => {
  const [calling, silent] = [unknown(), unknown()];
  for (const { link } of [calling, silent]) link.at('192.0.2.2:2377', true);
  await calling.clock.advance(100);
  expect(calling.calls).toHaveLength(0);
  calling.link.there();
  await calling.clock.advance(1000);
  expect(calling.calls).toHaveLength(1);
  await silent.clock.advance(399);
  expect(silent.calls).toHaveLength(0);
  await silent.clock.advance(1);
  expect(silent.calls).toHaveLength(1);
  for (const { link } of [calling, silent]) link.stop();
});

test('a manager that has called is answered over its line, and dialled beside it a while later', async () => {
  const { clock, calls, link } = unknown();
  called(link);
  link.at('192.0.2.2:2377');
  expect(link.lane.open).toBe(true);
  await clock.advance(1499);
  expect(calls).toHaveLength(0);
  await clock.advance(1);
  expect(calls).toHaveLength(1);
  link.stop();
});

test('where its line ends before that, it is dialled at once', async () => {
  const { clock, calls, link } = unknown();
  const call = called(link);
  link.at('192.0.2.2:2377');
  call.emit('close');
  expect(link.lane.open).toBe(false);
  await clock.advance(0);
  expect(calls).toHaveLength(1);
  link.stop();
});
