/** That another manager can be reached from now on is told to whoever speaks with it. */
import { afterEach, expect, test } from 'vitest';
import type { Receiver } from '#raft/transport';
import { TestAuthority } from '#test/support/cluster-certificates';
import { openDoor } from '#test/support/raft-lines';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

const receiver: Receiver = {
  message: () => undefined,
  snapshot: async () => undefined,
  unreachable: () => undefined,
  reachable: () => undefined,
};

test('who is not where the group says is found at one of the places that the operator gave, whoever else is there', async () => {
  const reached: string[] = [];
  const authority = await TestAuthority.begin();
  const b = await openDoor(authority, 'b');
  const c = await openDoor(authority, 'c');
  const a = await openDoor(authority, 'a', { elsewhere: [c.address, b.address] });
  stops.push(a.stop, b.stop, c.stop);
  await b.transport.start(receiver);
  await c.transport.start(receiver);
  await a.transport.start({ ...receiver, reachable: (id) => void reached.push(id) });
  a.transport.members({ voters: ['a', 'b', 'c'], learners: [], addresses: { a: a.address, b: '127.0.0.1:1', c: '127.0.0.1:1' } });
  await expect.poll(() => reached.toSorted(), { timeout: 30_000 }).toEqual(['b', 'c']);
});

test('who dials is told once that the other is reached, when both lines are there', async () => {
  const reached: string[] = [];
  const authority = await TestAuthority.begin();
  const a = await openDoor(authority, 'a');
  const b = await openDoor(authority, 'b');
  stops.push(a.stop, b.stop);
  await b.transport.start(receiver);
  await a.transport.start({ ...receiver, reachable: (id) => void reached.push(id) });
  a.transport.members({ voters: ['a', 'b'], learners: [], addresses: { a: a.address, b: b.address } });
  await expect.poll(() => reached, { timeout: 30_000 }).toEqual(['b']);
});

test('however many managers have left, one that this manager does not know yet is heard', async () => {
  const authority = await TestAuthority.begin();
  const a = await openDoor(authority, 'a');
  const b = await openDoor(authority, 'b');
  stops.push(a.stop, b.stop);
  const heard: string[] = [];
  await a.transport.start({ ...receiver, message: (from) => void heard.push(from) });
  await b.transport.start(receiver);
  const gone = Array.from({ length: 40 }, (_, number) => `gone${number}`);
  a.transport.members({ voters: ['a', ...gone], learners: [], addresses: Object.fromEntries(gone.map((id) => [id, '127.0.0.1:1'])) });
  a.transport.members({ voters: ['a'], learners: [], addresses: { a: a.address } });
  b.transport.members({ voters: ['a', 'b'], learners: [], addresses: { a: a.address, b: b.address } });
  await expect
    .poll(
      () => {
        b.transport.send({ type: 'heartbeat', from: 'b', to: 'a', term: 1, commit: 0, readSequence: 0 });
        return heard;
      },
      { timeout: 30_000 },
    )
    .toContain('b');
});
