/** When a silent node is down: by its own deadline, whatever else the leader waits for. */
import { expect, test } from 'vitest';
import { create } from '#store/action';
import { aNode } from '#test/support/cluster-objects';
import { nodeId, setUpSessions as setUp } from '#test/support/leader-sessions';
import { testDescription } from '#test/support/memory-cluster';

test('a node whose link is cut just after its beat is down within four periods, though the other managers answer nothing when the leader looks at who has beaten', async () => {
  const { sessions, store, clock, log, write } = await setUp();
  await write([create('node', aNode('cut'))]);
  const living = await sessions.open(nodeId, testDescription);
  await clock.advance(900);
  const cut = await sessions.open('cut', testDescription);
  await cut.heartbeat();
  for (let beats = 0; beats < 3; beats++) {
    await living.heartbeat();
    await clock.advance(900);
  }
  await living.heartbeat();
  // The look that was planned when the first one opened comes now, and finds that it has beaten since.
  log.reading = new Promise(() => undefined);
  await clock.advance(900);
  await living.heartbeat();
  await clock.advance(300);
  expect([nodeId, 'cut'].map((id) => store.get('node', id)?.Status.State)).toEqual(['ready', 'down']);
});
