/** That another manager can be reached from now on is told to whoever speaks with it. */
import { afterEach, expect, test } from 'vitest';
import type { Receiver } from '#raft/transport';
import { TestAuthority } from '#test/support/cluster-certificates';
import { openDoor } from '#test/support/raft-lines';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

test('who dials is told once that the other is reached, when both lines are there', async () => {
  const reached: string[] = [];
  const receiver: Receiver = {
    message: () => undefined,
    snapshot: async () => undefined,
    unreachable: () => undefined,
    reachable: (id) => void reached.push(id),
  };
  const authority = await TestAuthority.begin();
  const a = await openDoor(authority, 'a');
  const b = await openDoor(authority, 'b');
  stops.push(a.stop, b.stop);
  await b.transport.start({ ...receiver, reachable: () => undefined });
  await a.transport.start(receiver);
  a.transport.members({ voters: ['a', 'b'], learners: [], addresses: { a: a.address, b: b.address } });
  await expect.poll(() => reached, { timeout: 30_000 }).toEqual(['b']);
});
