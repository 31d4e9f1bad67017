/** When a silent node is down: by its own deadline, whatever else the leader waits for. */
import { expect, onTestFinished, test } from 'vitest';
import { runSessions } from '#agent/session-loop';
import { pause } from '#base/clock';
import { seededRandom } from '#base/random';
import { create } from '#store/action';
import { aNode } from '#test/support/cluster-objects';
import { nodeId, setUpSessions as setUp } from '#test/support/leader-sessions';
import { testDescription } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';

test('a node whose link is cut just after its beat is down within three periods, though the other managers answer nothing when the leader looks at who has beaten', async () => {
  const { sessions, store, clock, log, write } = await setUp();
  await write([create('node', aNode('cut'))]);
  const living = await sessions.open(nodeId, testDescription);
  await living.heartbeat();
  await clock.advance(900);
  const cut = await sessions.open('cut', testDescription);
  await cut.heartbeat();
  for (let beats = 0; beats < 2; beats++) {
    await living.heartbeat();
    await clock.advance(900);
  }
  await living.heartbeat();
  // The look that was planned when the first one beat comes now, and finds that it has beaten since.
  log.reading = new Promise(() => undefined);
  await clock.advance(900);
  await living.heartbeat();
  await clock.advance(301);
  expect([nodeId, 'cut'].map((id) => store.get('node', id)?.Status.State)).toEqual(['ready', 'down']);
});

/** A node whose own loop beats over a link that is cut now and then: what is sent meanwhile arrives when the link is whole and another connection over it is made. */
async function overLink(seed: number) {
  const reconnectMs = 500;
  const { sessions, store, clock, write } = await setUp();
  await write([create('node', aNode('cut'))]);
  let healed: Promise<void> | undefined;
  const random = seededRandom(seed);
  const ending = new AbortController();
  const nothing = (): undefined => undefined;
  const openSession = async () => {
    const session = await sessions.open('cut', testDescription);
    const heartbeat = async (): Promise<number> => {
      if (healed) await healed.then(() => pause(clock, reconnectMs));
      return await session.heartbeat();
    };
    const assignments = () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(nothing) }) });
    return { ...session, heartbeat, assignments };
  };
  const calls = {
    ready: Promise.resolve(),
    able: async () => undefined,
    opened: nothing,
    assigned: nothing,
    heard: nothing,
    unable: nothing,
    closed: nothing,
    failed: nothing,
  };
  void runSessions('cut', { openSession, describe: async () => testDescription, clock, random, logger: silentLogger }, calls, ending.signal);
  onTestFinished(() => {
    ending.abort();
    sessions.stop();
  });
  // Cut at any time between two beats.
  await clock.advance(5000 + Math.floor(1000 * random.next()));
  return {
    clock,
    isDown: () => store.get('node', 'cut')?.Status.State === 'down',
    cut: () => {
      let heal: () => void = nothing;
      healed = new Promise((resolve) => (heal = resolve));
      return () => {
        heal();
        healed = undefined;
      };
    },
  };
}

test('whenever a link is cut, its node is down 2.6 to 3 periods later; a break of two periods harms nobody who needs half of one to come back', async () => {
  const took: number[] = [];
  for (let seed = 1; seed <= 20; seed++) {
    const { clock, isDown, cut } = await overLink(seed);
    const heal = cut();
    await clock.advance(2000);
    heal();
    await clock.advance(3000 + seed * 31);
    expect([seed, isDown()]).toEqual([seed, false]);
    cut();
    let ms = 2500;
    await clock.advance(ms);
    expect([seed, isDown()]).toEqual([seed, false]);
    for (; !isDown() && ms < 5000; ms += 10) await clock.advance(10);
    took.push(ms);
  }
  expect([Math.min(...took) >= 2590, Math.max(...took) <= 3010, new Set(took).size > 10], String(took)).toEqual([true, true, true]);
});
